package patch_test

import (
	"encoding/json"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/patch"
)

// The examples of RFC 7396, Appendix A, and what they leave open.
func TestMerge(t *testing.T) {
	for _, test := range []struct{ document, change, want string }{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		{`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`["a","b"]`, `["c","d"]`, `["c","d"]`},
		{`{"a":"b"}`, `["c"]`, `["c"]`},
		{`{"a":"foo"}`, `null`, `null`},
		{`{"a":"foo"}`, `"bar"`, `"bar"`},
		{`{"e":null}`, `{"a":1}`, `{"a":1,"e":null}`},
		{`[1,2]`, `{"a":"b","c":null}`, `{"a":"b"}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
		{`{"n":12345678901234567890}`, `{"m":1.50}`, `{"m":1.50,"n":12345678901234567890}`},
	} {
		if got, err := patch.Merge([]byte(test.document), []byte(test.change)); err != nil || string(got) != test.want {
			t.Errorf("%s with %s is %s, %v", test.document, test.change, got, err)
		}
	}
	for _, bad := range []string{"", "{", "{} {}", "no"} {
		for _, pair := range [][2]string{{bad, "{}"}, {"{}", bad}} {
			if got, err := patch.Merge([]byte(pair[0]), []byte(pair[1])); err == nil {
				t.Errorf("%q with %q is %s", pair[0], pair[1], got)
			}
		}
	}
}

func FuzzMerge(f *testing.F) {
	f.Add([]byte(`{"a":{"b":1}}`), []byte(`{"a":{"b":null,"c":[]}}`))
	f.Fuzz(func(t *testing.T, document, change []byte) {
		got, err := patch.Merge(document, change)
		if (err == nil) != (json.Valid(document) && json.Valid(change)) || err == nil && !json.Valid(got) {
			t.Fatalf("%q with %q is %q, %v", document, change, got, err)
		}
		if err == nil { // once is enough
			if again, err := patch.Merge(got, change); err != nil || string(again) != string(got) {
				t.Errorf("%q with %q is %q, and again %q, %v", document, change, got, again, err)
			}
		}
	})
}
