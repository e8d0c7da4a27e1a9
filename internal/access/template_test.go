package access

import (
	"net/url"
	"strings"
	"testing"
)

func TestTemplates(t *testing.T) {
	u, err := url.Parse("https://h.example.com:8443/a%2Bb/7?q=1&q=2")
	if err != nil {
		t.Fatal(err)
	}
	p := &Principal{
		Subject: "ada", Scopes: []string{"read"},
		Extra: map[string]any{
			"username": "Ada", "roles": []any{"admin", "dev"}, "n": 3.0, "nothing": nil,
			"identity": map[string]any{"traits": map[string]any{"email": "ada@example.com"}},
		},
		Header: Header{"X-A": {"own"}},
		MatchContext: MatchContext{
			RegexpCaptureGroups: []string{"a", "7"}, Captures: map[string]string{"id": "7"}, URL: u, Method: "GET",
			Header: Header{"X-Tenant": {"acme", "two"}},
		},
	}
	for _, c := range [][2]string{
		// Oathkeeper's documentation.
		{`{{ print .Subject }}`, "ada"},
		{`users:{{ print .Subject }}`, "users:ada"},
		{`{{ .Extra.username }}`, "Ada"},
		{`my:action:{{ printIndex .MatchContext.RegexpCaptureGroups 0 }}`, "my:action:a"},
		{`{{ printIndex .MatchContext.RegexpCaptureGroups (sub 2 1 | int) }}`, "7"},
		{`{"aud": ["{{ .Extra.username | lower }}"], "session": {{ .Extra.identity | toJson }}}`, `{"aud": ["ada"], "session": {"traits":{"email":"ada@example.com"}}}`},
		{`{{ .Extra | toJson | trunc 3 }}`, `{"i`},
		{`{{- range $i, $r := .Extra.roles }}{{ if $i }},{{ end }}{{ $r }}{{ end }}`, "admin,dev"},
		{`{{ .MatchContext.Header.Get "x-tenant" }}`, "acme"},
		{`{{ with .MatchContext }}{{ .Header.Get "X-Tenant" | upper }}{{ end }}`, "ACME"},
		{`{{ $m := .MatchContext }}{{ $m.Header.Get "X-Tenant" }}{{ join "-" ($m.Header.Values "X-Tenant") }}`, "acmeacme-two"},
		{`{{ .Header.Get "X-A" }}`, "own"},
		{`{{ .MatchContext.URL.Path }} {{ .MatchContext.URL.Host }} {{ .MatchContext.URL.RawQuery }}`, "/a+b/7 h.example.com:8443 q=1&q=2"},
		{`{{ .MatchContext.URL.Query.Get "q" }} {{ .MatchContext.URL.Hostname }} {{ .MatchContext.URL.Port }}`, "1 h.example.com 8443"},
		{`{{ .MatchContext.URL.String }} {{ print .MatchContext.URL.EscapedPath }}`, u.String() + " /a%2Bb/7"},
		{`{{ (index .MatchContext.URL.Query "q") }}{{ .MatchContext.URL.RequestURI }}`, "[1 2]/a%2Bb/7?q=1&q=2"},
		{`{{ .MatchContext.Method }} {{ .MatchContext.Captures.id }} {{ index .Scopes 0 }}`, "GET 7 read"},
		{`{{ .Header.Get "x-a" }} {{ .Header.Values "X-A" }}{{ with .MatchContext }} {{ .URL.Port }} {{ .URL.Query.Get "q" }}{{ end }}`, "own [own] 8443 1"},
		// What is missing is empty.
		{`[{{ .Extra.missing }}{{ .Extra.nothing }}{{ print .Extra.missing }}{{ .MatchContext.Captures.missing }}]`, "[]"},
		{`[{{ printIndex .MatchContext.RegexpCaptureGroups 7 }}{{ printIndex .Extra.missing 0 }}{{ printIndex .MatchContext.RegexpCaptureGroups -1 }}]`, "[]"},
		{`{{ .Extra.missing | default "x" }}{{ if .Extra.missing }}yes{{ else }}no{{ end }}`, "xno"},
		{`{{ .MatchContext.Header.Get "X-None" }}`, ""},
		{`{{ define "x" }}{{ .Subject }}{{ .Extra.missing }}{{ end }}{{ template "x" . }}`, "ada"},
		{`{{ .Extra.n }}{{ add .Extra.n 1 }}`, "34"},
		{"plain", "plain"},
	} {
		tmpl, err := NewTemplate(c[0])
		if err != nil {
			t.Errorf("%s: %v", c[0], err)
			continue
		}
		got, err := tmpl.Execute(p)
		if err != nil || got != c[1] {
			t.Errorf("%s: got %q (%v), want %q", c[0], got, err, c[1])
		}
		if text, static := tmpl.Static(); static != (c[0] == "plain") || static && text != "plain" {
			t.Errorf("%s: static %t", c[0], static)
		}
	}
	for _, bad := range []string{"{{ .Subject", "{{ env \"HOME\" }}", "{{ now }}", "{{ end }}"} {
		if _, err := NewTemplate(bad); err == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
	for _, failing := range []string{"{{ .Extra.missing.deep }}", "{{ .Subjekt }}", `{{ range $i := (splitList "" (repeat 60000 "a")) }}{{ repeat 60000 "a" }}{{ end }}`} {
		tmpl, err := NewTemplate(failing)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := tmpl.Execute(p); err == nil {
			t.Errorf("%s gives %d bytes", failing, len(got))
		}
	}
}

func TestTemplatesRunSideBySide(t *testing.T) {
	tmpl, err := NewTemplate(`{{ .Subject }}-{{ .MatchContext.Header.Get "X" }}`)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan string)
	for _, name := range []string{"a", "b", "c"} {
		go func() {
			for range 200 {
				got, err := tmpl.Execute(&Principal{Subject: name, MatchContext: MatchContext{Header: Header{"X": {name}}}})
				if err != nil || got != name+"-"+name {
					done <- strings.Join([]string{name, got}, " ")
					return
				}
			}
			done <- ""
		}()
	}
	for range 3 {
		if wrong := <-done; wrong != "" {
			t.Error(wrong)
		}
	}
}
