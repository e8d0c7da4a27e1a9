package identity

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// Bounds of a batch.
const (
	MaxBatch      = 1000 // identities in one request
	MaxBatchPlain = 200  // of them with a password that is yet to be hashed
)

// Admin has what an operator may do to identities.
type Admin struct {
	// Store keeps the identities.
	Store *Store
	// Hasher hashes imported passwords.
	Hasher *secret.Hasher
	// CodeSignsIn says that a one-time code is enough to sign in, so that the last password may go.
	CodeSignsIn bool
}

// NewIdentity is what an identity is made from, in the form of Ory's createIdentityBody.
type NewIdentity struct {
	SchemaID            string              `json:"schema_id"`
	Traits              json.RawMessage     `json:"traits"`
	Credentials         *Given              `json:"credentials"`
	VerifiableAddresses []VerifiableAddress `json:"verifiable_addresses"`
	RecoveryAddresses   []RecoveryAddress   `json:"recovery_addresses"`
	MetadataPublic      json.RawMessage     `json:"metadata_public"`
	MetadataAdmin       json.RawMessage     `json:"metadata_admin"`
	State               string              `json:"state"`
	OrganizationID      *string             `json:"organization_id"`
	ExternalID          string              `json:"external_id"`
	Region              string              `json:"region"` // Ory's network has regions; nothing is done with it
}

// Replacement is what comes in the place of an identity, in the form of Ory's updateIdentityBody.
type Replacement struct {
	SchemaID       string          `json:"schema_id"`
	Traits         json.RawMessage `json:"traits"`
	Credentials    *Given          `json:"credentials"`
	MetadataPublic json.RawMessage `json:"metadata_public"`
	MetadataAdmin  json.RawMessage `json:"metadata_admin"`
	State          string          `json:"state"`
	ExternalID     string          `json:"external_id"`
	Region         string          `json:"region"`
}

// draft makes an identity of what was given, with its credentials.
func (a *Admin) draft(ctx context.Context, n *NewIdentity) (*Identity, error) {
	id := &Identity{
		SchemaID: n.SchemaID, Traits: n.Traits, State: n.State, ExternalID: n.ExternalID, OrganizationID: n.OrganizationID,
		MetadataPublic: n.MetadataPublic, MetadataAdmin: n.MetadataAdmin,
		VerifiableAddresses: n.VerifiableAddresses, RecoveryAddresses: n.RecoveryAddresses,
		Credentials: make(map[string]Credential),
	}
	// What is cheap to refuse is refused before a password is hashed.
	if err := a.Store.Prepare(ctx, id); err != nil {
		return nil, err
	}
	return id, n.Credentials.importInto(ctx, id, a.Hasher)
}

// Create makes an identity.
func (a *Admin) Create(ctx context.Context, n *NewIdentity) (*Identity, error) {
	id, err := a.draft(ctx, n)
	if err == nil {
		err = a.Store.Create(ctx, id)
	}
	return id, shown(err)
}

// CreateMany makes several identities, each on its own merits. A nil one is left out. The answers are at the same places.
func (a *Admin) CreateMany(ctx context.Context, all []*NewIdentity) ([]*Identity, []error) {
	ids, refused := a.drafts(ctx, all)
	errs := a.Store.CreateMany(ctx, ids)
	for n := range errs {
		if refused[n] != nil {
			errs[n] = refused[n]
		}
		errs[n] = shown(errs[n])
	}
	return ids, errs
}

// drafts makes the drafts of a batch, several at once: hashing is slow. The hasher bounds how many hash at a time.
func (a *Admin) drafts(ctx context.Context, all []*NewIdentity) ([]*Identity, []error) {
	ids, errs := make([]*Identity, len(all)), make([]error, len(all))
	var wg sync.WaitGroup
	slots := make(chan struct{}, 8)
	for n, given := range all {
		if given == nil {
			continue
		}
		work := func() {
			id, err := a.draft(ctx, given)
			if errs[n] = err; err == nil {
				ids[n] = id
			}
		}
		if !given.Credentials.plain() {
			work()
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			work()
		})
	}
	wg.Wait()
	return ids, errs
}

// Replace puts new traits, state and metadata in the place of the old ones, and adds credentials.
func (a *Admin) Replace(ctx context.Context, identityID string, r *Replacement) (*Identity, error) {
	id, err := a.Store.Change(ctx, identityID, func(id *Identity) error {
		if r.SchemaID != "" {
			id.SchemaID = r.SchemaID
		}
		if r.State != "" {
			id.State = r.State
		}
		id.Traits, id.MetadataPublic, id.MetadataAdmin, id.ExternalID = r.Traits, r.MetadataPublic, r.MetadataAdmin, r.ExternalID
		if err := a.Store.Prepare(ctx, id); err != nil {
			return err
		}
		return r.Credentials.importInto(ctx, id, a.Hasher)
	})
	return id, shown(err)
}

// Patch changes an identity by a JSON Patch (RFC 6902).
func (a *Admin) Patch(ctx context.Context, identityID string, raw json.RawMessage) (*Identity, error) {
	patch, err := readPatch(raw)
	if err != nil {
		return nil, err
	}
	id, err := a.Store.Change(ctx, identityID, func(id *Identity) error { return applyPatch(patch, id) })
	return id, shown(err)
}

