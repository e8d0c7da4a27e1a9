package schema

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/wait"
)

// Options are what a Library works with.
type Options struct {
	// Store keeps schemas.
	Store *Store
	// Schemas are what the server asks on every request.
	Schemas *identity.Schemas
	// Followers counts the people of the context's tenant who follow a schema, up to a limit.
	Followers func(ctx context.Context, id string, limit int) (int, error)
}

// Library has the schemas that are stored, and keeps the server's true to them.
type Library struct {
	Options

	wake chan struct{}

	mu   sync.Mutex                                  // one reading at a time
	made map[string]func() (*identity.Schema, error) // by tenant, id and digest
}

// New returns a library that has read nothing yet.
func New(o Options) *Library {
	l := &Library{Options: o, wake: make(chan struct{}, 1)}
	o.Store.watch(func() {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	})
	return l
}

// Open reads the schemas before anything is served.
func (l *Library) Open(ctx context.Context) error { return l.follow(ctx) }

// Run follows changes until ctx ends.
func (l *Library) Run(ctx context.Context) error { return wait.Follow(ctx, l.wake, l.follow) }

// readings is how often a reading begins anew because schemas were changed meanwhile.
const readings = 10

// follow reads what is stored: what has not changed stays as it was made.
func (l *Library) follow(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for range readings {
		all, err := l.Store.load(ctx)
		if err != nil {
			return err
		}
		made, err := l.compilers(ctx, all)
		if err != nil {
			return err
		}
		if made == nil {
			continue
		}
		l.made = made
		l.Schemas.Set(sets(all, made))
		return nil
	}
	return errors.New("schema: others change schemas faster than this server can read them")
}

// compilers returns what compiles each schema, nil where one has changed since. A schema is compiled when somebody needs it, so that a
// start does nothing for each of a thousand tenants.
func (l *Library) compilers(ctx context.Context, all []Stored) (map[string]func() (*identity.Schema, error), error) {
	made, unknown := make(map[string]func() (*identity.Schema, error), len(all)), map[string]bool{}
	for _, s := range all {
		if was := l.made[s.key()]; was != nil {
			made[s.key()] = was
		} else {
			unknown[s.Digest] = true
		}
	}
	texts, err := l.Store.texts(ctx, unknown)
	if err != nil {
		return nil, err
	}
	for _, s := range all {
		if made[s.key()] != nil {
			continue
		}
		text, ok := texts[s.Digest]
		if !ok {
			return nil, nil
		}
		made[s.key()] = sync.OnceValues(func() (*identity.Schema, error) {
			schema, err := identity.ParseSchema(s.ID, text)
			if err != nil {
				err = fmt.Errorf("the stored identity schema %s: %w", s.ID, err)
			}
			return schema, err
		})
	}
	return made, nil
}

func (s *Stored) key() string { return string(s.Tenant) + "\x00" + s.ID + "\x00" + s.Digest }

// sets are the schemas as package identity wants them. A tenant of which all are removed has the installation's again.
func sets(all []Stored, made map[string]func() (*identity.Schema, error)) map[tenant.ID]*identity.SchemaSet {
	lists := make(map[tenant.ID][]Stored)
	for _, s := range all {
		lists[s.Tenant] = append(lists[s.Tenant], s)
	}
	sets := make(map[tenant.ID]*identity.SchemaSet, len(lists))
	for id, list := range lists {
		set := make([]identity.SetSchema, len(list))
		for i, s := range list {
			set[i] = identity.SetSchema{ID: s.ID, Schema: made[s.key()], Selectable: s.Selectable, Withdrawn: s.Removed != nil}
		}
		sets[id] = identity.NewSchemaSet(defaultOf(list), set...)
	}
	return sets
}
