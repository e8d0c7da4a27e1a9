package courier

import (
	"embed"
	"fmt"
	"io"
	"math"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	htmltemplate "github.com/DataDog/datadog-agent/pkg/template/html"
	texttemplate "github.com/DataDog/datadog-agent/pkg/template/text"

	"github.com/gatehouse-iam/gatehouse/internal/sprig"
)

// part is one piece of a message that has a template of its own.
type part int

const (
	subject part = iota
	plaintext
	htmlPart
	smsText
)

// parts lists all of them.
var parts = [...]part{subject, plaintext, htmlPart, smsText}

// file is the name of a part's template in a directory, as Kratos has it.
func (p part) file() string {
	return [...]string{"email.subject.gotmpl", "email.body.plaintext.gotmpl", "email.body.gotmpl", "sms.body.gotmpl"}[p]
}

// key is the part's place in the configuration.
func (p part) key() string {
	return [...]string{"email.subject", "email.body.plaintext", "email.body.html", "sms.body.plaintext"}[p]
}

// belongs reports whether a file beside the part's own is parsed with it, so that templates can be put together from
// several files, for example one for each language.
func (p part) belongs(file string) bool {
	family := strings.TrimSuffix(p.file(), ".gotmpl")
	return strings.HasPrefix(file, family) && (p != htmlPart || !strings.HasPrefix(file, "email.body.plaintext"))
}

// directory is where Kratos keeps the files of a template: recovery_code_valid in recovery_code/valid.
func directory(name string) string {
	for _, end := range []string{"valid", "invalid", "duplicate"} {
		if family, found := strings.CutSuffix(name, "_"+end); found {
			return path.Join(family, end)
		}
	}
	return name
}

// languages are those in which the built-in templates are written.
var languages = []string{"en", "de"}

var tag = regexp.MustCompile(`^[a-z]{2,8}(-[a-z0-9]{1,8}){0,3}$`)

// spoken lists the languages to look for, best first: de-AT is de-at, then de. What is no tag is no language.
func spoken(lang string) []string {
	lang = strings.ReplaceAll(strings.ToLower(lang), "_", "-")
	if len(lang) > 35 || !tag.MatchString(lang) {
		return nil
	}
	primary, _, more := strings.Cut(lang, "-")
	if !more {
		return []string{lang}
	}
	return []string{lang, primary}
}

// builtIn gives the built-in language to use for one that is asked for.
func builtIn(lang, fallback string) string {
	for _, l := range spoken(lang) {
		if slices.Contains(languages, l) {
			return l
		}
	}
	return fallback
}

// executable is what text and HTML templates have in common.
type executable interface {
	Execute(w io.Writer, data any) error
}

// named is a template file.
type named struct {
	name string
	text string
}

// parse makes a template of the first file, together with the others.
func parse(p part, files []named) (executable, error) {
	if p == htmlPart {
		t := htmltemplate.New(files[0].name).Funcs(sprig.Functions())
		if _, err := t.Parse(files[0].text); err != nil {
			return nil, err
		}
		for _, f := range files[1:] {
			if _, err := t.New(f.name).Parse(f.text); err != nil {
				return nil, err
			}
		}
		return t, nil
	}
	t := texttemplate.New(files[0].name).Funcs(sprig.Functions())
	if _, err := t.Parse(files[0].text); err != nil {
		return nil, err
	}
	for _, f := range files[1:] {
		if _, err := t.New(f.name).Parse(f.text); err != nil {
			return nil, err
		}
	}
	return t, nil
}

//go:embed templates
var embedded embed.FS

// parseBuiltIn makes a built-in template: the layout of the part around the words of the language.
func parseBuiltIn(name string, p part, lang string) (executable, error) {
	layout := [...]string{"subject.gotmpl", "text.gotmpl", "html.gotmpl", "sms.gotmpl"}[p]
	var files []named
	for _, file := range []string{layout, lang + "/frame.gotmpl", lang + "/" + name + ".gotmpl"} {
		text, err := embedded.ReadFile("templates/" + file)
		if err != nil {
			return nil, fmt.Errorf("courier: there is no template %s in %s: %w", name, lang, err)
		}
		files = append(files, named{file, string(text)})
	}
	return parse(p, files)
}

