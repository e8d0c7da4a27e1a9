package session

import "github.com/gatehouse-iam/gatehouse/internal/identity"

// Authenticator assurance levels, and what the configuration may require.
const (
	// AAL0 is nobody proved anything.
	AAL0 = "aal0"
	// AAL1 is one factor.
	AAL1 = "aal1"
	// AAL2 is a first and a second factor.
	AAL2 = "aal2"
	// HighestAvailable requires the highest level that the identity can reach with what it has set up.
	HighestAvailable = "highest_available"
)

// level returns the level that the methods amount to. aal2 takes a first and a second factor; an upstream provider that
// says it asked for both counts as both. Everything else that proves anything is aal1.
func level(methods []AuthMethod) string {
	if len(methods) == 0 {
		return AAL0
	}
	var first, second bool
	for _, m := range methods {
		switch m.AAL {
		case AAL1:
			first = true
		case AAL2:
			second = true
			first = first || m.Method == "oidc" || m.Method == "saml"
		}
	}
	if first && second {
		return AAL2
	}
	return AAL1
}

// Satisfied tells whether a session of level has is enough where required is asked for, a level or HighestAvailable, and
// the identity can reach available. What is not known is never satisfied.
func Satisfied(has, available, required string) bool {
	if required == HighestAvailable {
		required = max(available, AAL1)
	}
	switch required {
	case AAL1, AAL2:
		return has >= required
	default:
		return false
	}
}

// availableAAL is the highest level that the session's identity can reach.
func (s *Session) availableAAL() string {
	if s.Identity == nil {
		return AAL1
	}
	return identity.AvailableAAL(s.Identity)
}
