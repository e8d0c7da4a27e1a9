package ui

// LabelPassword is the label of the field for a password.
func LabelPassword() Text { return info(1070001, "Password", nil) }

// Label is the label of a field that a schema describes: title is the schema's, name the field's.
func Label(title, name string) Text {
	return info(1070002, "{title}", values{"title": title, "name": name})
}

// LabelSave is the word on the button that saves settings.
func LabelSave() Text { return info(1070003, "Save", nil) }

// LabelID is the label of the field for whatever somebody is known by.
func LabelID() Text { return info(1070004, "ID", nil) }

// LabelSubmit is the word on a button that sends a form.
func LabelSubmit() Text { return info(1070005, "Submit", nil) }

// LabelVerifyCode is the label of the field for a code.
func LabelVerifyCode() Text { return info(1070006, "Verify code", nil) }

// LabelEmail is the label of the field for an e-mail address.
func LabelEmail() Text { return info(1070007, "Email", nil) }

// ResendCode is the word on the button that sends another code.
func ResendCode() Text { return info(1070008, "Resend code", nil) }

// LabelContinue is the word on the button that leads to the next step.
func LabelContinue() Text { return info(1070009, "Continue", nil) }

// LabelRecoveryCode is the label of the field for a recovery code.
func LabelRecoveryCode() Text { return info(1070010, "Recovery code", nil) }

// LabelVerificationCode is the label of the field for a verification code.
func LabelVerificationCode() Text { return info(1070011, "Verification code", nil) }

// LabelRegistrationCode is the label of the field for a registration code.
func LabelRegistrationCode() Text { return info(1070012, "Registration code", nil) }

// LabelLoginCode is the label of the field for a login code.
func LabelLoginCode() Text { return info(1070013, "Login code", nil) }

// LabelCode is the label of the field for the code of a kind of flow.
func LabelCode(k Kind) Text {
	switch k {
	case Login:
		return LabelLoginCode()
	case Registration:
		return LabelRegistrationCode()
	case Recovery:
		return LabelRecoveryCode()
	default:
		return LabelVerificationCode()
	}
}

// LinkCredential is the word on the button that signs in and links.
func LinkCredential() Text { return info(1070014, "Login and link credential", nil) }

// CaptchaPrompt asks to prove that a person is there.
func CaptchaPrompt() Text {
	return info(1070015, "Please complete the captcha challenge to continue.", nil)
}

// LabelRecoveryAddress is the label of the field for an address to recover by.
func LabelRecoveryAddress() Text { return info(1070016, "Recovery address", nil) }

// LabelPhone is the label of the field for a phone number.
func LabelPhone() Text { return info(1070017, "Phone number", nil) }

// LabelEmailOrPhone is the label of the field for either of them.
func LabelEmailOrPhone() Text { return info(1070018, "Email or phone number", nil) }
