package rulebook

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/spell"
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
	// KeptAt is when the source had the rules in force, where it could not be had since this server started, and they are those
	// that the database kept; else zero.
	KeptAt time.Time `json:"kept_at,omitzero"`
	// CheckedAt is when the source was asked last.
	CheckedAt time.Time `json:"checked_at,omitzero"`
	// Error says what is wrong; Faults are the same one by one, where rules are refused.
	Error  string        `json:"error,omitempty"`
	Faults access.Faults `json:"faults,omitempty"`
	// Refusals counts the sets of rules that were refused since the start.
	Refusals uint64 `json:"refusals"`
}

// Status tells of every source.
func (b *Book) Status() []SourceStatus {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]SourceStatus, len(b.sources))
	for i, s := range b.sources {
		list[i] = s.status()
	}
	return list
}

func (s *tracked) status() SourceStatus {
	st := SourceStatus{
		Name: s.name, Kind: s.kind, Tenant: s.tenant, State: SourceLoaded, Rules: len(s.accepted),
		LoadedAt: s.changed, CheckedAt: s.checked, Refusals: s.refusals, KeptAt: s.keptAt,
	}
	switch {
	case s.silent != nil: // what it said before may be there no more
		st.State, st.Error = SourceUnreachable, s.silent.Error()
	case s.wrong != nil:
		st.State, st.Error = SourceRefused, s.wrong.Error()
		if errors.Is(s.wrong, errWaits) {
			st.State = SourceWaiting
		}
		st.Faults, _ = errors.AsType[access.Faults](s.wrong)
	case !s.inForce:
		st.State = SourceWaiting
	}
	return st
}

// Bounds of what Warnings says: it is for a look, and GET /admin/rule-sources has the rest.
const (
	maxWarnings = 20
	maxWarning  = 500 // bytes
)

// Warnings says in a line each which sources do not have their newest rules in force, and why: for the health of the admin
// listener, which asks for no credential. So it says nothing of what a database or a driver said, and no setting's value.
func (b *Book) Warnings() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []string
	for _, s := range b.sources {
		if text := s.warning(); text != "" && len(list) < maxWarnings {
			list = append(list, spell.Short(strings.ReplaceAll(s.name+": "+text, "\n", " "), maxWarning))
		}
	}
	return list
}

// unreadableStore is what strangers and tenants hear of a database that does not answer, or whose rows cannot be opened.
const unreadableStore = "cannot be read from the database"

// warning says what is wrong with the source; nothing where all is well, or nothing was read yet.
func (s *tracked) warning() string {
	faults, refused := errors.AsType[access.Faults](s.wrong)
	why := ""
	switch {
	case s.silent != nil && s.kind == kindAPI:
		why = unreadableStore
	case s.silent != nil:
		why = "cannot be read: " + s.silent.Error()
	case refused && len(faults) > 1:
		why = fmt.Sprintf("refused: %s (and %d more)", faults[0].Brief(), len(faults)-1)
	case refused && len(faults) == 1:
		why = "refused: " + faults[0].Brief()
	case errors.Is(s.wrong, errWaits):
		why = s.wrong.Error()
	case s.wrong != nil:
		why = "refused"
	default:
		return ""
	}
	if !s.inForce {
		return why + "; none of its rules are in force"
	}
	if !s.keptAt.IsZero() {
		return why + "; in force is what was kept of " + s.keptAt.Format(time.RFC3339)
	}
	return why + "; in force are the rules of " + s.changed.Format(time.RFC3339)
}

// errNotLoaded is what strangers hear; Status says more.
var errNotLoaded = fault.New(fault.Unavailable, "access_rules_not_loaded", "Access rules have not been loaded yet: ask GET /admin/rule-sources why.")

// Ready returns an error as long as no rules were loaded since the start. Later failures leave the rules in force as they
// are, so that a bad update does not take every server out of service at once.
func (b *Book) Ready() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.sources {
		if !s.inForce {
			return errNotLoaded
		}
	}
	return nil
}