var (
	errCredential = fault.New(fault.NotFound, "credential_not_found", "The identity has no credential of this type.")
	errLastFactor = fault.New(fault.Invalid, "last_first_factor", "You cannot remove the last first factor credential: nobody could sign in any more.")
	errKept       = fault.New(fault.Invalid, "credential_kept", "Credentials of this type cannot be removed on their own. Code credentials follow from the traits.")
)

// RemoveCredential removes a credential by its type. Of oidc and saml identifier names the link that goes. The last
// credential that a login can begin with stays.
func (a *Admin) RemoveCredential(ctx context.Context, identityID, credential, identifier string) error {
	_, err := a.Store.Change(ctx, identityID, func(id *Identity) error {
		if _, ok := id.Credentials[credential]; !ok {
			return errCredential
		}
		before := FirstFactors(id, a.CodeSignsIn)
		if err := id.remove(credential, identifier); err != nil {
			return err
		}
		after := FirstFactors(id, a.CodeSignsIn)
		if after == 0 && before > 0 {
			return errLastFactor
		}
		return nil
	})
	return shown(err)
}

// remove takes a credential, or a part of one, from the identity.
func (i *Identity) remove(credential, identifier string) error {
	switch credential {
	case Password, TOTP, LookupSecret:
		delete(i.Credentials, credential)
		return nil
	case WebAuthn:
		return i.removeSecondFactorKeys()
	case OIDC, SAML:
		return i.removeLink(credential, identifier)
	}
	return errKept
}

// removeSecondFactorKeys leaves the keys that sign in without a password: they are a first factor.
func (i *Identity) removeSecondFactorKeys() error {
	var config webauthnConfig
	if err := i.config(WebAuthn, &config); err != nil {
		return err
	}
	config.Credentials = slices.DeleteFunc(config.Credentials, func(k webauthnKey) bool { return !k.Passwordless })
	if len(config.Credentials) == 0 {
		delete(i.Credentials, WebAuthn)
		return nil
	}
	return i.setConfig(WebAuthn, nil, config)
}

func (i *Identity) removeLink(credential, identifier string) error {
	if identifier == "" {
		return ErrInvalid.With("identifier: it is missing. It names the link to remove, as provider:subject; GET the identity with include_credential=" + credential + " to see them.")
	}
	var config linkConfig
	if err := i.config(credential, &config); err != nil {
		return err
	}
	before := len(config.Providers)
	config.Providers = slices.DeleteFunc(config.Providers, func(l link) bool { return LinkIdentifier(l.Provider, l.Subject) == identifier })
	if len(config.Providers) == before {
		return errCredential.With("The identity has no link of this identifier.")
	}
	if len(config.Providers) == 0 {
		delete(i.Credentials, credential)
		return nil
	}
	rest := slices.DeleteFunc(slices.Clone(i.Credentials[credential].Identifiers), func(s string) bool { return s == identifier })
	return i.setConfig(credential, rest, config)
}

// shown turns what a person got wrong into what an operator is told.
func shown(err error) error {
	if invalid, ok := errors.AsType[*ui.Invalid](err); ok {
		return refusal(invalid)
	}
	if kinds := Taken(err); len(kinds) > 0 {
		return ErrExists.With(inWords(kinds)).WithDetail("taken", kinds).Because(err)
	}
	return err
}

// inWords says which of the things that only one identity can have another one has.
func inWords(kinds []string) string {
	var names []string
	for _, kind := range kinds {
		name := "sign-in identifier"
		switch kind {
		case addressKind(Verify, ViaEmail), addressKind(Recover, ViaEmail):
			name = "e-mail address"
		case addressKind(Verify, ViaSMS), addressKind(Recover, ViaSMS):
			name = "phone number"
		case OIDC, SAML:
			name = "account at another provider"
		case kindExternalID:
			name = "external_id"
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	list, verb := names[len(names)-1], "is"
	if len(names) > 1 {
		list, verb = strings.Join(names[:len(names)-1], ", ")+" and "+list, "are"
	}
	return "This identity conflicts with another identity that already exists: its " + list + " " + verb + " taken."
}

// decode reads JSON and refuses members that v does not know.
func decode(raw []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		if mismatch, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return ErrInvalid.Withf("%s: its value is of the wrong type.", mismatch.Field)
		}
		if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
			return ErrInvalid.Withf("The identity has no field %s.", name)
		}
		return ErrInvalid.With("The JSON cannot be read.")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return ErrInvalid.With("There is more than one JSON value.")
	}
	return nil
}

// Validate tells whether an identity could be made of what is given, but for what others have already. It stores nothing
// and hashes nothing.
func (a *Admin) Validate(ctx context.Context, n *NewIdentity) error {
	try := *n
	if n.Credentials.plain() {
		given := *n.Credentials
		given.Password, try.Credentials = nil, &given
	}
	id, err := a.draft(ctx, &try)
	if err == nil {
		err = a.Store.Prepare(ctx, id)
	}
	return shown(err)
}
