package trial

import (
	"crypto/rand"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/apiclient"
)

// Trial is an installation that is tried.
type Trial struct {
	// Public and Admin are the addresses of the two listeners.
	Public, Admin *apiclient.Server
	// Traits are those of the person who is made; nil for a person with an e-mail address. Every %s in a text becomes a name that nobody has.
	Traits map[string]any
	// TokenOnly leaves the person out, for installations where nobody signs in with a password.
	TokenOnly bool
	// Patience is how long a listener that takes no connection is tried again: a Service of Kubernetes may lead nowhere for some seconds
	// after its pods have become ready.
	Patience time.Duration
	// Say is told each step that succeeded.
	Say func(step string)

	// name is what is made here is called by: nobody else's is.
	name string
}

// begin gives the trial a name.
func (t *Trial) begin() { t.name = "trial-" + rand.Text() }

// traits gives the traits of the person, and what he signs in with: an address that no mail reaches (RFC 2606 §2).
func (t *Trial) traits() (traits map[string]any, identifier string) {
	identifier = t.name + "@example.invalid"
	if t.Traits == nil {
		return map[string]any{"email": identifier}, identifier
	}
	return fill(t.Traits, identifier).(map[string]any), identifier
}

// fill puts the identifier where %s stands.
func fill(v any, identifier string) any {
	switch v := v.(type) {
	case map[string]any:
		filled := map[string]any{}
		for k, each := range v {
			filled[k] = fill(each, identifier)
		}
		return filled
	case string:
		if v == "%s" {
			return identifier
		}
	}
	return v
}
