package identity

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
)

var (
	// ErrNotFound says that there is no such identity.
	ErrNotFound = fault.New(fault.NotFound, "not_found", "Unable to locate the resource")
	// ErrExists says that an identifier, address or external id belongs to another identity. Taken tells which.
	ErrExists = fault.New(fault.Conflict, "identity_conflict", "This identity conflicts with another identity that already exists.")
	// ErrChanged says that somebody else changed the identity since it was read.
	ErrChanged = fault.New(fault.Conflict, "changed_meanwhile", "The identity was changed by others at the same time. Read it again and retry.")
	// ErrInvalid says what about an identity cannot be accepted, outside of its traits.
	ErrInvalid = fault.New(fault.Invalid, "invalid_identity", "The identity cannot be accepted as it was sent.")
	errBusy    = fault.New(fault.Unavailable, "busy", "Too many passwords are being hashed at the moment. Try again soon.").After(time.Second)

	// ErrSchema says that there is no schema of that id.
	ErrSchema = fault.New(fault.NotFound, "schema_not_found", "There is no identity schema of this id.")
)

// The states of an identity.
const (
	Active   = "active"
	Inactive = "inactive"
)

// The types of credentials, as Ory names them.
const (
	Password     = "password"
	OIDC         = "oidc"
	SAML         = "saml"
	TOTP         = "totp"
	LookupSecret = "lookup_secret"
	WebAuthn     = "webauthn"
	Passkey      = "passkey"
	Code         = "code"
	DeviceAuthn  = "deviceauthn"
)

// How an address is reached.
const (
	ViaEmail = "email"
	ViaSMS   = "sms"
)

// What an address is for.
const (
	Verify  = "verify"
	Recover = "recover"
)

// The states of a verifiable address.
const (
	AddressPending   = "pending"
	AddressSent      = "sent"
	AddressCompleted = "completed"
)

// The assurance levels that an identity's credentials can reach.
const (
	AAL0 = "aal0"
	AAL1 = "aal1"
	AAL2 = "aal2"
)

// Identity is a person (or whatever else signs in), in the JSON form of Ory Kratos.
type Identity struct {
	// ID is a UUID that we made. It never changes.
	ID string `json:"id"`
	// ExternalID is the operator's own id, unique where it is set.
	ExternalID string `json:"external_id,omitempty"`
	// Credentials are by type. They are nil where they were not read.
	Credentials map[string]Credential `json:"credentials,omitempty"`
	// SchemaID names the schema that the traits follow.
	SchemaID string `json:"schema_id"`
	// SchemaURL is where the schema is published.
	SchemaURL string `json:"schema_url"`
	// State is Active or Inactive; who is inactive cannot sign in.
	State string `json:"state"`
	// StateChangedAt is when State last changed.
	StateChangedAt *time.Time `json:"state_changed_at,omitempty"`
	// Traits are what the person may know and change, as the schema says.
	Traits json.RawMessage `json:"traits"`
	// VerifiableAddresses are those that the schema says can be verified.
	VerifiableAddresses []VerifiableAddress `json:"verifiable_addresses,omitempty"`
	// RecoveryAddresses are those that the schema says an account can be recovered by.
	RecoveryAddresses []RecoveryAddress `json:"recovery_addresses,omitempty"`
	// MetadataPublic is the operator's, and the person can see it.
	MetadataPublic json.RawMessage `json:"metadata_public"`
	// MetadataAdmin is the operator's alone.
	MetadataAdmin json.RawMessage `json:"metadata_admin,omitempty"`
	// CreatedAt is when the identity came to be.
	CreatedAt time.Time `json:"created_at"`
	// UpdatedAt is when it was last changed.
	UpdatedAt time.Time `json:"updated_at"`
	// OrganizationID is the organization that the identity belongs to, nil for none.
	OrganizationID *string `json:"organization_id"`
	// Version counts the changes. A change is refused when it was made from another version than the newest.
	Version int64 `json:"-"`
	// SessionEpoch counts what makes logins void that are under way: see Store.OnCredentials. A session belongs to the epoch of
	// the identity that was read to prove the credential.
	SessionEpoch int64 `json:"-"`
	// Unproven says that somebody registered the identity who has not shown yet that an address is theirs, and was not to find out
	// whether it was free. A credential that they chose signs nobody in until then. The first verification ends it.
	Unproven bool `json:"-"`

	stored   *stored   // nil for an identity that was not read; never changed
	prepared *prepared // what Prepare made of the traits; never changed
}

