package account

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
)

func ada() *identity.Identity {
	return &identity.Identity{
		ID: "0190-id", ExternalID: "emp-7", SchemaID: "default", UpdatedAt: time.Unix(1_800_000_000, 0),
		Traits:         json.RawMessage(`{"email":"Ada@Example.com","name":{"first":"Ada","last":" Byron "},"phone":"+49 151 1234","tags":["a","b"],"address":{"locality":"London"},"empty":"","age":36}`),
		MetadataPublic: json.RawMessage(`{"plan":"gold"}`), MetadataAdmin: json.RawMessage(`{"risk":"high"}`),
		VerifiableAddresses: []identity.VerifiableAddress{{Value: "ada@example.com", Via: "email", Verified: true}, {Value: "+491511234", Via: "sms"}},
	}
}

func TestDefaultClaims(t *testing.T) {
	got := DefaultConfig().claimsFor(ada(), []string{"openid", "email", "profile", "phone", "offline_access"})
	want := map[string]any{
		"email": "Ada@Example.com", "email_verified": true, "name": "Ada Byron", "given_name": "Ada", "family_name": " Byron ",
		"updated_at": int64(1_800_000_000), "phone_number": "+49 151 1234", "phone_number_verified": false,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := DefaultConfig().claimsFor(ada(), []string{"openid"}); len(got) > 0 {
		t.Errorf("openid alone tells %v", got)
	}
}

func TestConfiguredClaims(t *testing.T) {
	c := Config{Claims: map[string]map[string]string{"staff": {
		"employee": "external_id", "plan": "metadata_public.plan", "tags": "traits.tags", "city": "traits.address.locality", "age": "traits.age",
		"nothing": "traits.nothing", "deep": "traits.email.deep", "empty": "traits.empty", "org": "organization_id", "who": "id", "never": "verified(traits.nothing)",
	}}}
	want := map[string]any{"employee": "emp-7", "plan": "gold", "tags": []any{"a", "b"}, "city": "London", "age": 36.0, "who": "0190-id"}
	if diff := cmp.Diff(want, c.claimsFor(ada(), []string{"staff"})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	none := &identity.Identity{}
	if got := c.claimsFor(none, []string{"staff"}); len(got) != 1 { // the id
		t.Errorf("of nobody: %v", got)
	}
}

func TestConfigIsChecked(t *testing.T) {
	if faults := DefaultConfig().Validate(); len(faults) > 0 {
		t.Fatal(faults)
	}
	for place, want := range map[string]string{
		"sub=traits.email": "this claim says what the token is", "nonce=traits.email": "this claim says", "a=": "must say where",
		"a=traits": "is not a place", "a=traits.": "is not a place", "a=traits..b": "is not a place", "a=metadata_admin.risk": "is not a place",
		"a=verified(metadata_public.x)": "is not a place", "a=verified(traits.x": "is not a place", "a=credentials.password": "is not a place",
		"a=traits.x metadata_admin.y": "is not a place",
	} {
		claim, at, _ := strings.Cut(place, "=")
		c := DefaultConfig()
		c.Claims = map[string]map[string]string{"s": {claim: at}}
		faults := c.Validate()
		if len(faults) != 1 || !strings.HasPrefix(faults[0].Error(), "claims.s."+claim+": ") || !strings.Contains(faults[0].Error(), want) {
			t.Errorf("%s: %v, want %s", place, faults, want)
		}
	}
	c := DefaultConfig()
	c.Brand.Accent = "pink"
	c.Scopes = map[string]map[string]string{"a": {"en": " "}}
	if faults := c.Validate(); len(faults) != 2 || !strings.HasPrefix(faults[0].Error(), "brand.accent: ") || !strings.HasPrefix(faults[1].Error(), "scopes.a.en: ") {
		t.Errorf("%v", faults)
	}
}

func TestHowPeopleAreCalled(t *testing.T) {
	for traits, want := range map[string]string{
		`{"email":"a@b.c","username":"ada"}`: "a@b.c", `{"username":"ada","phone":"+49"}`: "ada", `{"phone":"+49"}`: "+49",
		`{"name":"Ada"}`: "Ada", `{"name":{"first":"Ada","last":"B"}}`: "Ada B", `{}`: "the-id", `null`: "the-id", ``: "the-id",
	} {
		if got := called(&identity.Identity{ID: "the-id", Traits: json.RawMessage(traits)}); got != want {
			t.Errorf("%s: %q, want %q", traits, got, want)
		}
	}
	who := &identity.Identity{ID: "x", RecoveryAddresses: []identity.RecoveryAddress{{Value: "r@b.c"}}}
	if got := called(who); got != "r@b.c" {
		t.Errorf("%q", got)
	}
}
