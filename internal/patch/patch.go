package patch

import (
	"encoding/json"
	"errors"
	"strings"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
)

// Bounds of a patch: copies could otherwise grow a document beyond all measure.
const (
	maxOperations = 500
	maxCopied     = 1 << 20
)

// Patch is a list of operations, each with a path to a field.
type Patch = jsonpatch.Patch

// Parse reads a patch. What is wrong with it is told as bad, with field ("/name") for an example.
func Parse(raw json.RawMessage, bad *fault.Error, field string) (Patch, error) {
	p, err := jsonpatch.DecodePatch(raw)
	if err != nil && json.Unmarshal(raw, new([]map[string]any)) == nil {
		return nil, bad.With("An operation of the JSON Patch is incomplete, or none of add, remove, replace, move, copy, test (RFC 6902).").Because(err)
	}
	if err != nil {
		return nil, bad.Withf("The body is not a JSON Patch: send an array of operations, such as [{'op':'replace','path':'%s','value':'...'}] with quotation marks (RFC 6902).", field).Because(err)
	}
	if len(p) > maxOperations {
		return nil, bad.Withf("The JSON Patch has more than %d operations.", maxOperations)
	}
	for _, op := range p {
		// The whole document, whose path is empty, is no field either; a move takes it away from where it was.
		path, err := op.Path()
		from := "/"
		if op.Kind() == "move" && err == nil {
			from, err = op.From()
		}
		if err != nil || !strings.HasPrefix(path, "/") || !strings.HasPrefix(from, "/") {
			return nil, bad.Withf("An operation of the JSON Patch has no path to a field: a path begins with a slash, such as '%s'.", field).Because(err)
		}
	}
	return p, nil
}

// Apply returns the document as the patch makes it. Where an operation does not fit, bad says which of its parts.
func Apply(p Patch, document []byte, bad *fault.Error) ([]byte, error) {
	options := jsonpatch.NewApplyOptions()
	options.AccumulatedCopySizeLimit = maxCopied
	options.SupportNegativeIndices = false
	patched, err := p.ApplyWithOptions(document, options)
	if err != nil {
		return nil, bad.With("The JSON Patch cannot be applied: " + reason(err) + ".").Because(err)
	}
	return patched, nil
}

func reason(err error) string {
	switch {
	case errors.Is(err, jsonpatch.ErrTestFailed):
		return "a 'test' operation did not find the value that it expects"
	case errors.Is(err, jsonpatch.ErrMissing):
		return "a path or value is missing"
	case errors.Is(err, jsonpatch.ErrInvalidIndex):
		return "an array index is out of range"
	}
	return "an operation does not fit the document's fields"
}
