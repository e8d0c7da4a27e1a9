package ui

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Generic says what is wrong in a sentence of its own.
func Generic(reason string) Text { return fail(4000001, "{reason}", values{"reason": reason}) }

// Required says that a field is missing; property is its name without its path.
func Required(property string) Text {
	return fail(4000002, "Property {property} is missing.", values{"property": property})
}

// MinLength says that a value has too few characters.
func MinLength(minimum, actual int) Text {
	return fail(4000003, "length must be >= {min_length}, but got {actual_length}",
		values{"min_length": minimum, "actual_length": actual})
}

// PatternMismatch says that a value does not match the regular expression of its schema.
func PatternMismatch(pattern string) Text {
	t := fail(4000004, "", values{"pattern": pattern})
	t.Text = "does not match pattern " + strconv.Quote(pattern)
	return t
}

// PasswordPolicy says why a password cannot be taken; reason is the rest of a sentence.
func PasswordPolicy(reason string) Text {
	return fail(4000005, "The password can not be used because {reason}.", values{"reason": reason})
}

// InvalidCredentials says that identifier and password do not belong together. It is also what is said of an identifier that
// nobody has.
func InvalidCredentials() Text {
	return fail(4000006, "The provided credentials are invalid, check for spelling mistakes in your password or username, email "+
		"address, or phone number.", nil)
}

// Duplicate says that somebody has that identifier already.
func Duplicate() Text {
	return fail(4000007, "An account with the same identifier (email, phone, username, ...) exists already.", nil)
}

// TOTPInvalid says that the code of an authenticator app is wrong.
func TOTPInvalid() Text {
	return fail(4000008, "The provided authentication code is invalid, please try again.", nil)
}

// IdentifierMissing says that there is nothing somebody could be known by.
func IdentifierMissing() Text {
	return fail(4000009, "Could not find any login identifiers. Did you forget to set them? This could also be caused by a "+
		"server misconfiguration.", nil)
}

// AddressNotVerified says that an address must be confirmed before signing in.
func AddressNotVerified() Text {
	return fail(4000010, "Account not active yet. Did you forget to verify your email address?", nil)
}

// NoTOTP says that there is no authenticator app.
func NoTOTP() Text { return fail(4000011, "You have no TOTP device set up.", nil) }

// LookupUsed says that a backup code was spent.
func LookupUsed() Text {
	return fail(4000012, "This backup recovery code has already been used.", nil)
}

// NoWebAuthn says that there is no security key.
func NoWebAuthn() Text { return fail(4000013, "You have no WebAuthn device set up.", nil) }

// NoLookup says that there are no backup codes.
func NoLookup() Text { return fail(4000014, "You have no backup recovery codes set up.", nil) }

// NoWebAuthnAccount says that there is no such account, or that it has no security key.
func NoWebAuthnAccount() Text {
	return fail(4000015, "This account does not exist or has no security key set up.", nil)
}

// LookupInvalid says that a backup code is wrong.
func LookupInvalid() Text { return fail(4000016, "The backup recovery code is not valid.", nil) }

// MaxLength says that a value has too many characters.
func MaxLength(maximum, actual int) Text {
	return fail(4000017, "length must be <= {max_length}, but got {actual_length}",
		values{"max_length": maximum, "actual_length": actual})
}

// Minimum says that a number is too small.
func Minimum(minimum, actual float64) Text {
	return fail(4000018, "must be >= {minimum} but found {actual}", values{"minimum": minimum, "actual": actual})
}

// ExclusiveMinimum says that a number is too small by being the bound.
func ExclusiveMinimum(minimum, actual float64) Text {
	return fail(4000019, "must be > {minimum} but found {actual}", values{"minimum": minimum, "actual": actual})
}

// Maximum says that a number is too great.
func Maximum(maximum, actual float64) Text {
	return fail(4000020, "must be <= {maximum} but found {actual}", values{"maximum": maximum, "actual": actual})
}

// ExclusiveMaximum says that a number is too great by being the bound.
func ExclusiveMaximum(maximum, actual float64) Text {
	return fail(4000021, "must be < {maximum} but found {actual}", values{"maximum": maximum, "actual": actual})
}

// MultipleOf says that a number is no multiple of another.
func MultipleOf(base, actual float64) Text {
	return fail(4000022, "{actual} not multipleOf {base}", values{"base": base, "actual": actual})
}

// MaxItems says that a list is too long.
func MaxItems(maximum, actual int) Text {
	return fail(4000023, "maximum {max_items} items allowed, but found {actual_items} items",
		values{"max_items": maximum, "actual_items": actual})
}

// MinItems says that a list is too short.
func MinItems(minimum, actual int) Text {
	return fail(4000024, "minimum {min_items} items allowed, but found {actual_items} items",
		values{"min_items": minimum, "actual_items": actual})
}

// UniqueItems says that two members of a list are the same.
func UniqueItems(a, b int) Text {
	return fail(4000025, "items at index {index_a} and {index_b} are equal", values{"index_a": a, "index_b": b})
}

// WrongType says that a value is of another type than its schema allows.
func WrongType(allowed []string, actual string) Text {
	t := fail(4000026, "", values{"allowed_types": list(allowed), "actual_type": actual})
	t.Text = "expected " + strings.Join(allowed, " or ") + ", but got " + actual
	return t
}

