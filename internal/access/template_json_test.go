package access_test

import (
	"encoding/json"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/access"
)

// What a client writes into a path must not become a member of the document that is signed, or that decides.
func TestJSONTemplatesKeepStringsClosed(t *testing.T) {
	who := &access.Principal{
		Subject: `eve","role":"admin`, Extra: map[string]any{"n": json.Number("7"), "quote": `a\"b` + "\n<é>"},
		MatchContext: access.MatchContext{RegexpCaptureGroups: []string{`x","role":"admin`}},
	}
	for text, want := range map[string]string{
		`{"sub":"{{ .Subject }}"}`: `{"sub":"eve\",\"role\":\"admin"}`,
		`{"at":"/a/{{ printIndex .MatchContext.RegexpCaptureGroups 0 }}"}`:                 `{"at":"/a/x\",\"role\":\"admin"}`,
		`{"at":"{{ with .Subject }}{{ print . }}{{ else }}nobody{{ end }}"}`:               `{"at":"eve\",\"role\":\"admin"}`,
		`{"a\"{{ .Extra.n }}":{{ .Extra.n }},"q":{{ toJson .Extra.quote }}}`:               `{"a\"7":7,"q":"a\\\"b\n<é>"}`,
		`{"q":"{{ .Extra.quote }}","none":"{{ .Extra.none }}","js":"{{ .Extra.n | js }}"}`: `{"q":"a\\\"b\n<é>","none":"","js":"7"}`,
		`{{ if .Subject }}{"a":"b"}{{ else }}{}{{ end }}`:                                  `{"a":"b"}`,
		`{"a":1}`: `{"a":1}`,
	} {
		compiled, err := access.NewJSONTemplate(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got, err := compiled.Execute(who)
		if err != nil || !json.Valid([]byte(got)) {
			t.Errorf("%s: %s, %v", text, got, err)
			continue
		}
		var a, b any
		if json.Unmarshal([]byte(got), &a) != nil || json.Unmarshal([]byte(want), &b) != nil {
			t.Fatal(text)
		}
		x, _ := json.Marshal(a)
		if y, _ := json.Marshal(b); string(x) != string(y) {
			t.Errorf("%s: %s, want %s", text, x, y)
		}
	}
	for _, text := range []string{
		`{"a":{{ if .Subject }}"{{ end }}x"}`, `{"a":"{{ template "b" . }}"}{{ define "b" }}{{ .Subject }}{{ end }}`, `{"a":"{{ `,
	} {
		if _, err := access.NewJSONTemplate(text); err == nil {
			t.Errorf("%s is accepted", text)
		}
	}
}
