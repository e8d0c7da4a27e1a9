package courier

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"
)

// everything is data for any template.
func everything() map[string]any {
	return map[string]any{
		"to": "anna@example.com", "recovery_code": "012345", "recovery_url": "https://login.example.com/recovery?flow=1&token=a",
		"verification_code": "012345", "verification_url": "https://login.example.com/verification?flow=1&code=012345",
		"login_code": "012345", "registration_code": "012345", "request_url": "https://login.example.com:4444/self-service/x",
		"expires_in_minutes": 15, "changed_at": "2026-03-04 05:06 UTC", "added_at": "2026-03-04 05:06 UTC",
		"identity": map[string]any{"traits": map[string]any{"name": "<b>Anna</b>"}}, "transient_payload": map[string]any{"app": "shop"},
	}
}

// dataFor is what a feature would give the template.
func dataFor(name string) map[string]any {
	all := everything()
	for _, key := range []string{"recovery_code", "recovery_url", "verification_code", "verification_url", "login_code", "registration_code"} {
		family, kind, _ := strings.Cut(key, "_")
		wanted := strings.HasPrefix(name, family) && strings.HasSuffix(name, "_valid")
		if kind == "code" {
			wanted = wanted && strings.Contains(name, "_code_")
		} else {
			wanted = wanted && (family == "verification" || !strings.Contains(name, "_code_"))
		}
		if !wanted {
			delete(all, key)
		}
	}
	return all
}

func testRenderer(t *testing.T, edit func(*Config)) (*renderer, *strings.Builder) {
	t.Helper()
	c := DefaultConfig()
	if edit != nil {
		edit(&c)
	}
	log := &strings.Builder{}
	return newRenderer(c, func(context.Context) Brand { return Brand{Name: "Example & Söhne"}.orDefault("") }, nil, slog.New(slog.NewTextHandler(log, nil))), log
}

func mustRender(t *testing.T, r *renderer, name string, p part, lang string, data map[string]any) string {
	t.Helper()
	data, err := plain(data)
	if err != nil {
		t.Fatal(err)
	}
	text, err := r.render(t.Context(), name, p, lang, data)
	if err != nil {
		t.Fatalf("%s %s %s: %v", name, p.key(), lang, err)
	}
	return text
}