// DuplicateOnLink says that the account at a provider belongs to an account that must be signed in to first.
func DuplicateOnLink() Text {
	return fail(4000027, "An account with the same identifier (email, phone, username, ...) exists already. Please sign in to "+
		"your existing account to link your social profile.", nil)
}

// DuplicateWithHints says that somebody has that identifier already, and how they can sign in. It tells what an account has:
// it is for configurations that do not hide which accounts exist.
func DuplicateWithHints(credentialTypes, providers []string, identifier string) Text {
	t := fail(4000028, "", values{
		"available_credential_types": list(credentialTypes), "available_oidc_providers": list(providers),
		"credential_identifier_hint": identifier,
	})
	if identifier == "" {
		identifier = "an email, phone, or username"
	}
	t.Text = "You tried signing in with " + identifier + " which is already in use by another account."
	ways := wordsFor(credentialTypes, map[string]string{
		"password": "your password", "oidc": "social sign in", "webauthn": "your passkey or a security key", "passkey": "your passkey",
	})
	if len(ways) == 0 {
		ways = slices.Clone(credentialTypes)
	}
	if last := len(ways) - 1; last > 0 {
		ways[last] = "or " + ways[last]
	}
	if len(ways) > 0 {
		t.Text += " You can sign in using " + strings.Join(ways, ", ") + "."
	}
	if len(providers) > 0 {
		t.Text += " You can sign in using one of the following social sign in providers: " + capitals(providers) + "."
	}
	return t
}

// wordsFor gives what those of the names that have one are called by, in their order.
func wordsFor(names []string, words map[string]string) []string {
	var found []string
	for _, n := range names {
		if w, ok := words[n]; ok {
			found = append(found, w)
		}
	}
	return found
}

// capitals lists names, each with a capital at its beginning.
func capitals(names []string) string {
	list := make([]string, len(names))
	for i, n := range names {
		_, size := utf8.DecodeRuneInString(n)
		list[i] = strings.ToUpper(n[:size]) + n[size:]
	}
	return strings.Join(list, ", ")
}

// Const says that only one value is allowed.
func Const(expected any) Text {
	return fail(4000029, "must be equal to constant {expected}", values{"expected": expected})
}

// ConstGeneric says that only one value is allowed, without saying which.
func ConstGeneric() Text { return fail(4000030, "const failed", nil) }

// PasswordTooSimilar says that a password is nearly the identifier.
func PasswordTooSimilar() Text {
	return fail(4000031, "The password can not be used because it is too similar to the identifier.", nil)
}

// PasswordTooShort says how long a password must be.
func PasswordTooShort(minimum, actual int) Text {
	return fail(4000032, "The password must be at least {min_length} characters long, but got {actual_length}.",
		values{"min_length": minimum, "actual_length": actual})
}

// PasswordTooLong says how long a password may be.
func PasswordTooLong(maximum, actual int) Text {
	return fail(4000033, "The password must be at most {max_length} characters long, but got {actual_length}.",
		values{"max_length": maximum, "actual_length": actual})
}

// PasswordBreached says that a password was found in lists of stolen ones, and how often.
func PasswordBreached(breaches int64) Text {
	return fail(4000034, "The password has been found in data breaches and must no longer be used.", values{"breaches": breaches})
}

// NoCodeAccount says that there is no such account, or that it does not sign in by code.
func NoCodeAccount() Text {
	return fail(4000035, "This account does not exist or has not setup sign in with code.", nil)
}

// TraitsMismatch says that the second step of a registration came with other traits than the first.
func TraitsMismatch() Text {
	return fail(4000036, "The provided traits do not match the traits previously associated with this flow.", nil)
}

// AccountNotFound says that there is no such account, or that there is no way to sign in to it.
func AccountNotFound() Text {
	return fail(4000037, "This account does not exist or has no login method configured.", nil)
}

// CaptchaFailed says that no proof of a person came.
func CaptchaFailed() Text {
	return fail(4000038, "Captcha verification failed, please try again.", nil)
}

// PasswordUnchanged says that the new password is the old one.
func PasswordUnchanged() Text {
	return fail(4000039, "The new password must be different from the old password.", nil)
}

// EmailInvalid says that a value is no e-mail address.
func EmailInvalid(value string) Text {
	return fail(4000040, "Enter a valid email address", values{"value": value})
}

// PhoneInvalid says that a value is no phone number.
func PhoneInvalid(value string) Text {
	return fail(4000041, "Enter a valid phone number", values{"value": value})
}

// NoDevice says that there is no device with a key.
func NoDevice() Text { return fail(4000042, "You have no DeviceAuthn device set up.", nil) }

// WebAuthnInvalid says that the answer of a security key is wrong.
func WebAuthnInvalid() Text {
	return fail(4000043, "The provided web authn login is invalid, please try again.", nil)
}

// DeviceInvalid says that the answer of a device is wrong.
func DeviceInvalid() Text {
	return fail(4000044, "The provided DeviceAuthn signature is invalid.", nil)
}

// DeviceOutdated says that the key of a device must be made anew.
func DeviceOutdated() Text {
	return fail(4000045, "This DeviceAuthn key can no longer be used because relaxed attestation is expired or disabled. Please "+
		"enroll your device again.", nil)
}
