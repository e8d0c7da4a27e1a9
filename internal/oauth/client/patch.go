package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	jsonpatch "github.com/evanphx/json-patch/v5"
)

// Bounds of a JSON Patch: copies could otherwise grow a document beyond all measure.
const (
	maxPatchOps  = 500
	maxPatchCopy = 1 << 20
)

// readPatch reads a JSON Patch. Every field of a client is there, if only with
// its default, so "replace" of a field that the document leaves out is "add".
func readPatch(raw json.RawMessage) (jsonpatch.Patch, error) {
	patch, err := jsonpatch.DecodePatch(raw)
	if err != nil {
		return nil, ErrInvalidMetadata.With("The body is not a JSON Patch: send an array of operations, such as [{'op':'replace','path':'/client_name','value':'...'}] with quotation marks (RFC 6902).").Because(err)
	}
	if len(patch) > maxPatchOps {
		return nil, ErrInvalidMetadata.Withf("The JSON Patch has more than %d operations.", maxPatchOps)
	}
	add := json.RawMessage(`"add"`)
	for _, op := range patch {
		path, err := op.Path()
		if err != nil || !strings.HasPrefix(path, "/") {
			return nil, ErrInvalidMetadata.With("An operation of the JSON Patch has no path to a field: a path begins with a slash, such as '/client_name'.")
		}
		if op.Kind() == "replace" && strings.Count(path, "/") == 1 {
			op["op"] = &add
		}
	}
	return patch, nil
}

// applyPatch returns what the patch makes of the client. Unknown members are
// refused here, for whoever names one path has misspelled it.
func applyPatch(patch jsonpatch.Patch, c *Client) (Registration, error) {
	in := Registration{Client: new(Client)}
	document, err := marshal(c)
	if err != nil {
		return in, err
	}
	options := jsonpatch.NewApplyOptions()
	options.AccumulatedCopySizeLimit = maxPatchCopy
	options.SupportNegativeIndices = false
	patched, err := patch.ApplyWithOptions(document, options)
	if err != nil {
		return in, ErrInvalidMetadata.With("The JSON Patch cannot be applied: " + patchFault(err) + ".").Because(err)
	}
	d := json.NewDecoder(bytes.NewReader(patched))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return in, explain(err)
	}
	if in.Client == nil || in.ID != c.ID {
		return in, ErrInvalidMetadata.With("client_id cannot be changed: register another client instead.")
	}
	return in, nil
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
	return "an operation does not fit the client's fields"
}
