package account

import (
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/page"
)

// called is how a person is shown to themselves: the address or name that they would recognise.
func called(who *identity.Identity) string {
	f := factsOf(who)
	for _, place := range []string{"traits.email", "traits.username", "traits.phone"} {
		if s, ok := f.at(place).(string); ok {
			return s
		}
	}
	for _, a := range who.VerifiableAddresses {
		return a.Value
	}
	for _, a := range who.RecoveryAddresses {
		return a.Value
	}
	for _, place := range []string{"traits.name", "traits.name.first traits.name.last"} {
		if s, ok := f.at(place).(string); ok && strings.TrimSpace(s) != "" {
			return s
		}
	}
	return who.ID
}

// localError is an error that is told in the language of the page already.
type localError struct {
	page.Error
	lang string
}

// PageLanguage tells package page the language.
func (e localError) PageLanguage() string { return e.lang }
