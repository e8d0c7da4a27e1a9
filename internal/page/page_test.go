package page

import (
	"bytes"
	"context"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

var everyPage = map[string]any{
	"error":   Error{Title: "T", Text: "Text", Code: "invalid_request", RequestID: "r-1", Links: []Link{{"Home", "/"}}},
	"message": Message{Title: "T", Text: "Text", Notes: []string{"Note"}, Facts: []Fact{{"Name", "Value"}}, Links: []Link{{"Home", "/"}}},
	"form": Form{Title: "T", Text: "Text", Warning: "W", Problem: "P", Facts: []Fact{{"Name", "Value"}}, Action: "/go",
		Fields: []Field{
			{Name: "challenge", Type: "hidden", Value: "c"},
			{Name: "user", Label: "User", Hint: "Hint", Autocomplete: "username", Required: true},
			{Name: "scope", Label: "openid", Type: "checkbox", Value: "openid", Checked: true, Hint: "Who you are"},
		},
		Buttons: []Button{{Name: "do", Value: "accept", Label: "Go on"}, {Name: "do", Value: "reject", Label: "Stop", Quiet: true}}},
}

// own is Gatehouse's own look.
var own *Site

func serve(t *testing.T, base string, h web.HandlerFunc) *httptest.Server {
	t.Helper()
	b, err := web.ParseBaseURL(base)
	if err != nil {
		t.Fatal(err)
	}
	m := web.NewMux(own.Errors, web.Options{BaseURL: b})
	own.Mount(m)
	m.Handle("/page", h)
	s := httptest.NewServer(m)
	t.Cleanup(s.Close)
	return s
}

func get(t *testing.T, url, accept string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestPagesKeepTheirOwnPolicy(t *testing.T) {
	inline := regexp.MustCompile(`(?i)\sstyle=|<style|<script|\son[a-z]+=|javascript:`)
	for name, data := range everyPage {
		t.Run(name, func(t *testing.T) {
			s := serve(t, "https://login.example.com/auth/", func(w http.ResponseWriter, r *http.Request) error {
				return own.Render(w, r, http.StatusOK, name, data)
			})
			resp, body := get(t, s.URL+"/auth/page", "text/html")
			if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/html; charset=utf-8" {
				t.Fatalf("%d %v", resp.StatusCode, resp.Header)
			}
			if m := inline.FindString(body); m != "" {
				t.Errorf("page holds %q, which its policy forbids", m)
			}
			csp := resp.Header.Get("Content-Security-Policy")
			for _, want := range []string{"default-src 'none'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
				if !strings.Contains(csp, want) {
					t.Errorf("policy %q lacks %q", csp, want)
				}
			}
			if strings.Contains(csp, "unsafe") {
				t.Errorf("policy %q", csp)
			}
			if got := strings.Contains(csp, "form-action 'none'"); got == (name == "form") {
				t.Errorf("form-action of %s: %q", name, csp)
			}
			href := regexp.MustCompile(`rel="stylesheet" href="([^"]+)"`).FindStringSubmatch(body)
			if len(href) < 2 || !strings.HasPrefix(href[1], "/auth/static/page.") {
				t.Fatalf("stylesheet: %v", href)
			}
			css, text := get(t, s.URL+href[1], "")
			if css.StatusCode != 200 || !strings.Contains(css.Header.Get("Cache-Control"), "immutable") || !strings.HasPrefix(text, string(style)) {
				t.Errorf("stylesheet: %d %v", css.StatusCode, css.Header)
			}
			// Behind a proxy that takes the prefix off.
			if css, _ := get(t, s.URL+strings.TrimPrefix(href[1], "/auth"), ""); css.StatusCode != 200 {
				t.Errorf("stylesheet without prefix: %d", css.StatusCode)
			}
		})
	}
}

func TestFormIsAccessible(t *testing.T) {
	s := serve(t, "http://127.0.0.1:4444/", func(w http.ResponseWriter, r *http.Request) error {
		return own.Render(w, r, http.StatusOK, "form", everyPage["form"])
	})
	_, body := get(t, s.URL+"/page", "")
	for _, want := range []string{
		`<html lang="en">`, `name="viewport"`, `<h1>T</h1>`, `<form method="post" action="/go">`,
		`<input type="hidden" name="challenge" value="c">`,
		`<label for="field-1">User</label>`, `id="field-1" name="user" value="" autocomplete="username" required aria-describedby="field-1-hint"`, `id="field-1-hint">Hint`,
		`<input type="checkbox" id="field-2" name="scope" value="openid" checked aria-describedby="field-2-hint">`,
		`role="alert">P`, `role="note">W`,
		`name="do" value="accept">Go on`, `name="do" value="reject" class="quiet" formnovalidate>Stop`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("form lacks %s\n%s", want, body)
		}
	}
}

