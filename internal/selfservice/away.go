package selfservice

import (
	"crypto/subtle"
	"encoding/json"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// Away is what a flow knows of another server to which it has sent its browser. It is spent, when the browser comes back, by the
// guarded update of the flow's row.
type Away struct {
	// Method sent it, Provider is its name for the other server.
	Method   string `json:"method"`
	Provider string `json:"provider"`
	// Digest is that of the state which the browser brings back (RFC 6749 §10.12).
	Digest string `json:"digest"`
	// Kept is the method's own: what it asked for, to compare with what comes.
	Kept json.RawMessage `json:"kept,omitempty"`
}

// Recall reads what the method kept.
func (a *Away) Recall(v any) error { return json.Unmarshal(a.Kept, v) }

// A state names its flow, so that nothing else has to remember where the browser was: kind, id and what nobody can guess.
const (
	stateSeparator = "."
	stateBytes     = 32
)

// Depart makes the flow one whose browser is sent to the provider, and returns the state that it has to bring back.
func (f *Flow) Depart(method, provider string, kept any) (state string, err error) {
	a := &Away{Method: method, Provider: provider}
	if a.Kept, err = json.Marshal(kept); err != nil {
		return "", err
	}
	state = strings.Join([]string{string(f.Kind), f.ID, secret.Random(stateBytes)}, stateSeparator)
	a.Digest = secret.Digest(state)
	f.Internal.Away, f.Active = a, method
	return state, nil
}

// stateOf tells which flow a state belongs to, as it says itself.
func stateOf(state string) (kind Kind, id string) {
	name, rest, _ := strings.Cut(state, stateSeparator)
	id, _, _ = strings.Cut(rest, stateSeparator)
	return Kind(name), id
}

// arrive takes the browser back that brings the state: it was sent by the method to the provider, and has not been back since.
func (f *Flow) arrive(method, provider, state string) (*Away, bool) {
	a := f.Internal.Away
	if a == nil || a.Method != method || a.Provider != provider || subtle.ConstantTimeCompare([]byte(a.Digest), []byte(secret.Digest(state))) != 1 {
		return nil, false
	}
	f.Internal.Away = nil
	return a, true
}
