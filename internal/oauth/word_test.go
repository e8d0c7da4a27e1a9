package oauth_test

import (
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/oauth"
)

func TestCanonicalResponseType(t *testing.T) {
	for in, want := range map[string]string{
		"code":                "code",
		"token":               "token",
		"id_token":            "id_token",
		"token id_token":      "id_token token",
		"id_token token":      "id_token token",
		"id_token code":       "code id_token",
		"token code":          "code token",
		"token id_token code": "code id_token token",
		"id_token code token": "code id_token token",
		"":                    "",
		"code code":           "",
		"code  token":         "",
		" code":               "",
		"none":                "",
		"code none":           "",
		"Code":                "",
	} {
		got, ok := oauth.CanonicalResponseType(in)
		if got != want || ok != (want != "") {
			t.Errorf("CanonicalResponseType(%q) = %q, %v, want %q", in, got, ok, want)
		}
	}
}

func TestFrontChannelTokens(t *testing.T) {
	for _, r := range []string{oauth.ResponseToken, oauth.ResponseIDToken, oauth.ResponseIDTokenToken, oauth.ResponseCodeIDToken, oauth.ResponseCodeToken, oauth.ResponseCodeIDTokenToken} {
		if !oauth.FrontChannelTokens(r) {
			t.Errorf("%s puts a token into the front channel", r)
		}
	}
	if oauth.FrontChannelTokens(oauth.ResponseCode) {
		t.Error("code puts none there")
	}
}

func TestKnownWords(t *testing.T) {
	if oauth.AuthMethodKnown(oauth.AuthSecretJWT) {
		t.Error("client_secret_jwt is named to be refused")
	}
	if oauth.GrantTypeKnown(oauth.GrantPassword) {
		t.Error("password is named to be refused (RFC 9700 §2.4)")
	}
	for _, alg := range []string{"none", "HS256", "HS512", "RS1", ""} {
		if oauth.SigningAlgKnown(alg) {
			t.Errorf("%q must not be accepted from clients", alg)
		}
	}
	if !oauth.ResponseModeKnown("form_post") || oauth.ResponseModeKnown("web_message") {
		t.Error("response modes")
	}
}

func TestQuoteKeepsToErrorDescriptionCharacters(t *testing.T) {
	if got := oauth.Quote("a\"b\\c\nd\u00e9"); got != "'a?b?c?d??'" {
		t.Errorf("got %s", got)
	}
	long := make([]byte, 1000)
	for i := range long {
		long[i] = 'x'
	}
	if got := oauth.Quote(string(long)); len(got) != 205 {
		t.Errorf("length %d", len(got))
	}
}
