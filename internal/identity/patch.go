package identity

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	jsonpatch "github.com/evanphx/json-patch/v5"
)

// Bounds of a JSON Patch: copies could otherwise grow a document beyond all measure.
const (
	maxPatchOps  = 500
	maxPatchCopy = 1 << 20
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

var errPath = ErrInvalid.With("An operation of the JSON Patch has no path to a field: a path begins with a slash, such as '/traits/email'.")

// readPatch reads a JSON Patch and refuses operations on what cannot be changed so.
func readPatch(raw json.RawMessage) (jsonpatch.Patch, error) {
	patch, err := jsonpatch.DecodePatch(raw)
	if err != nil {
		return nil, ErrInvalid.With("The body is not a JSON Patch: send an array of operations, such as [{'op':'replace','path':'/state','value':'inactive'}] with quotation marks (RFC 6902).")
	}
	if len(patch) > maxPatchOps {
		return nil, ErrInvalid.Withf("The JSON Patch has more than %d operations.", maxPatchOps)
	}
	for _, op := range patch {
		paths := make([]string, 0, 2)
		if path, err := op.Path(); err == nil {
			paths = append(paths, path)
		}
		if from, err := op.From(); err == nil && op.Kind() == "move" {
			paths = append(paths, from)
		}
		if len(paths) == 0 {
			return nil, errPath
		}
		for _, path := range paths {
			if !strings.HasPrefix(path, "/") { // the whole document is no field either
				return nil, errPath
			}
			if name, _, _ := strings.Cut(path[1:], "/"); slices.Contains(fixed, name) {
				return nil, ErrInvalid.Withf("/%s cannot be changed by a JSON Patch.", name)
			}
		}
	}
	return patch, nil
}

// applyPatch changes the identity as the patch says.
func applyPatch(patch jsonpatch.Patch, id *Identity) error {
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
	options := jsonpatch.NewApplyOptions()
	options.AccumulatedCopySizeLimit = maxPatchCopy
	options.SupportNegativeIndices = false
	patched, err := patch.ApplyWithOptions([]byte(document), options)
	if err != nil {
		return ErrInvalid.With("The JSON Patch cannot be applied: " + patchFault(err) + ".")
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

func patchFault(err error) string {
	switch {
	case errors.Is(err, jsonpatch.ErrTestFailed):
		return "a 'test' operation did not find the value that it expects"
	case errors.Is(err, jsonpatch.ErrMissing):
		return "a path or value is missing"
	case errors.Is(err, jsonpatch.ErrInvalidIndex):
		return "an array index is out of range"
	case errors.Is(err, jsonpatch.ErrUnknownType):
		return "an operation is none of add, remove, replace, move, copy, test"
	}
	return "an operation does not fit the identity's fields"
}
