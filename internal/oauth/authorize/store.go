package authorize

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/cache"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/token"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// Sizes of what is kept in memory. Both are hints: losing an entry costs one select.
const (
	flowHints    = 10_000
	sessionHints = 50_000
)

var (
	// errNoFlow says that there is no flow of this id (any more).
	errNoFlow = errors.New("authorize: no such flow")
	// errTaken says that the step was there already: another request was first.
	errTaken = errors.New("authorize: this step of the flow was taken already")
)

// StoreOptions is what a Store needs.
type StoreOptions struct {
	DB     *sqldb.DB
	Feed   *sqldb.Feed
	Tokens *token.Store
	Issuer *token.Issuer
	Now    func() time.Time
	// LiveFamilies tells which of some token families still have a token that works. With it the sweeper deletes
	// consents on which nothing hangs any more; without it consents stay.
	LiveFamilies func(ctx context.Context, families []string) (map[string]bool, error)
}

// Store keeps flows, login sessions and consents in the tables oauth_flow, oauth_login_session and oauth_consent.
type Store struct {
	o        StoreOptions
	db       *sqldb.DB
	inserts  *sqldb.Coalescer[*write] // what is new: nearly everything
	updates  *sqldb.Coalescer[*write] // what changes login sessions too
	flows    *cache.Cache[*Flow]      // what this process knows of flows: beginnings of the truth, see Flow
	sessions *cache.Cache[*Session]   // dropped through the change feed when a session ends
}

// NewStore makes a Store.
func NewStore(o StoreOptions) *Store {
	s := &Store{o: o, db: o.DB}
	s.inserts = sqldb.NewInserts(o.DB, sqldb.CoalescerOptions{}, s.collect)
	s.updates = sqldb.NewCoalescer(o.DB, sqldb.CoalescerOptions{}, s.flush)
	s.flows = cache.New[*Flow](cache.Options{Name: "oauth_flow", Max: flowHints, TTL: 10 * time.Minute, Now: o.Now})
	s.sessions = cache.New[*Session](cache.Options{
		Name: "oauth_login_session", Max: sessionHints, TTL: 5 * time.Minute, Feed: o.Feed, Topic: sessionTopic, Now: o.Now,
	})
	return s
}

// Close waits for what is being written and refuses what comes later.
func (s *Store) Close() {
	s.inserts.Close()
	s.updates.Close()
}

// write is what one request changes. Requests that come at the same time are written by the same statements, in one
// transaction; what belongs to one request is written or not as a whole.
type write struct {
	flow    string // the flow that gets a step; "" for none
	step    step
	text    []byte
	expires time.Time

	session *Session     // a new login session
	renew   *Session     // a login session whose person signed in again
	extend  *Session     // a login session that lives longer from now on
	consent *consent     // the consent that ends the flow
	grant   *token.Grant // what a code is issued for, together with the consent
	code    string       // the answer: that code
	events  []activity.Event
}

// append adds a step to a flow and gives the flow with it. errTaken says that the step was there already.
func (s *Store) append(ctx context.Context, f *Flow, n step, value any, w *write) (*Flow, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("authorize: a step cannot be stored: %w", err)
	}
	if w == nil {
		w = &write{}
	}
	w.flow, w.step, w.text, w.expires = f.ID, n, text, f.ExpiresAt
	if e, ok := decided(f, value); ok {
		if err := s.tell(ctx, w, e); err != nil {
			return nil, err
		}
	}
	if err := s.do(ctx, w); err != nil {
		return nil, err
	}
	next := f.with(value)
	s.flows.Set(ctx, f.ID, next)
	s.forget(ctx, w)
	return next, nil
}

// finish writes the consent that ends a flow, and the code where one is wanted. errTaken says that the flow had ended.
func (s *Store) finish(ctx context.Context, c *consent, g *token.Grant) (code string, err error) {
	w := &write{consent: c, grant: g}
	if c.Listed {
		if err := s.tell(ctx, w, granted(c)); err != nil {
			return "", err
		}
	}
	if err := s.do(ctx, w); err != nil {
		return "", err
	}
	s.flows.Drop(here(ctx), c.ID) // nobody asks for it again, but by mistake
	return w.code, nil
}

// do writes and returns after the commit.
func (s *Store) do(ctx context.Context, w *write) error {
	via := s.inserts
	if w.renew != nil || w.extend != nil {
		via = s.updates
	}
	err := via.Do(ctx, w)
	if errors.Is(err, sqldb.ErrDuplicate) {
		return errTaken
	}
	return err
}

