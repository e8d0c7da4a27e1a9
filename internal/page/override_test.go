package page

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// overridden is a site with an operator's directory, its clock and its log.
type overridden struct {
	t    *testing.T
	dir  string
	now  time.Time
	log  bytes.Buffer
	site *Site
	mux  *web.Mux
}

func newOverridden(t *testing.T, files map[string]string) *overridden {
	t.Helper()
	o := &overridden{t: t, dir: t.TempDir(), now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	o.write(files)
	site, err := NewSite(Options{Brand: DefaultBrand(), Dir: o.dir, Now: func() time.Time { return o.now }, Log: slog.New(slog.NewTextHandler(&o.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	o.site = site
	o.mux = web.NewMux(site.Errors, web.Options{})
	site.Mount(o.mux)
	o.mux.Handle("GET /page", func(w http.ResponseWriter, r *http.Request) error {
		return site.Render(w, r, http.StatusOK, "message", Message{Title: "Hello", Text: "Text"})
	})
	o.mux.Handle("GET /gone", func(http.ResponseWriter, *http.Request) error { return fault.New(fault.Gone, "used", "It was used.") })
	return o
}

func (o *overridden) write(files map[string]string) {
	o.t.Helper()
	for name, text := range files {
		path := filepath.Join(o.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			o.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			o.t.Fatal(err)
		}
	}
}

func (o *overridden) get(path, accept string) *httptest.ResponseRecorder {
	o.t.Helper()
	r := httptest.NewRequestWithContext(o.t.Context(), http.MethodGet, path, nil)
	r.Header.Set("Accept-Language", accept)
	w := httptest.NewRecorder()
	o.mux.ServeHTTP(w, r)
	return w
}

func TestOperatorsTemplatesAndTexts(t *testing.T) {
	o := newOverridden(t, map[string]string{
		"message.html":    `{{template "head" .}}<h1>Ours: {{.Data.Title}}</h1>{{template "foot" .}}`,
		"de.json":         `{"error.410.title": "Vorbei", "footer.imprint": "Wer wir sind"}`,
		"fr.json":         `{"error.title": "Quelque chose s'est mal passé", "error.410.title": "C'est fini"}`,
		"style.css":       `:root { --round: 0; }`,
		"assets/logo.svg": `<svg xmlns="http://www.w3.org/2000/svg"/>`,
	})
	if w := o.get("/page", ""); !strings.Contains(w.Body.String(), "<h1>Ours: Hello</h1>") {
		t.Errorf("the template is not the operator's:\n%s", w.Body)
	}
	if w := o.get("/gone", "de"); !strings.Contains(w.Body.String(), "<h1>Vorbei</h1>") || !strings.Contains(w.Body.String(), `<html lang="de">`) {
		t.Errorf("the text is not the operator's:\n%s", w.Body)
	}
	if w := o.get("/gone", "fr-CA"); !strings.Contains(w.Body.String(), "fini</h1>") || !strings.Contains(w.Body.String(), `<html lang="fr">`) {
		t.Errorf("a language of the operator's is not spoken:\n%s", w.Body)
	}
	style := o.get("/static/"+o.site.now().styleFile, "")
	if !strings.HasSuffix(style.Body.String(), ":root { --round: 0; }") || !strings.Contains(style.Header().Get("Cache-Control"), "immutable") {
		t.Errorf("stylesheet: %v", style.Header())
	}
	if old := o.get("/static/page.000000000000.css", ""); old.Code != 200 || strings.Contains(old.Header().Get("Cache-Control"), "immutable") {
		t.Errorf("stylesheet of an earlier look: %d %v", old.Code, old.Header())
	}
	logo := o.get("/account/assets/logo.svg", "")
	if logo.Code != 200 || logo.Header().Get("Content-Type") != "image/svg+xml" || !strings.Contains(logo.Header().Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("logo: %d %v", logo.Code, logo.Header())
	}
	for _, path := range []string{"/account/assets/none.png", "/account/assets/..%2fde.json", "/account/assets/de.json", "/static/secret.css", "/static/page.x.exe"} {
		if w := o.get(path, ""); w.Code != 404 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if o.log.Len() > 0 {
		t.Errorf("nothing is wrong, and the log says: %s", &o.log)
	}
}

// What is wrong is told once, in the log, and ours is shown.
func TestBrokenOverridesDoNotTakeThePageDown(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"does not parse":       {map[string]string{"message.html": `{{if}}`}, "message.html"},
		"has no such field":    {map[string]string{"message.html": `{{define "message"}}{{.Data.Nothing}}{{end}}`}, "message.html"},
		"calls no such part":   {map[string]string{"message.html": `{{template "nothing" .}}`}, "message.html"},
		"is not JSON":          {map[string]string{"de.json": `{`}, "de.json"},
		"is not of texts":      {map[string]string{"de.json": `{"error.title": 1}`}, "de.json"},
		"has an unknown key":   {map[string]string{"de.json": `{"eror.title": "x"}`}, "eror.title"},
		"has an unknown value": {map[string]string{"en.json": `{"error.title": "Hi {nobody}"}`}, "{nobody}"},
		"is no language":       {map[string]string{"Deutsch!.json": `{}`}, "after a language"},
		"is too large":         {map[string]string{"message.html": strings.Repeat("x", maxOverride+1)}, "message.html"},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOverridden(t, c.files)
			if !strings.Contains(o.log.String(), c.want) {
				t.Errorf("the log lacks %s: %s", c.want, &o.log)
			}
			if w := o.get("/page", ""); w.Code != 200 || !strings.Contains(w.Body.String(), "<h1>Hello</h1>") {
				t.Errorf("%d\n%s", w.Code, w.Body)
			}
			before := o.log.Len()
			o.now = o.now.Add(time.Hour)
			o.get("/page", "")
			if o.log.Len() != before {
				t.Errorf("it is told again: %s", &o.log)
			}
		})
	}
}

// A good file beside a broken one is used.
func TestOneBrokenFileLeavesTheOthers(t *testing.T) {
	o := newOverridden(t, map[string]string{"error.html": `{{`, "message.html": `<p>{{.Data.Title}}</p>`, "de.json": `{"x":"y","error.410.title":"Vorbei"}`})
	if w := o.get("/page", ""); w.Body.String() != "<p>Hello</p>" {
		t.Errorf("%s", w.Body)
	}
	if w := o.get("/gone", "de"); !strings.Contains(w.Body.String(), "Vorbei") {
		t.Errorf("%s", w.Body)
	}
}

// A template that fails with data that it was not tried with.
func TestTemplateThatFailsLater(t *testing.T) {
	o := newOverridden(t, map[string]string{"message.html": `{{if eq .Data.Title "Hello"}}{{index .Data.Notes 7}}{{end}}fine`})
	if w := o.get("/page", ""); w.Code != 200 || !strings.Contains(w.Body.String(), "<h1>Hello</h1>") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if !strings.Contains(o.log.String(), "a template of the override directory failed") {
		t.Errorf("log: %s", &o.log)
	}
}

func TestChangesAreSeenWithoutARestart(t *testing.T) {
	o := newOverridden(t, nil)
	if w := o.get("/page", ""); !strings.Contains(w.Body.String(), "<h1>Hello</h1>") {
		t.Fatalf("%s", w.Body)
	}
	o.write(map[string]string{"message.html": `<p>new</p>`})
	o.now = o.now.Add(lookAgain)
	if w := o.get("/page", ""); w.Body.String() != "<p>new</p>" {
		t.Errorf("%s", w.Body)
	}
	o.write(map[string]string{"message.html": `{{broken`})
	o.now = o.now.Add(lookAgain)
	if w := o.get("/page", ""); !strings.Contains(w.Body.String(), "<h1>Hello</h1>") {
		t.Errorf("%s", w.Body)
	}
	if err := os.RemoveAll(o.dir); err != nil {
		t.Fatal(err)
	}
	o.now = o.now.Add(lookAgain)
	if w := o.get("/page", ""); w.Code != 200 || !strings.Contains(o.log.String(), "cannot be read") {
		t.Errorf("%d, log: %s", w.Code, &o.log)
	}
}

func TestTextsOfBothLanguagesFit(t *testing.T) {
	en, de := plain.ownTexts["en"], plain.ownTexts["de"]
	for key := range en {
		if _, ok := de[key]; !ok {
			t.Errorf("German lacks %s", key)
		}
	}
}

func TestOperatorsLogo(t *testing.T) {
	brand := DefaultBrand()
	brand.Name, brand.LogoURL, brand.LogoDarkURL, brand.PrivacyURL = "Acme & Sons", "/account/assets/a.svg", "https://cdn.example/dark.svg", "https://example.com/privacy"
	site, err := NewSite(Options{Brand: brand})
	if err != nil {
		t.Fatal(err)
	}
	base, err := web.ParseBaseURL("https://login.example.com/auth/")
	if err != nil {
		t.Fatal(err)
	}
	m := web.NewMux(site.Errors, web.Options{BaseURL: base})
	m.Handle("GET /page", func(w http.ResponseWriter, r *http.Request) error {
		return site.Render(w, r, http.StatusOK, "message", Message{Title: "Hello"})
	})
	w := httptest.NewRecorder()
	m.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/auth/page", nil))
	for _, want := range []string{
		`<img src="/auth/account/assets/a.svg" alt="Acme &amp; Sons" height="40">`,
		`<source srcset="https://cdn.example/dark.svg" media="(prefers-color-scheme: dark)">`,
		`<title>Hello · Acme &amp; Sons</title>`, `<a href="https://example.com/privacy">Privacy</a>`,
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the page lacks %s\n%s", want, w.Body)
		}
	}
	if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "img-src 'self' data: https://cdn.example;") {
		t.Errorf("policy %q", csp)
	}
}

// A nil Site is Gatehouse's own look.
func TestNilSite(t *testing.T) {
	var none *Site
	if text, ok := none.Text("de", "footer.imprint"); !ok || text != "Impressum" {
		t.Errorf("%q %v", text, ok)
	}
	if l := none.Choose(nil, []string{"de"}); l != "de" {
		t.Errorf("%q", l)
	}
}
