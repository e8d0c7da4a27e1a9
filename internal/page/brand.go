package page

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/spell"
)

// Brand is how pages look like yours.
type Brand struct {
	// Name of what people sign in to: your company or product. Default: Gatehouse. It stands above each page and in its title.
	Name string `yaml:"name" default:"Gatehouse"`
	// LogoURL is your logo, an https URL or a path on this server such as /account/assets/logo.svg, shown 40 pixels high
	// above each page. Default: none, then a small gate and the name stand there. People's browsers load it from there.
	LogoURL string `yaml:"logo_url"`
	// LogoDarkURL is the logo for people whose device is set to dark. Default: the value of logo_url.
	LogoDarkURL string `yaml:"logo_dark_url"`
	// Accent is the colour of buttons and links, as #rrggbb. Default: #1d5c4c. It is refused when it cannot be read on
	// white (contrast below 4.5, WCAG 2.2 §1.4.3), with the nearest one that can.
	Accent string `yaml:"accent" default:"#1d5c4c"`
	// AccentDark is the same for dark pages. Default: derived from accent. It is refused when it cannot be read on
	// the dark ground.
	AccentDark string `yaml:"accent_dark"`
	// SupportURL is where people find help: an https URL or mailto: address, linked below each page. Default: none.
	SupportURL string `yaml:"support_url"`
	// ImprintURL is the page that says who you are, linked below each page. Default: none. The law of some countries wants it.
	ImprintURL string `yaml:"imprint_url"`
	// PrivacyURL is your privacy policy, linked below each page. Default: none.
	PrivacyURL string `yaml:"privacy_url"`
	// TermsURL are your terms of service, linked below each page. Default: none.
	TermsURL string `yaml:"terms_url"`
}

// DefaultBrand is Gatehouse's own.
func DefaultBrand() Brand { return Brand{Name: "Gatehouse", Accent: "#1d5c4c"} }

// The cards that the accent stands on, as in page.css.
const (
	lightCard = "#ffffff"
	darkCard  = "#1a201e"
)

// minContrast is that of text, WCAG 2.2 §1.4.3.
const minContrast = 4.5

// How long what stands on each page may be. Unit: bytes.
const (
	maxBrandName = 200
	maxBrandURL  = 2048
)

var errBrandURL = fmt.Errorf("must be at most %d bytes", maxBrandURL)

// Validate returns all that is wrong, each fault beginning with its key.
func (b Brand) Validate() []error {
	var faults []error
	add := func(key string, err error) {
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", key, err))
		}
	}
	switch {
	case strings.TrimSpace(b.Name) == "":
		add("name", errors.New("must not be empty: it stands above each page"))
	case !spell.Line(b.Name, maxBrandName):
		add("name", fmt.Errorf("must be one line of at most %d bytes", maxBrandName))
	}
	add("accent", checkAccent(b.Accent, lightCard, "#000000"))
	if b.AccentDark != "" {
		add("accent_dark", checkAccent(b.AccentDark, darkCard, "#ffffff"))
	}
	add("logo_url", checkPicture(b.LogoURL))
	add("logo_dark_url", checkPicture(b.LogoDarkURL))
	for _, l := range b.links() {
		add(l.Label+"_url", checkLink(l.URL))
	}
	return faults
}

// checkAccent says whether text of the colour can be read on the card.
func checkAccent(s, card, end string) error {
	c, err := parseColour(s)
	if err != nil {
		return err
	}
	if ratio := contrast(c, mustColour(card)); ratio < minContrast {
		return fmt.Errorf("%s has a contrast of %.1f on %s, and people need %.1f to read it (WCAG 2.2 §1.4.3): the nearest colour that has it is %s",
			s, ratio, card, minContrast, readable(c, mustColour(card), mustColour(end), minContrast))
	}
	return nil
}

func checkPicture(s string) error {
	u, err := url.Parse(s)
	switch {
	case len(s) > maxBrandURL:
		return errBrandURL
	case s == "":
		return nil
	case err == nil && u.Scheme == "" && u.Host == "" && strings.HasPrefix(u.Path, "/"):
		return nil
	case err == nil && u.Scheme == "https" && u.Host != "" && !strings.ContainsAny(u.Host, ";, '\""):
		return nil
	}
	return errors.New("must be an https URL, or a path on this server such as /account/assets/logo.svg")
}

func checkLink(s string) error {
	if len(s) > maxBrandURL {
		return errBrandURL
	}
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http" || u.Host == "") && (u.Scheme != "mailto" || u.Opaque == "") {
		return errors.New("must be a URL such as https://example.com/help, or a mailto: address")
	}
	return nil
}

// links are those below each page, under their names.
func (b Brand) links() []Link {
	var out []Link
	for _, l := range []Link{{"support", b.SupportURL}, {"privacy", b.PrivacyURL}, {"terms", b.TermsURL}, {"imprint", b.ImprintURL}} {
		if l.URL != "" {
			out = append(out, l)
		}
	}
	return out
}

// originOf gives scheme and host of an https URL for a policy; "" for what is ours, or no such URL.
func originOf(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Host == "" || strings.ContainsAny(u.Host, ";, '\"") {
		return ""
	}
	return "https://" + u.Host
}

// css gives the custom properties that follow from the accent. The brand was validated.
func (b Brand) css() string {
	light, err := parseColour(b.Accent)
	if err != nil {
		light = mustColour(DefaultBrand().Accent)
	}
	dark, err := parseColour(b.AccentDark)
	if err != nil {
		dark = lighter(light, mustColour(darkCard), 9)
	}
	return ":root {" + accents(light, colour{}) + "}\n@media (prefers-color-scheme: dark) { :root {" + accents(dark, colour{1, 1, 1}) + "} }\n"
}

// accents writes the accent, what is written on it, and what it turns into under the mouse.
func accents(c, deeper colour) string {
	white, ink := colour{1, 1, 1}, mustColour("#0b1411")
	on := white
	if contrast(ink, c) > contrast(white, c) {
		on = ink
	}
	deep := readable(c.towards(deeper, 0.22), on, deeper, minContrast)
	return fmt.Sprintf(" --accent: %s; --on-accent: %s; --accent-deep: %s; ", c, on, deep)
}