// find gives a flow in which at least all steps up to have are known to this process if they happened at all. What is
// in memory may be an old state of the flow, but never a wrong one.
func (s *Store) find(ctx context.Context, id string, have func(*Flow) bool) (*Flow, error) {
	if f, ok := s.flows.Get(ctx, id); ok && have(f) {
		return f, nil
	}
	f, err := s.load(ctx, id)
	if err != nil {
		return nil, err
	}
	s.flows.Set(ctx, id, f)
	return f, nil
}

// load reads a flow.
func (s *Store) load(ctx context.Context, id string) (*Flow, error) {
	rows, err := s.db.Query(ctx, `SELECT step, document, expires_at FROM oauth_flow
		WHERE tenant_id = :tenant AND id = ? ORDER BY step`, id)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	f := &Flow{ID: id}
	for rows.Next() {
		var n int64
		var text []byte
		if err := rows.Scan(&n, &text, &f.ExpiresAt); err != nil {
			return nil, err
		}
		if err := f.read(step(n), text); err != nil {
			return nil, fmt.Errorf("authorize: step %d of a stored flow cannot be read: %w", n, err)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if f.Begun == nil {
		return nil, errNoFlow
	}
	return f, nil
}

// read takes a stored step into a flow that is being loaded.
func (f *Flow) read(n step, text []byte) error {
	switch n {
	case stepBegun:
		f.Begun = &begun{}
		return json.Unmarshal(text, f.Begun)
	case stepLogin:
		f.Login = &LoginAnswer{}
		return json.Unmarshal(text, f.Login)
	case stepSignedIn:
		f.SignedIn = &SignedIn{}
		return json.Unmarshal(text, f.SignedIn)
	case stepConsent:
		f.Consent = &ConsentAnswer{}
		return json.Unmarshal(text, f.Consent)
	}
	return nil // a step of a newer server's; the next migration is not ours to judge
}

// flush writes what several requests of one tenant want.
func (s *Store) flush(ctx context.Context, tx *sqldb.Tx, items []*write) []error {
	errs := make([]error, len(items))
	if err := s.flushAll(ctx, tx, items); err != nil {
		for i := range errs {
			errs[i] = err
		}
	}
	return errs
}

var flowColumns = []string{"tenant_id", "id", "step", "document", "expires_at"}

func (s *Store) flushAll(ctx context.Context, tx *sqldb.Tx, items []*write) error {
	inserts, err := s.collect(ctx, items)
	if err != nil {
		return err
	}
	for _, in := range inserts {
		if err := tx.InsertLater(ctx, in.Table, in.Columns, in.Rows); err != nil {
			return err
		}
	}
	for _, w := range items {
		if err := updateSessions(ctx, tx, w); err != nil {
			return err
		}
	}
	return nil
}

// collect gives the rows that several requests of one tenant want written.
func (s *Store) collect(ctx context.Context, items []*write) ([]sqldb.Insert, error) {
	id, _ := tenant.From(ctx)
	steps := sqldb.Insert{Table: "oauth_flow", Columns: flowColumns}
	consents := sqldb.Insert{Table: "oauth_consent", Columns: consentColumns}
	sessions := sqldb.Insert{Table: "oauth_login_session", Columns: sessionColumns}
	for _, w := range items {
		if w.flow != "" {
			steps.Rows = append(steps.Rows, []any{string(id), w.flow, int64(w.step), string(w.text), w.expires})
		}
		if w.session != nil {
			sessions.Rows = append(sessions.Rows, w.session.row(id))
		}
		if w.consent != nil {
			consents.Rows = append(consents.Rows, w.consent.row(id))
		}
	}
	var events []activity.Event
	for _, w := range items {
		events = append(events, w.events...)
	}
	told, err := activity.Insert(ctx, s.db, events...)
	if err != nil {
		return nil, err
	}
	codes, err := s.mintCodes(ctx, items)
	// Steps and consents first: their keys decide whether the rest may happen.
	return []sqldb.Insert{steps, consents, sessions, codes, told}, err
}

// updateSessions writes what has no statement for many.
func updateSessions(ctx context.Context, tx *sqldb.Tx, w *write) error {
	if w.renew != nil {
		if err := renewSession(ctx, tx, w.renew); err != nil {
			return err
		}
	}
	if w.extend != nil {
		return extendSession(ctx, tx, w.extend)
	}
	return nil
}

// mintCodes makes the codes that are wanted.
func (s *Store) mintCodes(ctx context.Context, items []*write) (sqldb.Insert, error) {
	var grants []token.Grant
	var of []*write
	for _, w := range items {
		if w.grant != nil {
			grants, of = append(grants, *w.grant), append(of, w)
		}
	}
	codes, rows, err := s.o.Issuer.MintCodes(ctx, grants...)
	for i, code := range codes {
		of[i].code = code
	}
	return rows, err
}
