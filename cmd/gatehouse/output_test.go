package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"":                   "",
		"Ärzte für Ärzte 🙂":  "Ärzte für Ärzte 🙂",
		"a\x1b[2Jb":          `"a\x1b[2Jb"`,
		"two\nlines":         `"two\nlines"`,
		"a\tb":               `"a\tb"`,
		"\u009b31m":          `"\u009b31m"`,
		"admin\u202efdp.exe": `"admin\u202efdp.exe"`,
		"zero\u200bwidth":    `"zero\u200bwidth"`,
	} {
		if got := cell(text); got != want {
			t.Errorf("%q is printed as %s, not as %s", text, got, want)
		}
	}
	if got := cell([]any{"a", "b\x07"}); got != `a "b\a"` {
		t.Errorf("a list is printed as %s", got)
	}
	if got := cell(map[string]any{"x": "\u009b"}); strings.Contains(got, "\u009b") {
		t.Errorf("an object is printed as %q", got)
	}
}

const oneClient = `{"client_id":"a","client_name":"A\u001b[2J","redirect_uris":["https://a.example/?x=1&y=2"],"count":1795352522,"big":9007199254740993,"share":0.5,"none":null}`

func TestFormats(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/admin/clients/a" {
			_, _ = w.Write([]byte(oneClient))
			return
		}
		_, _ = w.Write([]byte("[]"))
	}))
	defer s.Close()
	get := func(format string) string {
		return works(t, "", "clients", "get", "a", "--endpoint", s.URL, "--format", format)
	}
	for _, format := range []string{"json", "json-pretty"} {
		out := get(format)
		if !strings.Contains(out, "9007199254740993") || !strings.Contains(out, "x=1&y=2") {
			t.Errorf("%s changes what the server sent: %s", format, out)
		}
		if !json.Valid([]byte(out)) || strings.Count(out, "\n") > 1 != (format == "json-pretty") {
			t.Errorf("%s is not as it should be: %s", format, out)
		}
	}
	var read map[string]any
	if err := yaml.Unmarshal([]byte(get("yaml")), &read); err != nil || read["count"] != 1795352522 || read["big"] != 9007199254740993 || read["share"] != 0.5 {
		t.Errorf("YAML reads as %v (%v)", read, err)
	}
	if out := get("table"); !strings.Contains(out, `"A\x1b[2J"`) || strings.Contains(out, "\x1b") {
		t.Errorf("the table shows a control character: %q", out)
	}
	for format, want := range map[string]string{"json": "[]\n", "yaml": "[]\n"} {
		if out := works(t, "", "clients", "list", "--endpoint", s.URL, "--format", format); out != want {
			t.Errorf("an empty list in %s is %q", format, out)
		}
	}
}

func TestNextPage(t *testing.T) {
	for link, why := range map[string]string{
		`</admin/clients?page_size=500>; rel="next"`: "the one after itself", `<http://[>; rel="next"`: "next page that cannot be read",
	} {
		at := answering(t, 200, http.Header{"Link": {link}}, "[]")
		fails(t, call(t, "", "clients", "list", "--endpoint", at), 1, why)
	}
}

func FuzzReadClients(f *testing.F) {
	for _, s := range []string{`{}`, `[{},7]`, "{}\n{}", `[`, `{`, ``, `null`, ` [] `, `[] []`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		clients, err := readClients(content)
		for _, c := range clients {
			if !json.Valid(c) {
				t.Errorf("%q is no JSON", c)
			}
			_ = called(c)
		}
		if err != nil && clients != nil && strings.TrimSpace(string(content)) == "" {
			t.Error("an empty file holds clients")
		}
	})
}