// Brand is who messages come from, in the built-in templates; templates of your own see it as .Brand.
type Brand struct {
	// Name of the service, such as "Example".
	Name string
	// URL is where the service is; the name in a mail leads there. May be empty.
	URL string
	// Logo is the URL of an image that is shown instead of the name. May be empty.
	Logo string
	// Color is that of buttons, as #rrggbb; empty means the built-in green.
	Color string
}

const (
	defaultBrand = "Gatehouse"
	defaultColor = "#1d5c4c"
)

var hexColor = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)

// orDefault fills what is missing. A colour that is none would be refused by the templates.
func (b Brand) orDefault(name string) Brand {
	if b.Name == "" {
		b.Name = name
	}
	if b.Name == "" {
		b.Name = defaultBrand
	}
	if !hexColor.MatchString(b.Color) {
		b.Color = defaultColor
	}
	return b
}

// onColor is the colour of letters on buttons: white, or black where the button is too bright for white. The border is
// where both contrast equally (WCAG 2.2, relative luminance 0.18).
func (b Brand) onColor() string {
	rgb, err := strconv.ParseUint(strings.TrimPrefix(b.Color, "#"), 16, 32)
	if err != nil {
		return "#ffffff"
	}
	linear := func(shift int) float64 {
		c := float64(rgb>>shift&0xff) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	if 0.2126*linear(16)+0.7152*linear(8)+0.0722*linear(0) > 0.18 {
		return "#000000"
	}
	return "#ffffff"
}

// fields are the data that templates know: their name in JSON, in Kratos' templates, and what stands there when nothing
// was said.
var fields = []struct {
	json, name string
	zero       any
}{
	{"to", "To", ""},
	{"recovery_code", "RecoveryCode", ""},
	{"recovery_url", "RecoveryURL", ""},
	{"verification_code", "VerificationCode", ""},
	{"verification_url", "VerificationURL", ""},
	{"login_code", "LoginCode", ""},
	{"registration_code", "RegistrationCode", ""},
	{"identity", "Identity", map[string]any{}},
	{"traits", "Traits", map[string]any{}},
	{"request_url", "RequestURL", ""},
	{"request_url_domain", "RequestURLDomain", ""},
	{"transient_payload", "TransientPayload", map[string]any{}},
	{"expires_in_minutes", "ExpiresInMinutes", 0},
	{"changed_at", "ChangedAt", ""},
	{"added_at", "AddedAt", ""},
}

// model is what a template sees: Kratos' names, and Lang, Brand, Code and Link.
func model(data map[string]any, lang string, brand Brand) map[string]any {
	m := make(map[string]any, len(fields)+4)
	for key, value := range data {
		m[goName(key)] = value
	}
	for _, f := range fields {
		if value, given := m[f.name]; !given || value == nil {
			m[f.name] = f.zero
		}
	}
	if m["RequestURLDomain"] == "" {
		if text, ok := m["RequestURL"].(string); ok {
			if u, err := url.Parse(text); err == nil {
				m["RequestURLDomain"] = u.Hostname()
			}
		}
	}
	m["Lang"], m["Brand"], m["OnColor"] = lang, brand, brand.onColor()
	m["Code"] = first(m, "RecoveryCode", "VerificationCode", "LoginCode", "RegistrationCode")
	m["Link"] = first(m, "RecoveryURL", "VerificationURL")
	return m
}

func first(m map[string]any, keys ...string) any {
	for _, k := range keys {
		if m[k] != "" {
			return m[k]
		}
	}
	return ""
}

// goName gives the name under which templates see a member: recovery_url is RecoveryURL.
func goName(key string) string {
	for _, f := range fields {
		if key == f.json || key == f.name {
			return f.name
		}
	}
	var b strings.Builder
	for word := range strings.SplitSeq(key, "_") {
		switch {
		case word == "":
		case word == "url" || word == "id":
			b.WriteString(strings.ToUpper(word))
		default:
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return b.String()
}
