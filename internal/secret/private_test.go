package secret_test

import (
	"encoding/base64"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

func TestHoldsPrivateKey(t *testing.T) {
	const private, public = `{"kty": "EC", "crv": "P-256", "x": "a", "y": "b", "d": "c"}`, `{"kty": "EC", "crv": "P-256", "x": "a", "y": "b"}`
	inline := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	for text, want := range map[string]bool{
		"": false, "a text": false, `{"d": "c", "k": "c"}`: false, public: false, `{"keys": [` + public + `]}`: false,
		"base64://" + inline(public): false, "base64://*": false, "https://example.com/" + inline(private): false,
		"-----BEGIN PUBLIC KEY-----\nx": false, "-----BEGIN CERTIFICATE-----\nx": false,
		private: true, `{"keys": [` + public + `, ` + private + `]}`: true, `{"kty": "oct", "k": "c"}`: true, `[{"a": ` + private + `}]`: true,
		"base64://" + inline(private): true, "inline://" + base64.RawURLEncoding.EncodeToString([]byte(private)): true,
		"-----BEGIN PRIVATE KEY-----\nx": true, "text before -----BEGIN EC PRIVATE KEY-----": true,
		"base64://" + inline("-----BEGIN ENCRYPTED PRIVATE KEY-----\nx"): true,
	} {
		if got := secret.HoldsPrivateKey(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
