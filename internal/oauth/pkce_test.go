package oauth_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/oauth"
)

// The example of RFC 7636 appendix B.
const (
	verifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

func TestCheckChallenge(t *testing.T) {
	for _, tc := range []struct {
		name, challenge, method string
		ok                      bool
	}{
		{"absent", "", "", true},
		{"S256", challenge, "S256", true},
		{"plain by name (RFC 9700 §2.1.1)", verifier, "plain", false},
		{"plain by default (RFC 7636 §4.3)", verifier, "", false},
		{"unknown method", challenge, "S512", false},
		{"method alone", "", "S256", false},
		{"too short", challenge[:42], "S256", false},
		{"too long", challenge + "A", "S256", false},
		{"padded", challenge[:42] + "=", "S256", false},
		{"not base64url", challenge[:42] + "+", "S256", false},
	} {
		err := oauth.CheckChallenge(tc.challenge, tc.method)
		if (err == nil) != tc.ok || err != nil && !errors.Is(err, oauth.ErrInvalidRequest) {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

func TestVerifyPKCE(t *testing.T) {
	for _, tc := range []struct {
		name, challenge, verifier string
		ok                        bool
	}{
		{"none asked, none given", "", "", true},
		{"right", challenge, verifier, true},
		{"missing", challenge, "", false},
		{"a verifier without a challenge (RFC 9700 §4.8.2)", "", verifier, false},
		{"wrong", challenge, strings.Repeat("a", 43), false},
		{"the challenge itself", challenge, challenge, false},
		{"shorter than 43 (RFC 7636 §4.1)", challenge, verifier[:42], false},
		{"longer than 128", challenge, strings.Repeat("a", 129), false},
		{"characters outside of unreserved", challenge, verifier[:42] + "!", false},
	} {
		err := oauth.VerifyPKCE(tc.challenge, tc.verifier)
		if (err == nil) != tc.ok || err != nil && !errors.Is(err, oauth.ErrInvalidGrant) {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}