func TestBuiltInTemplates(t *testing.T) {
	seen := map[string]string{}
	for _, name := range templates() {
		for _, lang := range languages {
			t.Run(name+"/"+lang, func(t *testing.T) {
				r, log := testRenderer(t, nil)
				data := dataFor(name)
				for _, p := range parts {
					text := mustRender(t, r, name, p, lang, data)
					for _, bad := range []string{"<no value>", "{{", "}}", "ZgotmplZ", "%!"} {
						if strings.Contains(text, bad) {
							t.Errorf("%s holds %q:\n%s", p.key(), bad, text)
						}
					}
					brand := "Example & Söhne"
					if p == htmlPart {
						brand = "Example &amp; Söhne"
					}
					if !strings.Contains(text, brand) {
						t.Errorf("%s does not say whom it comes from:\n%s", p.key(), text)
					}
					if strings.Contains(text, "Anna") {
						t.Errorf("%s repeats what somebody wrote about himself: strangers could send any text to any address", p.key())
					}
					if p != subject && strings.HasSuffix(name, "_code_valid") && !strings.Contains(text, "012345") {
						t.Errorf("%s lacks the code", p.key())
					}
					if p == subject && strings.Contains(text, "012345") {
						t.Error("the code is in the subject, which mail servers log")
					}
				}
				key := lang + mustRender(t, r, name, plaintext, lang, data)
				if other := seen[key]; other != "" && !strings.HasSuffix(name, "_code_invalid") { // there is nothing to say about codes
					t.Errorf("says the same as %s", other)
				}
				seen[key] = name
				checkHTML(t, mustRender(t, r, name, htmlPart, lang, data), lang)
				if log.Len() > 0 {
					t.Error(log)
				}
				if dir := os.Getenv("GATEHOUSE_MAILS"); dir != "" { // to look at them
					if err := os.WriteFile(filepath.Join(dir, name+"."+lang+".html"), []byte(mustRender(t, r, name, htmlPart, lang, data)), 0o600); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
}

// checkHTML asks of a mail what mail readers and screen readers need.
func checkHTML(t *testing.T, text, lang string) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	headings := 0
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		attr := map[string]string{}
		for _, a := range n.Attr {
			attr[a.Key] = a.Val
		}
		switch n.Data {
		case "html":
			if attr["lang"] != lang {
				t.Errorf("lang is %q", attr["lang"])
			}
		case "table":
			if attr["role"] != "presentation" {
				t.Error("a table for the layout would be read out as a table")
			}
		case "a":
			if !strings.HasPrefix(attr["href"], "https://login.example.com/") {
				t.Errorf("a link leads to %q", attr["href"])
			}
		case "h1":
			headings++
		case "script", "form", "iframe", "link":
			t.Errorf("a mail holds <%s>", n.Data)
		case "img":
			if attr["alt"] == "" {
				t.Error("an image without alternative")
			}
		}
	}
	if headings != 1 {
		t.Errorf("%d headings", headings)
	}
}

func TestLanguages(t *testing.T) {
	r, _ := testRenderer(t, nil)
	german, _ := testRenderer(t, func(c *Config) { c.DefaultLanguage = "de" })
	for _, tc := range []struct {
		r    *renderer
		lang string
		want string
	}{
		{r, "de", "Ihr Code"}, {r, "de-AT", "Ihr Code"}, {r, "de_CH", "Ihr Code"}, {r, "DE", "Ihr Code"},
		{r, "en-GB", "Your code"}, {r, "", "Your code"}, {r, "fr", "Your code"}, {r, "../../etc", "Your code"}, {r, strings.Repeat("de-", 40), "Your code"},
		{german, "", "Ihr Code"}, {german, "fr", "Ihr Code"}, {german, "en", "Your code"},
	} {
		if text := mustRender(t, tc.r, LoginCodeValid, plaintext, tc.lang, everything()); !strings.HasPrefix(text, tc.want) {
			t.Errorf("%q: %q", tc.lang, text[:20])
		}
	}
}

func TestPlainMailReadsWell(t *testing.T) {
	r, _ := testRenderer(t, nil)
	got := mustRender(t, r, VerificationCodeValid, plaintext, "en", dataFor(VerificationCodeValid))
	want := `Please confirm your address

This address was given for an account at Example & Söhne. Enter this code to confirm that it is yours:

    012345

Or open this link instead:

https://login.example.com/verification?flow=1&code=012345

The code works once and is valid for 15 minutes.

If you did not give it, ignore this message; the address will stay unconfirmed. Never share this code.

-- 
Example & Söhne
This message was sent automatically to anna@example.com. Please do not reply; nobody reads the answers.
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	sms := mustRender(t, r, LoginCodeValid, smsText, "de", dataFor(LoginCodeValid))
	// The last line is bound to the domain, so that phones offer the code there and nowhere else.
	if want := "012345 ist Ihr Code zur Anmeldung bei Example & Söhne. Gültig für 15 Min. Geben Sie ihn nicht weiter.\n\n@login.example.com #012345\n"; sms != want {
		t.Errorf("%q", sms)
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestOverrides(t *testing.T) {
	dir := t.TempDir()
	r, log := testRenderer(t, func(c *Config) { c.TemplateOverridePath = dir })
	ask := func(p part, lang string) string {
		t.Helper()
		return mustRender(t, r, RecoveryCodeValid, p, lang, everything())
	}
	write(t, dir, "recovery_code/valid/email.body.plaintext.gotmpl", "Hello {{.Identity.traits.name}} {{.RecoveryCode}} {{.TransientPayload.app}} {{.Lang}} {{.ExpiresInMinutes}}")
	if got := ask(plaintext, "de"); got != "Hello <b>Anna</b> 012345 shop de 15\n" {
		t.Errorf("an override for all languages: %q", got)
	}
	if got := ask(subject, "en"); !strings.Contains(got, "Example") {
		t.Errorf("a part that is not overridden: %q", got)
	}
	write(t, dir, "fr/recovery_code/valid/email.body.plaintext.gotmpl", "Bonjour {{upper .Lang}}")
	if got := ask(plaintext, "fr-CA"); got != "Bonjour FR-CA\n" {
		t.Errorf("a language that is not built in: %q", got)
	}
	write(t, dir, "en/recovery_code/valid/email.body.plaintext.gotmpl", "English")
	if got := ask(plaintext, "es"); got != "English\n" {
		t.Errorf("a language that nobody wrote in: %q", got)
	}
	if got := ask(plaintext, "de"); !strings.HasPrefix(got, "Hello") {
		t.Errorf("German, where there is an override for English and one for all: %q", got)
	}

	// HTML escapes by itself; several files make one template, as in Kratos.
	write(t, dir, "recovery_code/valid/email.body.gotmpl", `{{template "email.body.head.gotmpl" .}}<p title="{{.To}}">{{.Identity.traits.name}}`)
	write(t, dir, "recovery_code/valid/email.body.head.gotmpl", `<h1>{{.RecoveryCode}}</h1>`)
	if got := ask(htmlPart, "de"); got != `<h1>012345</h1><p title="anna@example.com">&lt;b&gt;Anna&lt;/b&gt;` {
		t.Errorf("HTML: %q", got)
	}
	// A changed file is used at once, also one of several.
	write(t, dir, "recovery_code/valid/email.body.head.gotmpl", `<h2>{{.RecoveryCode}}</h2>`)
	if got := ask(htmlPart, "de"); !strings.HasPrefix(got, "<h2>") {
		t.Errorf("after a change: %q", got)
	}
	if log.Len() > 0 {
		t.Error(log)
	}
	// The header of a mail is one line, whatever a template writes.
	write(t, dir, "recovery_code/valid/email.subject.gotmpl", "One\r\nBcc: everybody@example.com\n\x00 {{.Identity.traits.name}}")
	if got := ask(subject, "en"); got != "One Bcc: everybody@example.com <b>Anna</b>" {
		t.Errorf("a subject: %q", got)
	}
}

func TestBrokenOverridesStopNoMail(t *testing.T) {
	for _, text := range []string{"{{.RecoveryCode", "{{nothing}}", "{{index .RecoveryCode 99}}", "{{range .RecoveryCode}}{{end}}", "{{range .Identity.traits.name}}{{end}}", `{{range until}}`, "{{define \"x\"}}{{template \"x\" .}}{{end}}{{template \"x\" .}}", "{{.To.Nothing}}"} {
		dir := t.TempDir()
		r, log := testRenderer(t, func(c *Config) { c.TemplateOverridePath = dir })
		write(t, dir, "recovery_code/valid/email.body.plaintext.gotmpl", text)
		if got := mustRender(t, r, RecoveryCodeValid, plaintext, "en", everything()); !strings.Contains(got, "012345") {
			t.Errorf("%s: %q", text, got)
		}
		if !strings.Contains(log.String(), "does not work") || strings.Contains(log.String(), "012345") || strings.Contains(log.String(), "Anna") {
			t.Errorf("%s: the log says %q", text, log)
		}
	}
	dir := t.TempDir()
	r, log := testRenderer(t, func(c *Config) { c.TemplateOverridePath = dir })
	write(t, dir, "recovery_code/valid/email.body.plaintext.gotmpl", `{{define "x"}}xxxxxxxxxxxxxxxx{{end}}{{range $i := list 1 2 3 4 5 6 7 8 9}}`+
		strings.Repeat(`{{template "x"}}`, 8000)+`{{end}}`)
	if got := mustRender(t, r, RecoveryCodeValid, plaintext, "en", everything()); len(got) > 2000 || log.Len() == 0 {
		t.Errorf("a template that makes too much made %d bytes", len(got))
	}
}

func TestTemplatesByURI(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "body.gotmpl", "file {{.RecoveryCode}}")
	write(t, dir, "recovery_code/valid/email.subject.gotmpl", "directory")
	r, log := testRenderer(t, func(c *Config) {
		c.TemplateOverridePath = dir
		c.Templates.RecoveryCode.Valid.Email.Subject = "base64://" + base64.RawURLEncoding.EncodeToString([]byte("base64 {{.RecoveryCode}}??>"))
		c.Templates.RecoveryCode.Valid.Email.Body.Plaintext = "file://" + dir + "/body.gotmpl"
		c.Templates.RecoveryCode.Valid.Email.Body.HTML = "https://templates.example.com/a"
		if faults := c.Validate(); len(faults) > 0 {
			t.Error(faults)
		}
	})
	ask := func(p part) string { t.Helper(); return mustRender(t, r, RecoveryCodeValid, p, "de", everything()) }
	if got := ask(subject); got != "base64 012345??>" {
		t.Errorf("base64: %q", got)
	}
	if got := ask(plaintext); got != "file 012345\n" {
		t.Errorf("file: %q", got)
	}
	if got := ask(htmlPart); !strings.Contains(got, "<!DOCTYPE html>") {
		t.Errorf("a remote one that was not read yet: %q", got)
	}
	answer, fails := "remote <i>{{.RecoveryCode}}</i>", error(nil)
	r.fetch = func(_ context.Context, url string) ([]byte, error) {
		if url != "https://templates.example.com/a" {
			t.Errorf("fetched %s", url)
		}
		return []byte(answer), fails
	}
	r.refresh(t.Context())
	if got := ask(htmlPart); got != "remote <i>012345</i>" {
		t.Errorf("remote: %q", got)
	}
	answer, fails = "", errors.New("down")
	r.refresh(t.Context())
	if got := ask(htmlPart); got != "remote <i>012345</i>" {
		t.Errorf("remote, and its server down: %q", got)
	}
	if !strings.Contains(log.String(), "cannot be read") {
		t.Errorf("the log says %q", log)
	}
	if err := os.Remove(filepath.Join(dir, "body.gotmpl")); err != nil {
		t.Fatal(err)
	}
	if got := ask(plaintext); !strings.Contains(got, "Konto wiederherstellen") || !strings.Contains(log.String(), "does not work") {
		t.Errorf("a file that went away: %q", got)
	}
}

func TestModelSpeaksKratosNames(t *testing.T) {
	m := model(map[string]any{"RecoveryURL": "https://a.example.com", "something_else_url": 1, "traits": nil, "request_url": "https://B.example.com:1/"}, "de", Brand{}.orDefault("Shop"))
	got := fmt.Sprint(m["RecoveryURL"], m["SomethingElseURL"], m["Traits"], m["RequestURLDomain"], m["Link"], m["Code"], m["VerificationCode"], m["Brand"].(Brand).Name)
	if got != "https://a.example.com 1 map[] B.example.com https://a.example.com   Shop" && got != "https://a.example.com1 map[]B.example.comhttps://a.example.comShop" {
		t.Error(got)
	}
}

func TestButtonsCanBeRead(t *testing.T) {
	for color, want := range map[string]string{"#1d5c4c": "#ffffff", "#ffe08a": "#000000", "#000000": "#ffffff", "#ffffff": "#000000", "#0b5fff": "#ffffff", "red": "#ffffff"} {
		if got := (Brand{Color: color}).orDefault("").onColor(); got != want {
			t.Errorf("%s: %s", color, got)
		}
	}
}

func TestTemplateFunctions(t *testing.T) {
	r, _ := testRenderer(t, func(c *Config) {
		c.Templates.LoginCode.Valid.SMS.Body.Plaintext = "base64://" + base64.StdEncoding.EncodeToString([]byte(
			`{{.Nothing | default "a"}} {{coalesce "" .Nothing "b"}} {{trunc 2 "xyz"}} {{trunc -2 "xyz"}} {{title "two words"}} {{replace "a" "o" "banana"}} `+
				`{{ternary "yes" "no" (contains "a" "abc")}} {{quote "q"}} {{(dict "k" "v").k}} {{json (list 1 "<")}} {{empty 0}} {{trim " t "}} {{urlquery "a b"}}`))
	})
	want := `a b xy yz Two Words bonono yes "q" v [1,"\u003c"] true t a+b` + "\n"
	if got := mustRender(t, r, LoginCodeValid, smsText, "en", nil); got != want {
		t.Errorf("%q", got)
	}
}

// Addresses of languages and of files come from strangers' requests.
func FuzzRender(f *testing.F) {
	for _, seed := range []string{"de", "en-US", "../..", "de/../../x", "zh-Hant-TW", "\x00", "de\n"} {
		f.Add(seed, "a@example.com", "<script>")
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, lang, to, name string) {
		r, _ := testRenderer(t, func(c *Config) { c.TemplateOverridePath = filepath.Join(dir, "templates") })
		data := dataFor(VerificationCodeValid)
		data["to"], data["verification_url"], data["request_url"] = to, name, name
		for _, p := range parts {
			text := mustRender(t, r, VerificationCodeValid, p, lang, data)
			if p == subject && strings.ContainsAny(text, "\r\n\x00") {
				t.Errorf("a subject of more than one line: %q", text)
			}
			if p == htmlPart && strings.Contains(strings.ToLower(text), "<script") {
				t.Errorf("a stranger's markup: %q", text)
			}
		}
		for _, s := range r.sources(RecoveryValid, subject, lang) {
			if rel, err := filepath.Rel(r.dir, s.path); err != nil || strings.HasPrefix(rel, "..") {
				t.Errorf("%q reaches %s", lang, s.path)
			}
		}
	})
}

func TestBackOff(t *testing.T) {
	r := RetryConfig{Min: 2 * time.Second, Max: 5 * time.Minute}
	var got []time.Duration
	for n := range 6 {
		got = append(got, backOff(r, n+1))
	}
	want := []time.Duration{2 * time.Second, 8 * time.Second, 32 * time.Second, 128 * time.Second, 5 * time.Minute, 5 * time.Minute}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if backOff(r, 1<<30) != r.Max {
		t.Error("a large number of attempts")
	}
	for range 100 {
		if d := jitter(4 * time.Second); d < 3*time.Second || d > 5*time.Second {
			t.Errorf("jitter made 4s %s", d)
		}
	}
}
