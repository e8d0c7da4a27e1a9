package identity

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/patch"
)

// fixed are the members that a patch may read and not change.
var fixed = []string{"id", "schema_url", "state_changed_at", "stateChangedAt", "credentials", "created_at", "updated_at"}

// patchable is what a patch may change, with every member there, so that "replace" and "test" find it.
type patchable struct {
	ExternalID          *string             `json:"external_id"`
	SchemaID            string              `json:"schema_id"`
	State               string              `json:"state"`
	Traits              json.RawMessage     `json:"traits"`
	VerifiableAddresses []VerifiableAddress `json:"verifiable_addresses"`
	RecoveryAddresses   []RecoveryAddress   `json:"recovery_addresses"`
	MetadataPublic      json.RawMessage     `json:"metadata_public"`
	MetadataAdmin       json.RawMessage     `json:"metadata_admin"`
	OrganizationID      *string             `json:"organization_id"`
}

// readPatch reads a JSON Patch and refuses operations on what cannot be changed so.
func readPatch(raw json.RawMessage) (patch.Patch, error) {
	p, err := patch.Parse(raw, ErrInvalid, "/traits/email")
	if err != nil {
		return nil, err
	}
	for _, op := range p {
		path, _ := op.Path()
		from := "/"
		if op.Kind() == "move" { // takes away what it moves
			from, _ = op.From()
		}
		for _, changed := range []string{path, from} {
			if name, _, _ := strings.Cut(strings.TrimPrefix(changed, "/"), "/"); slices.Contains(fixed, name) {
				return nil, ErrInvalid.Withf("/%s cannot be changed by a JSON Patch.", name)
			}
		}
	}
	return p, nil
}

// applyPatch changes the identity as the patch says.
func applyPatch(p patch.Patch, id *Identity) error {
	before := patchable{
		SchemaID: id.SchemaID, State: id.State, Traits: id.Traits, VerifiableAddresses: id.VerifiableAddresses,
		RecoveryAddresses: id.RecoveryAddresses, MetadataPublic: id.MetadataPublic, MetadataAdmin: id.MetadataAdmin,
		OrganizationID: id.OrganizationID,
	}
	if id.ExternalID != "" {
		before.ExternalID = &id.ExternalID
	}
	document, err := marshal(before)
	if err != nil {
		return err
	}
	patched, err := patch.Apply(p, []byte(document), ErrInvalid)
	if err != nil {
		return err
	}
	var after patchable
	if err := decode(patched, &after); err != nil {
		return err
	}
	id.ExternalID = ""
	if after.ExternalID != nil {
		id.ExternalID = *after.ExternalID
	}
	id.SchemaID, id.State, id.Traits = after.SchemaID, after.State, after.Traits
	id.VerifiableAddresses, id.RecoveryAddresses = after.VerifiableAddresses, after.RecoveryAddresses
	id.MetadataPublic, id.MetadataAdmin, id.OrganizationID = after.MetadataPublic, after.MetadataAdmin, after.OrganizationID
	return nil
}
