package account

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
)

// reserved are the claims that say what a token is. Who a person is cannot change them.
var reserved = []string{
	"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "auth_time", "nonce", "acr", "amr", "azp", "sid", "at_hash", "c_hash", "rat",
}

// ownPlaces are places that are the identity's, not below a document of it.
var ownPlaces = []string{"id", "external_id", "schema_id", "organization_id", "updated_at", "created_at"}

// checkClaim says what is wrong with a claim and its place.
func checkClaim(claim, place string) error {
	if slices.Contains(reserved, claim) {
		return errors.New("this claim says what the token is, and cannot be set")
	}
	if strings.TrimSpace(place) == "" {
		return errors.New("must say where the value is, such as traits.email")
	}
	for part := range strings.FieldsSeq(place) {
		path, verified := verifiedPath(part)
		if verified && !strings.HasPrefix(path, "traits.") || !verified && !isPlace(part) {
			return fmt.Errorf("%q is not a place: write a path such as traits.name.first or metadata_public.plan, verified(traits.email), or one of %s",
				part, strings.Join(ownPlaces, ", "))
		}
	}
	return nil
}

func isPlace(s string) bool {
	for _, root := range []string{"traits.", "metadata_public."} {
		if rest, ok := strings.CutPrefix(s, root); ok {
			return rest != "" && !slices.Contains(strings.Split(rest, "."), "")
		}
	}
	return slices.Contains(ownPlaces, s)
}

// verifiedPath reads verified(path).
func verifiedPath(s string) (path string, ok bool) {
	inner, ok := strings.CutPrefix(s, "verified(")
	if !ok {
		return "", false
	}
	return strings.CutSuffix(inner, ")")
}

// claimsFor gives what the granted scopes tell about a person.
func (c Config) claimsFor(who *identity.Identity, scopes []string) map[string]any {
	facts := factsOf(who)
	out := map[string]any{}
	for _, scope := range scopes {
		for claim, place := range c.Claims[scope] {
			if v := facts.at(place); v != nil && !slices.Contains(reserved, claim) {
				out[claim] = v
			}
		}
	}
	return out
}

// facts are the documents of an identity that claims come from.
type facts struct {
	who      *identity.Identity
	traits   any
	metadata any
}

func factsOf(who *identity.Identity) facts {
	return facts{who: who, traits: decoded(who.Traits), metadata: decoded(who.MetadataPublic)}
}

// decoded reads a document of ours. What cannot be read has nothing in it.
func decoded(raw json.RawMessage) any {
	var v any
	if len(raw) == 0 || json.Unmarshal(raw, &v) != nil {
		return nil
	}
	return v
}

// at gives the value of a place, nil where there is none.
func (f facts) at(place string) any {
	parts := strings.Fields(place)
	if len(parts) == 1 {
		return f.one(parts[0])
	}
	var words []string
	for _, p := range parts {
		if s, ok := f.one(p).(string); ok && strings.TrimSpace(s) != "" {
			words = append(words, strings.TrimSpace(s))
		}
	}
	if len(words) == 0 {
		return nil
	}
	return strings.Join(words, " ")
}

func (f facts) one(place string) any {
	if path, ok := verifiedPath(place); ok {
		return f.verified(path)
	}
	if rest, ok := strings.CutPrefix(place, "traits."); ok {
		return walk(f.traits, rest)
	}
	if rest, ok := strings.CutPrefix(place, "metadata_public."); ok {
		return walk(f.metadata, rest)
	}
	switch place {
	case "id":
		return f.who.ID
	case "external_id":
		return orNil(f.who.ExternalID)
	case "schema_id":
		return f.who.SchemaID
	case "organization_id":
		if f.who.OrganizationID != nil {
			return *f.who.OrganizationID
		}
	case "updated_at": // seconds since 1970 (OpenID Connect Core §5.1)
		return f.who.UpdatedAt.Unix()
	case "created_at":
		return f.who.CreatedAt.Unix()
	}
	return nil
}

// verified tells whether the address at the path was verified; nil where there is none.
func (f facts) verified(path string) any {
	value, ok := f.one(path).(string)
	if !ok {
		return nil
	}
	for _, a := range f.who.VerifiableAddresses {
		if sameAddress(a.Value, value) {
			return a.Verified
		}
	}
	return false
}

// sameAddress compares an address as it was typed with one that was normalised.
func sameAddress(a, b string) bool {
	strip := strings.NewReplacer(" ", "", "-", "", "(", "", ")", "", "/", "")
	return strings.EqualFold(strings.TrimSpace(a), strings.TrimSpace(b)) ||
		strings.HasPrefix(a, "+") && strip.Replace(a) == strip.Replace(b)
}

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// walk follows a dotted path; what is empty is not there.
func walk(v any, path string) any {
	for name := range strings.SplitSeq(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[name]
	}
	if v == "" {
		return nil
	}
	return v
}
