package sprig_test

import (
	"strings"
	"testing"

	"github.com/DataDog/datadog-agent/pkg/template/text"

	"github.com/gatehouse-iam/gatehouse/internal/sprig"
)

// What the library's documentation shows, as far as we have the function.
func TestFunctions(t *testing.T) {
	data := map[string]any{"list": []any{"a", "b", 3}, "map": map[string]any{"k": "v", "n": nil}, "nothing": nil, "f": 2.0}
	for text, want := range map[string]string{
		`{{ upper "hello" }}{{ lower "HELLO" }}{{ title "hello world" }}`:                                                "HELLOhelloHello World",
		`{{ trim "   hello    " }}{{ trimAll "$" "$5.00" }}`:                                                             "hello5.00",
		`{{ trimSuffix "-" "hello-" }}{{ trimPrefix "-" "-hello" }}`:                                                     "hellohello",
		`{{ trunc 5 "hello world" }}|{{ trunc -5 "hello world" }}|{{ trunc 9 "a" }}`:                                     "hello|world|a",
		`{{ substr 0 5 "hello world" }}|{{ substr 6 -1 "hello world" }}|{{ substr 9 3 "hello" }}`:                        "hello|world|",
		`{{ repeat 3 "hello" }}{{ replace " " "-" "I Am" }}`:                                                             "hellohellohelloI-Am",
		`{{ contains "cat" "catch" }}{{ hasPrefix "cat" "catch" }}{{ hasSuffix "x" "catch" }}`:                           "truetruefalse",
		`{{ quote "a\"b" }}{{ squote .list }}{{ cat "a" nil 1 }}{{ nospace " a b " }}`:                                   `"a\"b"'[a b 3]'a 1ab`,
		`{{ join "-" .list }}|{{ join "-" .nothing }}|{{ splitList "," "a,b" }}|{{ (split "," "a,b")._1 }}`:              "a-b-3||[a b]|b",
		`{{ default "x" .nothing }}{{ .map.k | default "x" }}{{ default "x" 0 }}`:                                        "xvx",
		`{{ coalesce 0 "" .nothing "c" }}{{ empty .nothing }}{{ ternary "y" "n" true }}{{ ternary "y" "n" false }}`:      "ctrueyn",
		`{{ (dict "a" 1 "b" 2).b }}{{ first .list }}{{ last .list }}{{ first (list) | empty }}`:                          "2a3true",
		`{{ get .map "k" }}{{ get .map "x" }}{{ hasKey .map "n" }}{{ keys .map }}{{ has "b" .list }}{{ has "3" .list }}`: "vtrue[k n]truefalse",
		`{{ add 1 2 "3" }}{{ add1 4 }}{{ sub 3 .f }}{{ mul 2 3 4 }}{{ int "7" }}{{ int64 7.9 }}{{ int "x" }}`:            "65124770",
		`{{ urlquery "a b&c" }}{{ toJson .map }}{{ b64enc "hi" }}{{ b64dec "aGk=" }}`:                                    `a+b%26c{"k":"v","n":null}aGk=hi`,
	} {
		parsed, err := template.New("t").Funcs(sprig.Functions()).Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		var b strings.Builder
		if err := parsed.Execute(&b, data); err != nil || b.String() != want {
			t.Errorf("%s: got %q (%v), want %q", text, b.String(), err, want)
		}
	}
}

func TestRepeatIsBounded(t *testing.T) {
	repeat := sprig.Functions()["repeat"].(func(int, string) (string, error))
	for _, n := range []int{-1, 1 << 40} {
		if _, err := repeat(n, "a"); err == nil {
			t.Errorf("%d: no error", n)
		}
	}
}