// Credential is what an identity signs in with, of one type.
type Credential struct {
	// Type is one of the types of credentials.
	Type string `json:"type"`
	// Identifiers are what a person types, or a device or another server says, to be found by this credential.
	Identifiers []string `json:"identifiers"`
	// Config is the credential's own document. It is secret, and only shown where somebody asked for it.
	Config json.RawMessage `json:"config,omitempty"`
	// Version is the version of the form of Config.
	Version int `json:"version"`
	// CreatedAt is when the identity got the credential.
	CreatedAt time.Time `json:"created_at"`
	// UpdatedAt is when it was last changed.
	UpdatedAt time.Time `json:"updated_at"`

	revision int64 // counts the changes of the row; 0 for a credential that was not read
}

// VerifiableAddress is an address of an identity that can be verified.
type VerifiableAddress struct {
	// ID is a UUID that we made.
	ID string `json:"id,omitempty"`
	// Value is the address, normalised.
	Value string `json:"value"`
	// Verified says whether the person has shown that the address is theirs.
	Verified bool `json:"verified"`
	// Via is ViaEmail or ViaSMS.
	Via string `json:"via"`
	// Status is AddressPending, AddressSent or AddressCompleted.
	Status string `json:"status"`
	// VerifiedAt is when it was verified.
	VerifiedAt *time.Time `json:"verified_at,omitempty"`
	// CreatedAt is when the identity got the address.
	CreatedAt time.Time `json:"created_at"`
	// UpdatedAt is when its state last changed.
	UpdatedAt time.Time `json:"updated_at"`
}

// RecoveryAddress is an address of an identity by which the account can be recovered.
type RecoveryAddress struct {
	// ID is a UUID that we made.
	ID string `json:"id,omitempty"`
	// Value is the address, normalised.
	Value string `json:"value"`
	// Via is ViaEmail or ViaSMS.
	Via string `json:"via"`
	// CreatedAt is when the identity got the address.
	CreatedAt time.Time `json:"created_at"`
	// UpdatedAt is when it was last changed.
	UpdatedAt time.Time `json:"updated_at"`
}

// IsActive reports whether the identity may sign in.
func (i *Identity) IsActive() bool { return i.State == Active }

// verifiedSome reports whether one of the addresses is verified.
func (i *Identity) verifiedSome() bool {
	return slices.ContainsFunc(i.VerifiableAddresses, func(a VerifiableAddress) bool { return a.Verified })
}

// Public returns a copy as the person may see it: without the operator's metadata and without credentials. It cannot be
// stored.
func (i *Identity) Public() *Identity {
	c := *i
	c.MetadataAdmin, c.Credentials = nil, nil
	c.stored = &stored{aal: AvailableAAL(i), cut: true}
	return &c
}

// Clone returns a copy that shares nothing that may be changed with the original.
func (i *Identity) Clone() *Identity {
	c := *i
	c.Credentials = maps.Clone(i.Credentials)
	c.VerifiableAddresses = slices.Clone(i.VerifiableAddresses)
	c.RecoveryAddresses = slices.Clone(i.RecoveryAddresses)
	return &c
}

// SetCredential puts a credential in the place of the one of its type.
func (i *Identity) SetCredential(c Credential) {
	if i.Credentials == nil {
		i.Credentials = make(map[string]Credential)
	}
	if old, ok := i.Credentials[c.Type]; ok {
		c.revision, c.CreatedAt = old.revision, old.CreatedAt
		if c.Identifiers == nil {
			c.Identifiers = old.Identifiers
		}
	}
	i.Credentials[c.Type] = c
}
