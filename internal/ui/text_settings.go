package ui

import (
	"maps"
	"strings"
	"time"
)

// Saved says that the settings were changed.
func Saved() Text { return done(1050001, "Your changes have been saved!", nil) }

// LinkProvider is the word on the button that links an account at a provider.
func LinkProvider(provider string) Text {
	return info(1050002, "Link {provider}", values{"provider": provider})
}

// UnlinkProvider is the word on the button that takes the link back.
func UnlinkProvider(provider string) Text {
	return info(1050003, "Unlink {provider}", values{"provider": provider})
}

// UnlinkTOTP is the word on the button that forgets the authenticator app.
func UnlinkTOTP() Text { return info(1050004, "Unlink TOTP Authenticator App", nil) }

// TOTPQRCode is the label of the picture that an authenticator app scans.
func TOTPQRCode() Text { return info(1050005, "Authenticator app QR code", nil) }

// TOTPSecret shows the secret for an authenticator app.
func TOTPSecret(secret string) Text { return info(1050006, "{secret}", values{"secret": secret}) }

// RevealLookup is the word on the button that shows the backup codes.
func RevealLookup() Text { return info(1050007, "Reveal backup recovery codes", nil) }

// RegenerateLookup is the word on the button that makes new backup codes.
func RegenerateLookup() Text { return info(1050008, "Generate new backup recovery codes", nil) }

// LookupSecret shows one backup code.
func LookupSecret(secret string) Text { return info(1050009, "{secret}", values{"secret": secret}) }

// LabelLookupSecrets is the label of the list of backup codes.
func LabelLookupSecrets() Text {
	return info(1050010, "These are your back up recovery codes. Please keep them in a safe place!", nil)
}

// ConfirmLookup is the word on the button that takes new backup codes into use.
func ConfirmLookup() Text { return info(1050011, "Confirm backup recovery codes", nil) }

// AddWebAuthn is the word on the button that adds a security key.
func AddWebAuthn() Text { return info(1050012, "Add security key", nil) }

// LabelWebAuthnName is the label of the field for the name of a security key.
func LabelWebAuthnName() Text { return info(1050013, "Name of the security key", nil) }

// LookupSecretUsed stands in the list of backup codes for one that was spent.
func LookupSecretUsed(at time.Time) Text {
	return info(1050014, "Secret was used at {used_at}", moment("used_at", at))
}

// lookupUsed stands in a list of codes for one that was spent.
const lookupUsed = "used"

// LookupSecretList shows the backup codes; each is a LookupSecret or a LookupSecretUsed.
func LookupSecretList(secrets []Text) Text {
	shown := make([]string, len(secrets))
	for i, s := range secrets {
		shown[i] = s.Text
		if s.ID == 1050014 {
			shown[i] = lookupUsed
		}
	}
	return Text{ID: 1050015, Text: strings.Join(shown, ", "), Type: Info, Context: values{"secrets": secrets}}
}

// DisableLookup is the word on the button that forgets the backup codes.
func DisableLookup() Text { return info(1050016, "Disable this method", nil) }

// LabelTOTPSecret is the label of the secret for an authenticator app.
func LabelTOTPSecret() Text {
	return info(1050017, "This is your authenticator app secret. Use it if you can not scan the QR code.", nil)
}

// RemoveWebAuthn is the word on the button that forgets a security key.
func RemoveWebAuthn(name string, added time.Time) Text {
	return info(1050018, `Remove security key "{display_name}"`, named(name, added))
}

// AddPasskey is the word on the button that adds a passkey.
func AddPasskey() Text { return info(1050019, "Add passkey", nil) }

// RemovePasskey is the word on the button that forgets a passkey.
func RemovePasskey(name string, added time.Time) Text {
	return info(1050020, `Remove passkey "{display_name}"`, named(name, added))
}

// ManagedByOrganization says why the settings cannot be changed.
func ManagedByOrganization() Text {
	return info(1050023, "Your account is managed by your organization. To change these settings, contact your organization "+
		"administrator.", nil)
}

// TooManyAddressChanges says that only one address is changed at a time.
func TooManyAddressChanges() Text {
	return fail(4050002, "You can only change one address at a time. Please update each address separately.", nil)
}

func named(name string, added time.Time) values {
	v := values{"display_name": name}
	maps.Copy(v, moment("added_at", added))
	return v
}
