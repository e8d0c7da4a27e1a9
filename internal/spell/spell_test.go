package spell_test

import (
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/spell"
)

func TestNearest(t *testing.T) {
	names := []string{"authenticators", "authorizer", "mutators", "id", "jwks_urls"}
	for name, want := range map[string]string{
		"authenticator": "authenticators", "autorizer": "authorizer", "JWKS-URLs": "jwks_urls", "jwks_url": "jwks_urls",
		"di": "id", "upstream": "", "": "", "mutatros": "mutators",
	} {
		if got := spell.Nearest(name, names); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}