func TestEscapesStrangersText(t *testing.T) {
	evil := `"><script>alert(1)</script>`
	s := serve(t, "http://127.0.0.1:4444/", func(w http.ResponseWriter, r *http.Request) error {
		return own.Render(w, r, http.StatusOK, "form", Form{
			Title: evil, Text: evil, Problem: evil, Action: "javascript:alert(1)",
			Facts:   []Fact{{evil, evil}},
			Fields:  []Field{{Name: evil, Label: evil, Value: evil, Hint: evil}},
			Buttons: []Button{{Name: evil, Value: evil, Label: evil}},
		})
	})
	_, body := get(t, s.URL+"/page", "")
	if strings.Contains(body, "<script") || strings.Contains(body, `="javascript:`) {
		t.Errorf("unescaped:\n%s", body)
	}
	if !strings.Contains(body, html.EscapeString("<script>")) {
		t.Errorf("text is gone:\n%s", body)
	}
}

func TestErrors(t *testing.T) {
	gone := fault.New(fault.Gone, "challenge_used", "This link was used already.")
	s := serve(t, "http://127.0.0.1:4444/", func(http.ResponseWriter, *http.Request) error {
		return gone.Because(io.ErrUnexpectedEOF)
	})
	for accept, want := range map[string]string{
		"":                           "<h1>This step was already taken</h1>",
		"text/html,*/*;q=0.8":        "<h1>This step was already taken</h1>",
		"application/json":           `{"error":"challenge_used","error_description":"This link was used already."}`,
		"application/problem+json":   `{"error":"challenge_used"`,
		"application/json,text/html": "<h1>",
	} {
		resp, body := get(t, s.URL+"/page", accept)
		if resp.StatusCode != 410 || !strings.Contains(body, want) || strings.Contains(body, "EOF") {
			t.Errorf("Accept %q: %d %s", accept, resp.StatusCode, body)
		}
		if accept == "" && !strings.Contains(body, resp.Header.Get("X-Request-Id")) {
			t.Errorf("the page does not tell its request id")
		}
	}
	if resp, body := get(t, s.URL+"/nothing", "text/html"); resp.StatusCode != 404 || !strings.Contains(body, "<h1>Page not found</h1>") {
		t.Errorf("unknown path: %d %s", resp.StatusCode, body)
	}
}

func TestEveryKindHasATitle(t *testing.T) {
	for k := fault.Internal; k <= fault.Unavailable; k++ {
		if title(k) == "" {
			t.Errorf("kind %d has no title", k)
		}
	}
}

func TestRenderRefusesWrongData(t *testing.T) {
	rec := httptest.NewRecorder()
	req := httptest.NewRequest(http.MethodGet, "/", nil)
	if err := own.Render(rec, req, 200, "nothing", Error{}); err == nil {
		t.Error("unknown page was rendered")
	}
	if err := own.Render(rec, req, 200, "form", Error{Title: "x"}); err == nil {
		t.Error("a form was made of an error")
	}
	if rec.Body.Len() > 0 {
		t.Errorf("sent %s", rec.Body)
	}
}

// Colours are pairs that people with weak sight can read: contrast of 4.5 at least (WCAG 2.2 §1.4.3).
func TestContrast(t *testing.T) {
	light, dark, ok := bytes.Cut(style, []byte("prefers-color-scheme: dark"))
	if !ok {
		t.Fatal("no dark colours")
	}
	for name, part := range map[string][]byte{"light": light, "dark": dark} {
		colours := map[string]colour{}
		for _, m := range regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6});`).FindAllStringSubmatch(string(part), -1) {
			if _, ok := colours[m[1]]; !ok {
				colours[m[1]] = mustColour(m[2])
			}
		}
		for _, pair := range [][2]string{{"ink", "card"}, {"soft", "card"}, {"soft", "ground"}, {"soft", "raised"}, {"ink", "raised"}, {"accent", "card"}, {"accent", "raised"},
			{"on-accent", "accent"}, {"on-accent", "accent-deep"}, {"note-ink", "note"}, {"alarm-ink", "alarm"}, {"alarm-ink", "card"}, {"good-ink", "good"}, {"good-ink", "card"}} {
			if c := contrast(colours[pair[0]], colours[pair[1]]); c < minContrast {
				t.Errorf("%s: %s on %s has a contrast of %.2f", name, pair[0], pair[1], c)
			}
		}
		if c := contrast(colours["field"], colours["card"]); c < 3 { // §1.4.11
			t.Errorf("%s: border of fields has a contrast of %.2f", name, c)
		}
		if card := map[string]string{"light": lightCard, "dark": darkCard}[name]; colours["card"] != mustColour(card) {
			t.Errorf("%s: brands are held against %s, and the card is %s", name, card, colours["card"])
		}
	}
}
