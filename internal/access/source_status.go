package access

import (
	"errors"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// SourceState says how a source of rules is doing.
type SourceState string

// The states of a source.
const (
	// SourceWaiting was not read yet, or waits for others.
	SourceWaiting SourceState = "waiting"
	// SourceLoaded has its newest rules in force.
	SourceLoaded SourceState = "loaded"
	// SourceRefused has rules that cannot be loaded.
	SourceRefused SourceState = "refused"
	// SourceUnreachable could not be read when it was asked last.
	SourceUnreachable SourceState = "unreachable"
)

// SourceStatus is what there is to know about a source.
type SourceStatus struct {
	// Name is the URI without its query; "api" for the rules of the admin API.
	Name string `json:"name"`
	// Kind is file, inline, http, s3 or api.
	Kind string `json:"kind"`
	// Tenant owns the rules; empty for the admin API, whose rules have tenants of their own.
	Tenant tenant.ID   `json:"tenant,omitempty"`
	State  SourceState `json:"state"`
	// Rules is how many of it are in force.
	Rules int `json:"rules"`
	// LoadedAt is since when they are in force; zero where none ever were.
	LoadedAt time.Time `json:"loaded_at,omitzero"`
	// CheckedAt is when the source was asked last.
	CheckedAt time.Time `json:"checked_at,omitzero"`
	// Error says what is wrong; Faults are the same one by one, where rules are refused.
	Error  string `json:"error,omitempty"`
	Faults Faults `json:"faults,omitempty"`
	// Refusals counts the sets of rules that were refused since the start.
	Refusals uint64 `json:"refusals"`
}

// Status tells of every source.
func (b *Rulebook) Status() []SourceStatus {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]SourceStatus, len(b.sources))
	for i, s := range b.sources {
		list[i] = s.status()
	}
	return list
}

func (s *source) status() SourceStatus {
	st := SourceStatus{
		Name: s.name, Kind: s.kind, Tenant: s.tenant, State: SourceLoaded, Rules: len(s.accepted),
		LoadedAt: s.changed, CheckedAt: s.checked, Refusals: s.refusals,
	}
	switch {
	case s.wrong != nil:
		st.State, st.Error = SourceRefused, s.wrong.Error()
		if errors.Is(s.wrong, errWaits) {
			st.State = SourceWaiting
		}
		st.Faults, _ = errors.AsType[Faults](s.wrong)
	case s.silent != nil:
		st.State, st.Error = SourceUnreachable, s.silent.Error()
	case !s.inForce:
		st.State = SourceWaiting
	}
	return st
}
