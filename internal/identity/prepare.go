package identity

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// maxMetadata is the size of each of the two documents of metadata, in bytes.
const maxMetadata = 256 << 10

// prepared is what the traits mean under their schema.
type prepared struct {
	schemaID string
	traits   json.RawMessage
	value    map[string]any
	found    Extraction
}

// stored is what the database held when an identity was read.
type stored struct {
	schemaID, externalID, state, aal string

	traits      json.RawMessage
	addresses   []handle              // those of its addresses
	credentials map[string]Credential // those that were read
	complete    bool                  // all were
	cut         bool                  // this copy lacks what the database has
	stale       bool                  // the handles are other than what the schema finds today
}

// current reports whether the traits are still those that were prepared.
func (p *prepared) current(id *Identity) bool {
	return p != nil && p.schemaID == id.SchemaID && bytes.Equal(p.traits, id.Traits)
}

// prepare validates what others gave and brings the identity into the form that is stored.
func (s *Schemas) prepare(ctx context.Context, id *Identity, now time.Time) error {
	schema, err := s.follow(ctx, id)
	if errors.Is(err, ErrSchema) {
		return ErrInvalid.With("schema_id: there is no identity schema of this id. GET /schemas lists those that there are.")
	}
	if err != nil {
		return err
	}
	id.SchemaID = schema.ID
	if len(bytes.TrimSpace(id.Traits)) == 0 || bytes.Equal(bytes.TrimSpace(id.Traits), []byte("null")) {
		id.Traits = json.RawMessage("{}")
	}
	if !id.prepared.current(id) {
		if id.prepared, err = schema.prepare(id.Traits); err != nil {
			return err
		}
		id.Traits = id.prepared.traits
	}
	if err := id.normalize(now); err != nil {
		return err
	}
	id.arrange(id.prepared.found, now)
	return nil
}

// follow returns the schema of an identity: one that it had before it keeps, another one must be one that is given.
func (s *Schemas) follow(ctx context.Context, id *Identity) (*Schema, error) {
	if id.stored != nil && id.SchemaID != "" && id.SchemaID == id.stored.schemaID {
		return s.Get(ctx, id.SchemaID)
	}
	return s.Of(ctx).give(id.SchemaID)
}

// prepare validates the traits and finds what they are for.
func (s *Schema) prepare(traits json.RawMessage) (*prepared, error) {
	value, err := decodeTraits(traits)
	if err != nil {
		return nil, err
	}
	if err := s.validate(value, len(traits)); err != nil {
		return nil, err
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, traits); err != nil {
		return nil, err
	}
	return &prepared{schemaID: s.ID, traits: compact.Bytes(), value: value, found: s.extract(value)}, nil
}

// before returns the identifiers of security keys that the stored traits gave.
func (s *Schemas) before(ctx context.Context, id *Identity) []string {
	if id.stored == nil {
		return nil
	}
	if id.stored.schemaID == id.SchemaID && bytes.Equal(id.stored.traits, id.Traits) {
		return id.prepared.found.Identifiers[WebAuthn]
	}
	schema, err := s.Get(ctx, id.stored.schemaID)
	if err != nil {
		return nil // the schema is no longer configured
	}
	return schema.Extract(id.stored.traits).Identifiers[WebAuthn]
}

// normalize checks what is no trait.
func (i *Identity) normalize(now time.Time) error {
	var err error
	if i.MetadataPublic, err = cleanMetadata(i.MetadataPublic); err != nil {
		return ErrInvalid.Withf("metadata_public: %v.", err)
	}
	if i.MetadataAdmin, err = cleanMetadata(i.MetadataAdmin); err != nil {
		return ErrInvalid.Withf("metadata_admin: %v.", err)
	}
	if i.State == "" {
		i.State = Active
	}
	if i.State != Active && i.State != Inactive {
		return ErrInvalid.With("state: it is neither active nor inactive.")
	}
	if i.StateChangedAt == nil || i.stored != nil && i.stored.state != i.State {
		i.StateChangedAt = &now
	}
	if i.ExternalID != "" && !validIdentifier(i.ExternalID) {
		return ErrInvalid.With("external_id: it is longer than 1024 bytes or of more than one line.")
	}
	if i.OrganizationID != nil && !validID(*i.OrganizationID) {
		return ErrInvalid.With("organization_id: it is not a UUID.")
	}
	return nil
}

// cleanMetadata returns metadata as it is stored: compact, nil for none.
func cleanMetadata(raw json.RawMessage) (json.RawMessage, error) {
	if raw = bytes.TrimSpace(raw); len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
		return nil, nil
	}
	if len(raw) > maxMetadata {
		return nil, errors.New("it is larger than 262144 bytes")
	}
	var compact bytes.Buffer
	if !utf8.Valid(raw) || json.Compact(&compact, raw) != nil {
		return nil, errors.New("it is not JSON")
	}
	return compact.Bytes(), nil
}

// arrange makes the addresses those that the schema finds. What is known of one stays; what the schema does not know goes.
func (i *Identity) arrange(found Extraction, now time.Time) {
	verifiable := make([]VerifiableAddress, 0, len(found.Verifiable))
	for _, a := range found.Verifiable {
		address := VerifiableAddress{Value: a.Value, Via: a.Via}
		if at := slices.IndexFunc(i.VerifiableAddresses, func(old VerifiableAddress) bool { return a.is(old.Via, old.Value) }); at >= 0 {
			address = i.VerifiableAddresses[at]
		}
		address.complete(a, now)
		verifiable = append(verifiable, address)
	}
	recovery := make([]RecoveryAddress, 0, len(found.Recovery))
	for _, a := range found.Recovery {
		address := RecoveryAddress{}
		if at := slices.IndexFunc(i.RecoveryAddresses, func(old RecoveryAddress) bool { return a.is(old.Via, old.Value) }); at >= 0 {
			address = i.RecoveryAddresses[at]
		}
		address.Value, address.Via = a.Value, a.Via
		address.ID, address.CreatedAt, address.UpdatedAt = stamp(address.ID, address.CreatedAt, address.UpdatedAt, now)
		recovery = append(recovery, address)
	}
	i.VerifiableAddresses, i.RecoveryAddresses = verifiable, recovery
}

// is reports whether an address as somebody gave it is this one.
func (a Address) is(via, value string) bool {
	normal, ok := NormalizeAddress(via, value)
	return ok && via == a.Via && normal == a.Value
}

// complete fills in what an address that was imported, or is new, does not say, and makes its state one.
func (v *VerifiableAddress) complete(a Address, now time.Time) {
	v.Value, v.Via = a.Value, a.Via
	switch {
	case v.Verified:
		v.Status = AddressCompleted
		if v.VerifiedAt == nil || v.VerifiedAt.IsZero() {
			v.VerifiedAt = &now
		}
	default:
		v.VerifiedAt = nil
		if v.Status != AddressSent {
			v.Status = AddressPending
		}
	}
	v.ID, v.CreatedAt, v.UpdatedAt = stamp(v.ID, v.CreatedAt, v.UpdatedAt, now)
}

func stamp(id string, created, updated, now time.Time) (string, time.Time, time.Time) {
	if !validID(id) {
		id = secret.NewID()
	}
	if created.IsZero() {
		created = now
	}
	if updated.IsZero() {
		updated = now
	}
	return id, created, updated
}

// validID reports whether a text is a UUID as we write it.
func validID(id string) bool {
	if len(id) != 36 {
		return false
	}
	for i := range len(id) {
		switch c := id[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case (c < '0' || c > '9') && (c < 'a' || c > 'f'):
			return false
		}
	}
	return true
}
