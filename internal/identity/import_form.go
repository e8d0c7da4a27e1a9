package identity

import (
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// Given is what somebody says about credentials that an identity is to have, in the form of Ory's
// identityWithCredentials.
type Given struct {
	Password *struct {
		Config struct {
			Hashed        string        `json:"hashed_password"`
			Plain         secret.String `json:"password"`
			MigrationHook bool          `json:"use_password_migration_hook"`
		} `json:"config"`
	} `json:"password"`
	OIDC   *givenLinks `json:"oidc"`
	SAML   *givenLinks `json:"saml"`
	TOTP   *givenTOTP  `json:"totp"`
	Lookup *struct {
		Config struct {
			Codes []lookupCode `json:"codes"`
		} `json:"config"`
	} `json:"lookup_secret"`
	WebAuthn *givenKeys `json:"webauthn"`
	Passkey  *givenKeys `json:"passkey"`
}

type givenLinks struct {
	Config struct {
		Providers []givenLink `json:"providers"`
	} `json:"config"`
}

type givenLink struct {
	Subject      string  `json:"subject"`
	Provider     string  `json:"provider"`
	UseAutoLink  bool    `json:"use_auto_link"`
	Organization *string `json:"organization"`
}

type givenTOTP struct {
	Config struct {
		URL secret.String `json:"totp_url"`
	} `json:"config"`
}

type givenKeys struct {
	Config struct {
		Credentials []webauthnKey `json:"credentials"`
		UserHandle  octets        `json:"user_handle"`
	} `json:"config"`
}

// The documents of credentials, in Ory's form.
type (
	passwordConfig struct {
		Hashed        string `json:"hashed_password,omitempty"`
		MigrationHook bool   `json:"use_password_migration_hook,omitempty"`
	}
	linkConfig struct {
		Providers []link `json:"providers"`
	}
	link struct {
		Subject      string `json:"subject"`
		Provider     string `json:"provider"`
		IDToken      string `json:"initial_id_token"`
		AccessToken  string `json:"initial_access_token"`
		RefreshToken string `json:"initial_refresh_token"`
		Organization string `json:"organization,omitempty"`
		UseAutoLink  bool   `json:"use_auto_link,omitempty"`
	}
	lookupConfig struct {
		Codes []lookupCode `json:"recovery_codes"`
	}
	lookupCode struct {
		Code   string     `json:"code"`
		UsedAt *time.Time `json:"used_at,omitempty"`
	}
	totpConfig struct {
		URL string `json:"totp_url"`
	}
	webauthnConfig struct {
		Credentials []webauthnKey `json:"credentials"`
		UserHandle  octets        `json:"user_handle"`
	}
	webauthnKey struct {
		ID              octets     `json:"id"`
		PublicKey       octets     `json:"public_key"`
		AttestationType string     `json:"attestation_type"`
		Authenticator   *aaguid    `json:"authenticator,omitempty"`
		DisplayName     string     `json:"display_name"`
		AddedAt         *time.Time `json:"added_at,omitempty"`
		Passwordless    bool       `json:"is_passwordless"`
		Flags           *keyFlags  `json:"flags,omitempty"`
		Transport       []string   `json:"transport,omitempty"`
		Attestation     *attested  `json:"attestation,omitempty"`
	}
	aaguid struct {
		AAGUID       octets `json:"aaguid"`
		SignCount    uint32 `json:"sign_count"`
		CloneWarning bool   `json:"clone_warning"`
	}
	keyFlags struct {
		UserPresent    bool `json:"user_present"`
		UserVerified   bool `json:"user_verified"`
		BackupEligible bool `json:"backup_eligible"`
		BackupState    bool `json:"backup_state"`
	}
	attested struct {
		ClientDataJSON     octets `json:"client_dataJSON"`
		ClientDataHash     octets `json:"client_data_hash"`
		AuthenticatorData  octets `json:"authenticator_data"`
		PublicKeyAlgorithm int64  `json:"public_key_algorithm"`
		Object             octets `json:"object"`
	}
)

// octets is written as base64, and read in that form and as the list of numbers that Ory's SDKs send.
type octets = []byte
