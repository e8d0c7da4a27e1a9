package token

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// spentKept is how long a token without an expiry is kept once it was spent or revoked, for reuse detection.
const spentKept = 90 * 24 * time.Hour

// write is what one request does to the table: perhaps spend a token, and store those that come of it. Requests that
// come at the same time are written by the same statements, in one transaction.
type write struct {
	spend string // digest of the code or refresh token
	grace bool   // another may have spent it within the grace period
	rows  [][]any

	// won is the answer: the token was there to be spent, and the rows are stored. Without it nothing was written.
	won bool
}

// insert stores tokens of which nothing is asked before.
func (s *Store) insert(ctx context.Context, tokens ...*Token) error {
	w := &write{}
	if err := w.fill(tokens); err != nil {
		return err
	}
	return s.inserts.Insert(ctx, w.rows...)
}

// exchange spends a code or refresh token and stores the tokens that come of it, all or nothing. It is false when
// another request was first, or the token has been revoked or deleted meanwhile.
func (s *Store) exchange(ctx context.Context, spent *Token, tokens ...*Token) (won bool, err error) {
	w := &write{spend: spent.Digest, grace: spent.Kind == Refresh && s.grace > 0}
	if err := w.fill(tokens); err != nil {
		return false, err
	}
	if err := s.writes.Do(ctx, w); err != nil {
		return false, err
	}
	if spent.Kind == Code {
		if id, ok := tenant.From(ctx); ok {
			s.codes.Drop(id, spent.Digest)
		}
	}
	return w.won, nil
}

// fill turns tokens into rows.
func (w *write) fill(tokens []*Token) error {
	w.rows = make([][]any, len(tokens))
	for i, t := range tokens {
		row, err := t.row()
		if err != nil {
			return err
		}
		w.rows[i] = row
	}
	return nil
}

// flush writes what several requests of one tenant want: one guarded UPDATE if something is spent, one SELECT more if
// not everything was there to be spent, one INSERT.
func (s *Store) flush(ctx context.Context, tx *sqldb.Tx, items []*write) []error {
	err := s.flushAll(ctx, tx, items)
	if err == nil {
		return nil
	}
	errs := make([]error, len(items))
	for i := range errs {
		errs[i] = err
	}
	return errs
}

func (s *Store) flushAll(ctx context.Context, tx *sqldb.Tx, items []*write) error {
	if err := s.spend(ctx, tx, items); err != nil {
		return err
	}
	id, _ := tenant.From(ctx)
	rows := make([][]any, 0, 2*len(items))
	for _, w := range items {
		if !w.won {
			continue
		}
		for _, row := range w.rows {
			row[0] = string(id)
			rows = append(rows, row)
		}
	}
	return tx.InsertLater(ctx, "oauth_token", columns, rows)
}

// spend decides which of the items win, by guarded updates: of all processes that try, the database lets one through.
// Of several items in one batch that spend the same token the first wins, or all within the grace period.
func (s *Store) spend(ctx context.Context, tx *sqldb.Tx, items []*write) error {
	strict, graceful := map[string]bool{}, map[string]bool{}
	for _, w := range items {
		if w.grace {
			graceful[w.spend] = true
		} else {
			strict[w.spend] = true
		}
	}
	if err := s.spendSet(ctx, tx, strict, "spent_at IS NULL"); err != nil {
		return err
	}
	if err := s.spendSet(ctx, tx, graceful, "(spent_at IS NULL OR spent_at > ?)", s.now().Add(-s.grace)); err != nil {
		return err
	}
	for _, w := range items {
		if w.grace {
			w.won = graceful[w.spend]
		} else {
			w.won = strict[w.spend]
			strict[w.spend] = false
		}
	}
	return nil
}

// spendSet marks the tokens of a set as spent where guard lets it, and takes out of the set what could not be. The
// first time of spending stands, so that a grace period does not renew itself.
func (s *Store) spendSet(ctx context.Context, tx *sqldb.Tx, set map[string]bool, guard string, guardArgs ...any) error {
	if len(set) == 0 {
		return nil
	}
	digests := slices.Sorted(maps.Keys(set)) // one order, so that concurrent batches do not lock each other out
	now, batch := s.now(), secret.NewID()
	args := append([]any{now, batch, now.Add(spentKept), digests}, guardArgs...)
	n, err := tx.Exec(ctx, `UPDATE oauth_token SET spent_at = COALESCE(spent_at, ?), spent_by = ?, expires_at = COALESCE(expires_at, ?)
		WHERE tenant_id = :tenant AND digest IN (?) AND revoked_at IS NULL AND `+guard, args...)
	if err != nil || int(n) == len(set) {
		return err
	}
	for digest := range set {
		set[digest] = false
	}
	if n == 0 {
		return nil
	}
	won, err := sqldb.Texts(tx.Query(ctx, `SELECT digest FROM oauth_token WHERE tenant_id = :tenant AND digest IN (?) AND spent_by = ?`, digests, batch))
	for _, digest := range won {
		set[digest] = true
	}
	return err
}
