package token

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What is stored must read back as the same grant, field by field; a new field that is not stored fails here.
func TestStoredGrantReadsBack(t *testing.T) {
	full := Grant{
		Family: "f", ClientID: "c\"<é", Subject: "s\n", RealSubject: "r", SessionID: "sid", GrantType: "authorization_code",
		Scope: []string{"openid", "a b"}, Audience: []string{"https://a"}, RedirectURI: "https://x/?a=b&c", CodeChallenge: "cc",
		Nonce: "n", ACR: "1", AMR: []string{"pwd", "otp"},
		AuthTime: time.Date(2026, 1, 2, 3, 4, 5, 678000, time.UTC), RequestedAt: time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC),
		AccessClaims: Claims{"plan": "gold", "n": json.Number("12345678901234567890")}, IDClaims: Claims{"email": "ada@example.com"},
		ClaimsRequest: json.RawMessage(`{"id_token":{"email":null}}`), Issuer: "https://id.example.com/",
	}
	v := reflect.ValueOf(full)
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("this test does not fill %s", v.Type().Field(i).Name)
		}
	}
	for name, g := range map[string]Grant{"full": full, "least": {ClientID: "c"}} {
		text, err := g.stored()
		if err != nil {
			t.Fatal(err)
		}
		var back Grant
		if err := json.Unmarshal([]byte(text), &back); err != nil {
			t.Fatalf("%s: %v in %s", name, err, text)
		}
		if d := cmp.Diff(g, back); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}
