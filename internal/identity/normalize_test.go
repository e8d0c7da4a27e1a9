package identity_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
)

func TestNormalizeAddress(t *testing.T) {
	for _, tc := range []struct{ via, given, want string }{
		{"email", " Ada@Example.COM\t", "ada@example.com"},
		{"email", "first.last+tag@sub.example.co.uk", "first.last+tag@sub.example.co.uk"},
		{"email", "o'brien!#$%&*/=?^_`{|}~-@example.com", "o'brien!#$%&*/=?^_`{|}~-@example.com"},
		{"email", "root@localhost", "root@localhost"},
		{"email", "JÜRGEN@Münster.example", "jürgen@münster.example"},
		{"email", "ju\u0308rgen@x.example", "jürgen@x.example"}, // two characters, one letter
		{"email", "\u212aelvin@x.example", "kelvin@x.example"},  // the Kelvin sign is no other letter than k
		{"email", "\uff41da@x.example", "ada@x.example"},        // full width
		{"email", "a@xn--mnster-3ya.example", "a@xn--mnster-3ya.example"},
		{"email", "", ""},
		{"email", "ada", ""},
		{"email", "@example.com", ""},
		{"email", "ada@", ""},
		{"email", "ada@@example.com", ""},
		{"email", "a@b@example.com", ""},
		{"email", ".ada@example.com", ""},
		{"email", "ada.@example.com", ""},
		{"email", "a..da@example.com", ""},
		{"email", "ada lovelace@example.com", ""},
		{"email", "\"ada\"@example.com", ""},
		{"email", "ada@[192.0.2.1]", ""},
		{"email", "ada@example..com", ""},
		{"email", "ada@-example.com", ""},
		{"email", "ada@example-.com", ""},
		{"email", "ada@exa_mple.com", ""},
		{"email", "ada@example.com\r\nBcc: all@example.com", ""},
		{"email", "ada@example.com,eve@example.com", ""},
		{"email", "Ada <ada@example.com>", ""},
		{"email", "ada\u200b@\u2028example.com", ""},
		{"email", "a\x00da@example.com", ""},
		{"email", "a\xffda@example.com", ""},
		{"email", strings.Repeat("a", 65) + "@example.com", ""},
		{"email", "a@" + strings.Repeat("b", 64) + ".com", ""},
		{"email", "a@" + strings.Repeat("b.", 130) + "com", ""},
		{"email", strings.Repeat("\uff41", 60) + "@example.com", strings.Repeat("a", 60) + "@example.com"},
		{"email", strings.Repeat(" ", 1100) + "ada@example.com", ""},
		{"sms", "+49 (0)151 / 2345-678", "+491512345678"},
		{"sms", "+1 (415) 555.2671", "+14155552671"},
		{"sms", "+683 4002", "+6834002"},
		{"sms", "+882 1234567890", "+8821234567890"},
		{"sms", "0151 2345678", ""},
		{"sms", "0049 151 2345678", ""},
		{"sms", "+0151 2345678", ""},
		{"sms", "+210 2345678", ""}, // no such country
		{"sms", "+49", ""},
		{"sms", "+49 151 ext 7", ""},
		{"sms", "+49151234567890123", ""},
		{"sms", "+٤٩١٥١٢٣٤٥٦٧", ""},
		{"sms", "+1" + strings.Repeat(" ", 100) + "4155552671", ""},
		{"sms", "", ""},
		{"pigeon", "ada@example.com", ""},
	} {
		got, ok := identity.NormalizeAddress(tc.via, tc.given)
		if ok != (tc.want != "") || ok && got != tc.want {
			t.Errorf("%s %.60q: %q %v, not %q", tc.via, tc.given, got, ok, tc.want)
		}
	}
}

func TestNormalizeIdentifier(t *testing.T) {
	for given, want := range map[string]string{
		" Ada ": "ada", "ADA@Example.com": "ada@example.com", "+49 151 2345678": "+491512345678", "0049151": "0049151",
		"Admin": "admin", "ａｄｍｉｎ": "admin", "ﬁsh": "fish", "\u212a": "k", "\u0130": "i", "": "", " \t": "",
	} {
		if got := identity.NormalizeIdentifier(given); got != want {
			t.Errorf("%q: %q, not %q", given, got, want)
		}
	}
}

func FuzzNormalizeEmail(f *testing.F) {
	for _, s := range []string{"Ada@Example.com", "ju\u0308rgen@x.y", "a@b@c", "\"a\"@b", "a@[1]", "\u212a@\u212a.x", "\u0130@x", "a\xff@b", "ﷺ@x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := identity.NormalizeAddress(identity.ViaEmail, s)
		if !ok {
			return
		}
		// Twice is once: what was stored is found again, and is what mail is sent to.
		if again, ok := identity.NormalizeAddress(identity.ViaEmail, got); !ok || again != got {
			t.Errorf("%q, again %q %v", got, again, ok)
		}
		if strings.ContainsAny(got, " \t\r\n<>,;:\"()[]\\\x00") || strings.Count(got, "@") != 1 || !utf8.ValidString(got) || len(got) > 254 {
			t.Errorf("%q went through", got)
		}
		if identity.NormalizeIdentifier(got) != got {
			t.Errorf("%q is another identifier", got)
		}
	})
}

func FuzzNormalizePhone(f *testing.F) {
	for _, s := range []string{"+49 (0)151 2345678", "+1-415-555-2671", "+(0)49", "++49151", "+49\u00a0151234567", "+4\x009151234567"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := identity.NormalizeAddress(identity.ViaSMS, s)
		if !ok {
			return
		}
		if again, ok := identity.NormalizeAddress(identity.ViaSMS, got); !ok || again != got {
			t.Errorf("%q, again %q %v", got, again, ok)
		}
		if got[0] != '+' || strings.Trim(got[1:], "0123456789") != "" || len(got) < 8 || len(got) > 16 {
			t.Errorf("%q went through", got)
		}
	})
}

func FuzzNormalizeIdentifier(f *testing.F) {
	for _, s := range []string{"Ada", "\u212a", "\u0130", "ﷺ", "a\u0308", "+49151234567", "\u1e9e", "ϓ", "ⓐ", "¯"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			return
		}
		got := identity.NormalizeIdentifier(s)
		if again := identity.NormalizeIdentifier(got); again != got {
			t.Errorf("%q: %q, again %q", s, got, again)
		}
	})
}
