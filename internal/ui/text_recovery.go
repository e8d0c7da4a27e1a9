package ui

import (
	"fmt"
	"time"
)

// RecoverySuccessful says that somebody is in again and may set a new password until the given time.
func RecoverySuccessful(until, now time.Time) Text {
	v := moment("privileged_session_expires_at", until)
	v["privilegedSessionExpiresAt"] = until.UTC()
	return done(1060001, fmt.Sprintf("You successfully recovered your account. Please change your password or set up an "+
		"alternative login method (e.g. social sign in) within the next %.2f minutes.", until.Sub(now).Minutes()), v)
}

// RecoveryLinkSent says that a link was sent to the address that was typed, if it is a known one.
func RecoveryLinkSent() Text {
	return info(1060002, "An email containing a recovery link has been sent to the email address you provided. If you have not "+
		"received an email, check the spelling of the address and make sure to use the address you registered with.", nil)
}

// RecoverySent says that a code was sent to the address that was typed, if it is a known one.
func RecoverySent() Text {
	return info(1060003, "An email containing a recovery code has been sent to the email address you provided. If you have not "+
		"received an email, check the spelling of the address and make sure to use the address you registered with.", nil)
}

// RecoverySentTo says that a code was sent to an address of which a part is shown.
func RecoverySentTo(masked string) Text {
	return info(1060004, "A recovery code has been sent to {masked_address}. If you have not received it, check the spelling of "+
		"the address and make sure to use the address you registered with.", values{"masked_address": masked})
}

// AskFullAddress asks to type the address of which a part was shown.
func AskFullAddress() Text {
	return info(1060005, "Recover access to your account by providing your recovery address in full.", nil)
}

// AskWhichAddress asks to choose one of the addresses.
func AskWhichAddress() Text { return info(1060006, "How do you want to recover your account?", nil) }

// RecoveryBack is the word on the button that leads back to the first step of a recovery.
func RecoveryBack() Text { return info(1060007, "Back", nil) }

// VerificationLinkSent says that a link was sent to the address that was typed, if it is a known one.
func VerificationLinkSent() Text {
	return info(1080001, "An email containing a verification link has been sent to the email address you provided. If you have "+
		"not received an email, check the spelling of the address and make sure to use the address you registered with.", nil)
}

// EmailVerified says that an e-mail address was confirmed.
func EmailVerified() Text { return done(1080002, "You successfully verified your email address.", nil) }

// VerificationSent says that a code was sent to the e-mail address that was typed, if it is a known one.
func VerificationSent() Text {
	return info(1080003, "An email containing a verification code has been sent to the email address you provided. If you have "+
		"not received an email, check the spelling of the address and make sure to use the address you registered with.", nil)
}

// VerificationSentBySMS says that a code was sent to the phone number that was typed, if it is a known one.
func VerificationSentBySMS() Text {
	return info(1080004, "A text message containing a verification code has been sent to the phone number you provided. If you "+
		"have not received a text message, check the spelling of the number and make sure to use the number you registered "+
		"with.", nil)
}

// PhoneVerified says that a phone number was confirmed.
func PhoneVerified() Text { return done(1080005, "You successfully verified your phone number.", nil) }
