package seal

import (
	"context"
	"slices"
	"time"
)

// State is where in its life a secret is.
type State string

// The states.
const (
	// Making: this server seals new values with it.
	Making State = "making"
	// Opening: it is configured, and opens what it sealed.
	Opening State = "opening"
	// Missing: a database holds what it sealed, and this server lacks it.
	Missing State = "missing"
	// Retired: nothing is sealed with it, and it can be, or was, taken out of the configuration.
	Retired State = "retired"
)

// Key is a secret, named by its id. An id says nothing of the secret.
type Key struct {
	ID    string `json:"id"`
	State State  `json:"state"`
	// Configured tells whether secrets.system of this server has it.
	Configured bool `json:"configured"`
	// Since is when the first value of a database was sealed with it; nil where none has been.
	Since *time.Time `json:"since,omitempty"`
	// RetiredAt is when it was retired.
	RetiredAt *time.Time `json:"retired_at,omitempty"`
}

// Running is a server that runs.
type Running struct {
	Name  string   `json:"name"`
	Makes string   `json:"makes"`
	Opens []string `json:"opens"`
}

// List is the secrets and the servers.
type List struct {
	// Keys are in the order of the configuration, then those that are not configured.
	Keys []Key `json:"keys"`
	// Waiting says which servers cannot open what the first secret makes, so that it is not in use yet; empty: none.
	Waiting string `json:"waiting,omitempty"`
	// Servers are those on this database. An embedded database has one and lists none.
	Servers []Running `json:"servers"`
}

// List gives the secrets by their ids, and the servers that use them.
func (s *Seals) List(ctx context.Context) (List, error) {
	known, err := s.known(ctx)
	if err != nil {
		return List{}, err
	}
	out := List{Servers: []Running{}}
	ids := s.System.KeyIDs()
	for _, id := range ids {
		out.Keys = append(out.Keys, s.describe(id, known[id], true))
	}
	var rest []string
	for id := range known {
		if !slices.Contains(ids, id) {
			rest = append(rest, id)
		}
	}
	slices.SortFunc(rest, func(a, b string) int { return known[b].since.Compare(known[a].since) })
	for _, id := range rest {
		out.Keys = append(out.Keys, s.describe(id, known[id], false))
	}
	if s.Store.alone() {
		return out, nil
	}
	all, err := s.Store.servers(ctx)
	if err != nil {
		return List{}, err
	}
	running := others(all, "", s.Now())
	for _, one := range running {
		out.Servers = append(out.Servers, Running{Name: one.name, Makes: one.makes, Opens: one.opens})
	}
	if s.System.Making() != ids[0] {
		out.Waiting = lacking(ids[0], running)
	}
	return out, nil
}

// known merges the records of the databases. A key that is in use in one of them is in use.
func (s *Seals) known(ctx context.Context) (map[string]record, error) {
	all := map[string]record{}
	for _, database := range s.Store.databases() {
		records, err := s.Store.records(ctx, database)
		if err != nil {
			return nil, err
		}
		for _, r := range records {
			before, found := all[r.id]
			if found && before.since.Before(r.since) {
				r.since = before.since
			}
			if found && before.retired.IsZero() {
				r.retired = time.Time{}
			}
			all[r.id] = r
		}
	}
	return all, nil
}

func (s *Seals) describe(id string, r record, configured bool) Key {
	k := Key{ID: id, State: Opening, Configured: configured, Since: given(r.since), RetiredAt: given(r.retired)}
	switch {
	case !r.retired.IsZero():
		k.State = Retired
	case !configured:
		k.State = Missing
	case id == s.System.Making():
		k.State = Making
	}
	return k
}

func given(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
