package client

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/patch"
)

// readPatch reads a JSON Patch. Every field of a client is there, if only with
// its default, so "replace" of a field that the document leaves out is "add".
func readPatch(raw json.RawMessage) (patch.Patch, error) {
	p, err := patch.Parse(raw, ErrInvalidMetadata, "/client_name")
	if err != nil {
		return nil, err
	}
	add := json.RawMessage(`"add"`)
	for _, op := range p {
		if path, err := op.Path(); err == nil && op.Kind() == "replace" && strings.Count(path, "/") == 1 {
			op["op"] = &add
		}
	}
	return p, nil
}

// applyPatch returns what the patch makes of the client. Unknown members are
// refused here, for whoever names one path has misspelled it.
func applyPatch(p patch.Patch, c *Client) (Registration, error) {
	in := Registration{Client: new(Client)}
	document, err := marshal(c)
	if err != nil {
		return in, err
	}
	patched, err := patch.Apply(p, document, ErrInvalidMetadata)
	if err != nil {
		return in, err
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
