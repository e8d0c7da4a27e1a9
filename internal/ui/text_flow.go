package ui

import (
	"fmt"
	"time"
)

// FlowExpired says that a flow of that kind is too old, and how old.
func FlowExpired(k Kind, expired, now time.Time) Text {
	ids := map[Kind]int{
		Login: 4010001, Registration: 4040001, Settings: 4050001, Recovery: 4060005, Verification: 4070005,
	}
	return fail(ids[k], fmt.Sprintf("The %s flow expired %.2f minutes ago, please try again.", k, now.Sub(expired).Minutes()),
		moment("expired_at", expired))
}

// NoMethod says that a flow was sent with a method that does not exist, or that is not for it.
func NoMethod(k Kind) Text {
	switch k {
	case Registration:
		return fail(4010003, "Could not find a strategy to sign you up with. Did you fill out the form correctly?", nil)
	case Settings:
		return fail(4010004, "Could not find a strategy to update your settings. Did you fill out the form correctly?", nil)
	case Recovery:
		return fail(4010005, "Could not find a strategy to recover your account with. Did you fill out the form correctly?", nil)
	case Verification:
		return fail(4010006, "Could not find a strategy to verify your account with. Did you fill out the form correctly?", nil)
	default:
		return fail(4010002, "Could not find a strategy to log you in with. Did you fill out the form correctly?", nil)
	}
}

// AlreadyCompleted says that a flow was sent again after it was done.
func AlreadyCompleted(k Kind) Text {
	ids := map[Kind]int{Login: 4010007, Registration: 4040002, Recovery: 4060001, Verification: 4070002}
	id, known := ids[k]
	if !known {
		id = 4010007
	}
	return fail(id, "The request was already completed successfully and can not be retried.", nil)
}

// CodeInvalid says that the code of a flow is wrong, too old or was used.
func CodeInvalid(k Kind) Text {
	ids := map[Kind]int{Login: 4010008, Registration: 4040003, Recovery: 4060006, Verification: 4070006}
	if _, known := ids[k]; !known {
		k = Verification
	}
	return fail(ids[k], "The "+string(k)+" code is invalid or has already been used. Please try again.", nil)
}

// LinkInvalid says that the link of a recovery or verification is wrong, too old or was used.
func LinkInvalid(k Kind) Text {
	if k == Recovery {
		return fail(4060004, "The recovery token is invalid or has already been used. Please retry the flow.", nil)
	}
	return fail(4070001, "The verification token is invalid or has already been used. Please retry the flow.", nil)
}

// StateFailure says that a recovery or verification cannot go on from where it is.
func StateFailure(k Kind) Text {
	if k == Recovery {
		return fail(4060002, "The recovery flow reached a failure state and must be retried.", nil)
	}
	return fail(4070003, "The verification flow reached a failure state and must be retried.", nil)
}

// CodeTriedTooOften says that no further try is taken for the code that was sent.
func CodeTriedTooOften() Text { return Generic(reasonTriedTooOften) }

// reasonTriedTooOften is a sentence that clients know.
const reasonTriedTooOften = "The request was submitted too often. Please request another code."

// TooManyAttempts says how long to wait before the next try.
func TooManyAttempts(wait time.Duration) Text {
	seconds := int((wait + time.Second - 1) / time.Second)
	return fail(4009001, "Too many attempts. Please wait {retry_after} seconds and try again.",
		values{"retry_after": max(seconds, 1)})
}

// ProviderDenied says that somebody did not agree to sign in at a provider; provider is its name as people know it.
func ProviderDenied(provider string) Text {
	return fail(4009002, "You did not sign in with {provider}. Try again, or choose another way.", values{"provider": provider})
}

// ProviderFailed says that a provider could not be asked who somebody is, or that its answer does not hold.
func ProviderFailed(provider string) Text {
	return fail(4009003, "Signing in with {provider} did not work. Try again in a moment, or choose another way.", values{"provider": provider})
}

// SystemError says that something went wrong on our side.
func SystemError(reason string) Text { return fail(5000001, "{reason}", values{"reason": reason}) }

// NoMethodsAvailable says that nobody can sign in: the configuration enables nothing.
func NoMethodsAvailable() Text {
	return fail(5000002, "No authentication methods are available. Please contact the system administrator.", nil)
}

// NoSSOProvider says that an organization asks for a provider and has none.
func NoSSOProvider() Text {
	return fail(5000003, "Your organization requires SSO authentication, but no SSO provider is configured. Please contact the "+
		"system administrator.", nil)
}
