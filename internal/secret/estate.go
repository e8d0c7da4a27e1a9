package secret

import (
	"encoding/json"
	"errors"
	"slices"
)

// estate is what a secret leaves to a purpose: from the root of that purpose come the keys that authenticate what was made
// for it, and nothing else. The way back, from it to the secret or to another purpose, is HKDF's and closed.
type estate struct {
	Purpose string `json:"purpose"`
	Root    []byte `json:"root"`
}

// Bequeath gives what a ring that lacks the secret needs to recognize what the secret authenticated for the purposes: tokens
// and generated client secrets, of which no copy is stored that could be made anew. id names the secret's key, as KeyIDs of
// this ring does. Seal what it gives.
func (r *Ring) Bequeath(id string, purposes ...string) ([]byte, error) {
	i := slices.IndexFunc(r.keys, func(k *ringKey) bool { return k.id == id && !k.inherited })
	if i < 0 {
		return nil, ErrUnknownKey
	}
	all := make([]estate, len(purposes))
	for n, purpose := range purposes {
		all[n] = estate{Purpose: purpose, Root: expand(r.keys[i].root, labelPurpose+purpose, rootLen)}
	}
	return json.Marshal(all)
}

// Inherit has the rings that For gives from now on recognize what a retired secret authenticated. It never makes, and never
// opens, anything with it. Call it before the ring is used.
func (r *Ring) Inherit(bequeathed []byte) error {
	var all []estate
	if err := json.Unmarshal(bequeathed, &all); err != nil {
		return errors.New("what a retired secret left cannot be read")
	}
	for _, e := range all {
		if len(e.Root) != rootLen {
			return errors.New("what a retired secret left is damaged")
		}
	}
	r.left = append(r.left, all...)
	return nil
}
