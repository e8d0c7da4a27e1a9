package page

import (
	"regexp"
	"strings"
	"testing"
)

func TestBrandIsChecked(t *testing.T) {
	if faults := DefaultBrand().Validate(); len(faults) > 0 {
		t.Fatal(faults)
	}
	for name, c := range map[string]struct {
		change func(*Brand)
		want   string
	}{
		"no name":                {func(b *Brand) { b.Name = " " }, "name: must not be empty"},
		"a name of two lines":    {func(b *Brand) { b.Name = "Acme\r\nBcc: a" }, "name: must be one line"},
		"a name without end":     {func(b *Brand) { b.Name = strings.Repeat("x", 201) }, "name: must be one line"},
		"a link without end":     {func(b *Brand) { b.TermsURL = "https://e.com/" + strings.Repeat("x", 2048) }, "terms_url: must be at most"},
		"a logo without end":     {func(b *Brand) { b.LogoURL = "https://e.com/" + strings.Repeat("x", 2048) }, "logo_url: must be at most"},
		"no colour":              {func(b *Brand) { b.Accent = "green" }, `accent: must be a colour like #1f5f4f, is "green"`},
		"too pale":               {func(b *Brand) { b.Accent = "#ffcc00" }, "accent: #ffcc00 has a contrast of 1.5 on #ffffff, and people need 4.5 to read it"},
		"too dark":               {func(b *Brand) { b.AccentDark = "#00004f" }, "accent_dark: #00004f has a contrast of"},
		"logo by http":           {func(b *Brand) { b.LogoURL = "http://e.com/logo.svg" }, "logo_url: must be an https URL"},
		"logo elsewhere":         {func(b *Brand) { b.LogoURL = "//e.com/logo.svg" }, "logo_url: must be"},
		"logo breaks the policy": {func(b *Brand) { b.LogoDarkURL = "https://e.com;script-src/x.svg" }, "logo_dark_url: must be"},
		"a script":               {func(b *Brand) { b.ImprintURL = "javascript:alert(1)" }, "imprint_url: must be a URL"},
	} {
		b := DefaultBrand()
		c.change(&b)
		faults := b.Validate()
		if len(faults) != 1 || !strings.HasPrefix(faults[0].Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, faults, c.want)
		}
	}
	good := DefaultBrand()
	good.LogoURL, good.LogoDarkURL, good.SupportURL, good.ImprintURL = "/account/assets/logo.svg", "https://cdn.example/l.svg", "mailto:help@example.com", "https://example.com/imprint"
	if faults := good.Validate(); len(faults) > 0 {
		t.Error(faults)
	}
}

// Whatever colour an operator chooses that is let through, everything made of it can be read, in light and in dark.
func TestEveryAccentCanBeRead(t *testing.T) {
	for r := 0; r < 256; r += 51 {
		for g := 0; g < 256; g += 51 {
			for b := 0; b < 256; b += 51 {
				brand := DefaultBrand()
				brand.Accent = colour{float64(r) / 255, float64(g) / 255, float64(b) / 255}.String()
				if len(brand.Validate()) > 0 {
					continue
				}
				light, dark, _ := strings.Cut(brand.css(), "@media")
				for card, part := range map[string]string{lightCard: light, darkCard: dark} {
					c := map[string]colour{}
					for _, m := range regexp.MustCompile(`(--[a-z-]+): (#[0-9a-f]{6})`).FindAllStringSubmatch(part, -1) {
						c[m[1]] = mustColour(m[2])
					}
					for _, pair := range [][2]colour{{c["--accent"], mustColour(card)}, {c["--on-accent"], c["--accent"]}, {c["--on-accent"], c["--accent-deep"]}} {
						if got := contrast(pair[0], pair[1]); got < minContrast {
							t.Errorf("%s on %s: %s on %s has a contrast of %.2f", brand.Accent, card, pair[0], pair[1], got)
						}
					}
				}
			}
		}
	}
}

func TestColours(t *testing.T) {
	for in, want := range map[string]string{"#1d5c4c": "#1d5c4c", "#abc": "#aabbcc", "#FFFFFF": "#ffffff"} {
		if c, err := parseColour(in); err != nil || c.String() != want {
			t.Errorf("%s: %s %v, want %s", in, c, err, want)
		}
	}
	for _, in := range []string{"", "#", "#12", "123456", "#12345g", "#1234567", "rgb(0,0,0)"} {
		if c, err := parseColour(in); err == nil {
			t.Errorf("%q was read as %s", in, c)
		}
	}
	if c := contrast(mustColour("#ffffff"), mustColour("#000000")); c < 20.99 || c > 21.01 {
		t.Errorf("white on black: %f", c)
	}
	for _, s := range []string{"#1d5c4c", "#804020", "#204080", "#708020", "#5c1d4c", "#333333"} {
		c := mustColour(s)
		if got := fromHSL(c.hsl()).String(); got != s {
			t.Errorf("%s went round to %s", s, got)
		}
	}
}
