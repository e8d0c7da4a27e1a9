package oauth_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/oauth"
)

func TestParseBasic(t *testing.T) {
	raw := func(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }
	for _, tc := range []struct {
		name, header, id, secret string
		ok, other                bool
	}{
		{"plain", raw("id:secret"), "id", "secret", true, false},
		{"scheme in another case (RFC 9110 §11.1)", "bAsIc " + base64.StdEncoding.EncodeToString([]byte("id:secret")), "id", "secret", true, false},
		{"form-url-encoded (RFC 6749 §2.3.1)", raw("i%3Ad:s%2Bc+r%25"), "i:d", "s+c r%", true, false},
		{"several spaces (RFC 9110 §11.4)", "Basic   " + base64.StdEncoding.EncodeToString([]byte("id:secret")), "id", "secret", true, false},
		{"a scheme that begins alike", "Basics aWQ6c2VjcmV0", "", "", false, true},
		{"colon in the secret", raw("id:a:b"), "id", "a:b", true, false},
		{"no secret", raw("id:"), "id", "", true, false},
		{"no colon", raw("id"), "", "", false, false},
		{"no id", raw(":secret"), "", "", false, false},
		{"bad escape", raw("id:%zz"), "", "", false, false},
		{"not base64", "Basic ***", "", "", false, false},
		{"base64 without padding", "Basic aWQ6eA", "", "", false, false},
		{"another scheme", "Bearer abc", "", "", false, true},
		{"scheme alone", "Basic", "", "", false, false},
		{"empty", "", "", "", false, true},
		{"too long", "Basic " + strings.Repeat("A", 9000), "", "", false, false},
	} {
		id, secret, err := oauth.ParseBasic(tc.header)
		if id != tc.id || secret != tc.secret || (err == nil) != tc.ok || errors.Is(err, oauth.ErrNotBasic) != tc.other {
			t.Errorf("%s: %q, %q, %v", tc.name, id, secret, err)
		}
	}
}

func FuzzParseBasic(f *testing.F) {
	for _, s := range []string{"Basic aWQ6c2VjcmV0", "basic ", "Basic Og==", "Basic JTo=", "basic  YSUyRmI6Yw==", "Bearer x", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		id, secret, err := oauth.ParseBasic(header)
		if err != nil {
			if id != "" || secret != "" {
				t.Error("refused, and answered nevertheless")
			}
			return
		}
		again, secretAgain, err := oauth.ParseBasic(oauth.FormatBasic(id, secret))
		if err != nil && len(header) < 2000 || err == nil && (again != id || secretAgain != secret) {
			t.Errorf("%q, %q does not come through: %q, %q, %v", id, secret, again, secretAgain, err)
		}
	})
}
