package authn

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/oauth"
)

// texts is a claim that is one string or several (RFC 7519 §4.1.3).
type texts []string

// UnmarshalJSON reads a string or an array of strings.
func (t *texts) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		var one string
		err := json.Unmarshal(data, &one)
		*t = texts{one}
		return err
	}
	return json.Unmarshal(data, (*[]string)(t))
}

// scopes is a claim that is a list of scopes, or one string with spaces between them (RFC 8693 §4.2).
type scopes []string

// UnmarshalJSON reads both forms.
func (s *scopes) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		var one string
		err := json.Unmarshal(data, &one)
		*s = strings.Fields(one)
		return err
	}
	return json.Unmarshal(data, (*[]string)(s))
}

// moment is a NumericDate (RFC 7519 §2): seconds, perhaps with a fraction. Absent ones are zero.
type moment struct{ time.Time }

// UnmarshalJSON reads a number and nothing else.
func (m *moment) UnmarshalJSON(data []byte) error {
	var seconds float64
	if err := json.Unmarshal(data, &seconds); err != nil {
		return errors.New("a time is not a number")
	}
	if seconds < 0 || seconds > 1<<40 {
		return errors.New("a time is out of bounds")
	}
	m.Time = time.UnixMilli(int64(seconds * 1000)).UTC()
	return nil
}

// known are the claims of a token that are looked at, whether they were signed or told by an introspection endpoint.
type known struct {
	Subject      string
	Issuer       string
	Audience     texts
	Expires      moment
	NotBefore    moment
	Issued       moment
	Scp          scopes
	Scope        scopes
	Scopes       scopes
	Confirmation Confirmation
}

// readKnown reads the claims of an object.
func readKnown(document []byte) (known, error) {
	var k known
	err := members(document, map[string]any{
		"sub": &k.Subject, "iss": &k.Issuer, "aud": &k.Audience, "exp": &k.Expires, "nbf": &k.NotBefore, "iat": &k.Issued,
		"scp": &k.Scp, "scope": &k.Scope, "scopes": &k.Scopes, "cnf": &k.Confirmation,
	})
	return k, err
}

// members reads the named members of an object, exactly as they are spelled: encoding/json would take "Exp" for exp in a struct,
// and let an issuer's own claim stand for a registered one.
func members(document []byte, into map[string]any) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(document, &all); err != nil {
		return errors.New("not a JSON object")
	}
	for name, to := range into {
		raw, there := all[name]
		if !there || bytes.Equal(raw, []byte("null")) {
			continue
		}
		if err := json.Unmarshal(raw, to); err != nil {
			return fmt.Errorf("the member %s has another type", name)
		}
	}
	return nil
}

// granted are the scopes, from the first of the claims that is there, as Oathkeeper reads them.
func (k *known) granted() []string {
	switch {
	case k.Scp != nil:
		return k.Scp
	case k.Scope != nil:
		return k.Scope
	}
	return k.Scopes
}

// skew is how far the clocks of issuers may be ahead.
const skew = 5 * time.Second

// current checks the times of a token.
func (k *known) current(now time.Time) error {
	switch {
	case !k.Expires.IsZero() && !now.Before(k.Expires.Time):
		return errors.New("the token has expired")
	case k.NotBefore.After(now.Add(skew)):
		return errors.New("the token is not good yet")
	case k.Issued.After(now.Add(skew)):
		return errors.New("the token was issued in the future")
	}
	return nil
}

// demands are what settings ask of a token.
type demands struct {
	scopes    []string
	audiences []string
	issuers   []string
	strategy  oauth.ScopeStrategy
	unchecked bool // the scopes were left to who issued the token
	// incomparable tells that there are scopes, and nothing says how they are compared.
	incomparable bool
}

// none is the word of scope_strategy for no strategy.
const none = "none"

// strategyOf reads scope_strategy; found is false where it is none or not there.
func strategyOf(word string) (strategy oauth.ScopeStrategy, found bool, err error) {
	switch s := oauth.ScopeStrategy(word); s {
	case oauth.ScopeExact, oauth.ScopeHierarchic, oauth.ScopeWildcard:
		return s, true, nil
	case "", none:
		return "", false, nil
	}
	return "", false, fmt.Errorf("scope_strategy: %q is not one of exact, hierarchic, wildcard, none", word)
}

// met checks what was introspected against the demands: every audience, one of the issuers, every scope. What does not meet them
// is forbidden, as Oathkeeper has it: who issued the token says that it is good, though not for this.
func (d *demands) met(issuer string, audience, granted []string) error {
	if err := d.meant(issuer, audience); err != nil {
		return access.ErrForbidden.Because(err)
	}
	return d.granted(granted)
}

// metByJWT is met for a token that nobody vouches for but the token itself: one that is not for us is no good at all (RFC 9068 §4,
// invalid_token).
func (d *demands) metByJWT(issuer string, audience, granted []string) error {
	if err := d.meant(issuer, audience); err != nil {
		return access.ErrUnauthorized.Because(err)
	}
	return d.granted(granted)
}

// meant says why a token was not made for those who ask here.
func (d *demands) meant(issuer string, audience []string) error {
	for _, want := range d.audiences {
		if !slices.Contains(audience, want) {
			return errors.New("the token is not intended for the audience that is asked for")
		}
	}
	if len(d.issuers) > 0 && !slices.Contains(d.issuers, issuer) {
		return errors.New("the token's issuer is not one of those that are trusted")
	}
	return nil
}

func (d *demands) granted(granted []string) error {
	switch {
	case d.unchecked:
		return nil
	case d.incomparable:
		return access.ErrScopeStrategy
	}
	if lacking, refused := d.strategy.Refused(granted, d.scopes); refused {
		return access.ErrForbidden.Because(fmt.Errorf("the scope %q was not granted", lacking))
	}
	return nil
}
