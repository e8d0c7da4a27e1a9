package ui

// SignIn is the word on the button that signs in.
func SignIn() Text { return info(1010001, "Sign in", nil) }

// SignInWith is the word on the button that signs in at a provider; provider is its name as people know it.
func SignInWith(provider, providerID string) Text {
	return info(1010002, "Sign in with {provider}", values{"provider": provider, "provider_id": providerID})
}

// ConfirmIdentity asks somebody who is signed in to prove it again.
func ConfirmIdentity() Text {
	return info(1010003, "Please confirm this action by verifying that it is you.", nil)
}

// SecondFactorNeeded asks for the second factor.
func SecondFactorNeeded() Text {
	return info(1010004, "Please complete the second authentication challenge.", nil)
}

// Verify is the word on the button that proves a second factor.
func Verify() Text { return info(1010005, "Verify", nil) }

// LabelTOTP is the label of the field for the code of an authenticator app.
func LabelTOTP() Text { return info(1010006, "Authentication code", nil) }

// LabelLookup is the label of the field for a backup code.
func LabelLookup() Text { return info(1010007, "Backup recovery code", nil) }

// SignInWebAuthn is the word on the button that signs in with a security key.
func SignInWebAuthn() Text { return info(1010008, "Sign in with a hardware key", nil) }

// UseTOTP is the word on the button that proves the code of an authenticator app.
func UseTOTP() Text { return info(1010009, "Use Authenticator", nil) }

// UseLookup is the word on the button that spends a backup code.
func UseLookup() Text { return info(1010010, "Use backup recovery code", nil) }

// ContinueWebAuthn is the word on the button that asks the security key.
func ContinueWebAuthn() Text { return info(1010011, "Sign in with a hardware key", nil) }

// PrepareWebAuthn asks to have the security key at hand.
func PrepareWebAuthn() Text {
	return info(1010012, "Prepare your WebAuthn device (e.g. security key, biometrics scanner, ...) and press continue.", nil)
}

// LoginContinue is the word on the button that leads to the next step of signing in.
func LoginContinue() Text { return info(1010013, "Continue", nil) }

// LoginCodeSent says that a code to sign in with was sent to the address that was typed, if it is a known one.
func LoginCodeSent() Text {
	return info(1010014, "A code was sent to the address you provided. If you didn't receive it, please check the spelling of "+
		"the address and try again.", nil)
}

// SendLoginCode is the word on the button that sends a code to sign in with.
func SendLoginCode() Text { return info(1010015, "Send sign in code", nil) }

// Linking is what LoginLink speaks of.
type Linking struct {
	// Identifier is what both accounts are known by.
	Identifier string
	// Provider is where the new account comes from.
	Provider string
	// NewLoginURL begins a login that links nothing.
	NewLoginURL string
	// CredentialTypes and Providers are the ways in which the owner of the account can sign in.
	CredentialTypes, Providers []string
}

// LoginLink asks for a way in that the account already has, before a provider is linked to it.
func LoginLink(l Linking) Text {
	return info(1010016, `You tried to sign in with "{duplicateIdentifier}", but that email is already used by another account. `+
		`Sign in to your account with one of the options below to add your account "{duplicateIdentifier}" at "{provider}" as `+
		`another way to sign in.`,
		values{
			"duplicateIdentifier": l.Identifier, "duplicate_identifier": l.Identifier, "provider": l.Provider,
			"newLoginUrl": l.NewLoginURL, "new_login_url": l.NewLoginURL,
			"available_credential_types": list(l.CredentialTypes), "available_providers": list(l.Providers),
		})
}

// SignInAndLink is the word on the button that signs in and links what waits to be linked.
func SignInAndLink() Text { return info(1010017, "Sign in and link", nil) }

// ConfirmWith is the word on the button that signs in at a provider and links what waits to be linked.
func ConfirmWith(provider string) Text {
	return info(1010018, "Confirm with {provider}", values{"provider": provider})
}

// RequestCode is the word on the button that sends a code as a second factor.
func RequestCode() Text { return info(1010019, "Request code to continue", nil) }

// CodeAddressHint asks to type the address of which a part is shown.
func CodeAddressHint(masked string) Text {
	return info(1010020, "We will send a code to {masked_address}. To verify that this is your address please enter it here.",
		values{"masked_address": masked})
}

// SignInPasskey is the word on the button that signs in with a passkey.
func SignInPasskey() Text { return info(1010021, "Sign in with passkey", nil) }

// SignInPassword is the word on the button that signs in with a password.
func SignInPassword() Text { return info(1010022, "Sign in with password", nil) }

// SendCodeTo is the word on the button that sends a code to an address of somebody who is signed in; channel is email or sms.
func SendCodeTo(address, channel string) Text {
	return info(1010023, "Send code to {address}", values{"address": address, "channel": channel})
}

// SignInDevice is the word on the button that signs in with the key of a device.
func SignInDevice() Text { return info(1010024, "Sign in with a hardware key", nil) }

// CodeSentToKnown says that a code was sent to an address of somebody who is signed in.
func CodeSentToKnown() Text {
	return info(1010025, "A code was sent to your address. If you didn't receive it, please try again.", nil)
}

// LinkedCredentialsDiffer says that somebody signed in as another than the one an account is to be linked to.
func LinkedCredentialsDiffer() Text { return fail(4010009, "Linked credentials do not match.", nil) }

// AddressUnknown says that the address that was typed is none of those of who is signed in.
func AddressUnknown() Text {
	return fail(4010010, "The address you entered does not match any known addresses in the current account.", nil)
}

// Disabled says that the identity is inactive.
func Disabled() Text {
	return fail(4010011, "This account has been disabled. Please contact support for assistance.", nil)
}

// list makes sure that a context has [] where there is nothing.
func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
