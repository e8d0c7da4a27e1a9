package ui

// SignUp is the word on the button that registers.
func SignUp() Text { return info(1040001, "Sign up", nil) }

// SignUpWith is the word on the button that registers at a provider; provider is its name as people know it.
func SignUpWith(provider, providerID string) Text {
	return info(1040002, "Sign up with {provider}", values{"provider": provider, "provider_id": providerID})
}

// RegistrationContinue is the word on the button that goes on with a registration that a provider began.
func RegistrationContinue() Text { return info(1040003, "Continue", nil) }

// SignUpWebAuthn is the word on the button that registers with a security key.
func SignUpWebAuthn() Text { return info(1040004, "Sign up with security key", nil) }

// RegistrationCodeSent says that a code to register with was sent.
func RegistrationCodeSent() Text {
	return info(1040005, "A code has been sent to the address(es) you provided. If you have not received a message, check the "+
		"spelling of the address and retry the registration.", nil)
}

// SendRegistrationCode is the word on the button that sends a code to register with.
func SendRegistrationCode() Text { return info(1040006, "Send sign up code", nil) }

// SignUpPasskey is the word on the button that registers with a passkey.
func SignUpPasskey() Text { return info(1040007, "Sign up with passkey", nil) }

// RegistrationBack is the word on the button that leads back to the first step of a registration.
func RegistrationBack() Text { return info(1040008, "Back", nil) }

// ChooseCredential asks to choose how to sign in from now on.
func ChooseCredential() Text {
	return info(1040009, "Please choose a credential to authenticate yourself with.", nil)
}
