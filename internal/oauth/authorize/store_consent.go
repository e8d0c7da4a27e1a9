package authorize

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// Bounds of statements about consents, so that a subject's long history costs no more than a short one.
const (
	recallAtMost   = 8  // remembered consents of one subject and client that are looked at, the newest first
	consentsAtOnce = 64 // consents that one transaction revokes
)

var consentColumns = []string{"tenant_id", "id", "subject_hash", "client_id", "session_id", "listed", "remembered",
	"remembered_until", "scope", "audience", "document", "granted_at", "review_at"}

// row gives the values of consentColumns.
func (c *consent) row(id tenant.ID) []any {
	document, err := json.Marshal(&c.Document)
	if err != nil { // made of what came as JSON
		panic(err)
	}
	return []any{string(id), c.ID, secret.Digest(c.Subject), c.ClientID, c.SessionID, c.Listed, c.Remembered,
		orNull(c.RememberedUntil), list(c.Scope), list(c.Audience), string(document), c.GrantedAt, orNull(c.ReviewAt)}
}

// orNull is NULL for the zero time.
func orNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t
}

// recall finds the remembered consents of a subject to a client, the newest first.
func (s *Store) recall(ctx context.Context, subject, clientID string) ([]Remembered, error) {
	rows, err := s.db.Query(ctx, `SELECT id, scope, audience, granted_at, remembered_until FROM oauth_consent
		WHERE tenant_id = :tenant AND subject_hash = ? AND client_id = ? AND remembered = ? ORDER BY id DESC LIMIT ?`,
		secret.Digest(subject), clientID, true, recallAtMost)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Remembered
	for rows.Next() {
		var m Remembered
		var scope, audience []byte
		if err := rows.Scan(&m.ID, &scope, &audience, &m.GrantedAt, &m.Until); err != nil {
			return nil, err
		}
		if err := unmarshalAll(into{scope, &m.Scope}, into{audience, &m.Audience}); err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, rows.Err()
}

// consents lists the consents that a subject was asked for and gave, the newest first, below an id ("" is the top). A
// session id narrows it.
func (s *Store) consents(ctx context.Context, subject, session, below string, limit int) ([]consent, error) {
	query := `SELECT id, client_id, session_id, remembered, scope, audience, document, granted_at FROM oauth_consent
		WHERE tenant_id = :tenant AND subject_hash = ? AND listed = ?`
	args := []any{secret.Digest(subject), true}
	if session != "" {
		query += ` AND session_id = ?`
		args = append(args, session)
	}
	if below != "" {
		query += ` AND id < ?`
		args = append(args, below)
	}
	rows, err := s.db.Query(ctx, query+` ORDER BY id DESC LIMIT ?`, append(args, limit)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []consent
	for rows.Next() {
		var c consent
		var scope, audience, document []byte
		if err := rows.Scan(&c.ID, &c.ClientID, &c.SessionID, &c.Remembered, &scope, &audience, &document, &c.GrantedAt); err != nil {
			return nil, err
		}
		if err := unmarshalAll(into{scope, &c.Scope}, into{audience, &c.Audience}, into{document, &c.Document}); err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, rows.Err()
}

// into is a stored JSON text and where it goes.
type into struct {
	text []byte
	to   any
}

func unmarshalAll(all ...into) error {
	for _, i := range all {
		if err := json.Unmarshal(i.text, i.to); err != nil {
			return fmt.Errorf("authorize: a stored consent cannot be read: %w", err)
		}
	}
	return nil
}

// revokeConsent takes back one consent and revokes all tokens that came of it. The family is revoked whether there is
// a consent or not, since other grants have families too.
func (s *Store) revokeConsent(ctx context.Context, id string) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error { return s.revokeIn(ctx, tx, []string{id}) })
}

// revokeConsents takes back the consents of a subject, to one client or ("") to all, in steps. Those that nobody was
// asked for are among them: tokens came of these as well.
func (s *Store) revokeConsents(ctx context.Context, subject, clientID string) error {
	column := `listed`
	args := []any{secret.Digest(subject)}
	narrowed := ``
	if clientID != "" {
		column, narrowed = `remembered`, `client_id = ? AND `
		args = append(args, clientID)
	}
	query := `SELECT id FROM oauth_consent WHERE tenant_id = :tenant AND subject_hash = ? AND ` + narrowed + column +
		` = ? AND id > ? AND revoked_at IS NULL ORDER BY id LIMIT ?`
	// Both halves of the index in turn: each is read in the order of ids, from where the last step ended. The half
	// that revoking moves rows out of comes first.
	for _, half := range [...]bool{true, false} {
		if err := s.revokeHalf(ctx, query, append(slices.Clip(args), half)); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) revokeHalf(ctx context.Context, query string, args []any) error {
	for last := ""; ; {
		var ids []string
		err := s.db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) (err error) {
			ids, err = sqldb.Texts(tx.Query(ctx, query, append(slices.Clip(args), last, consentsAtOnce)...))
			if err != nil || len(ids) == 0 {
				return err
			}
			return s.revokeIn(ctx, tx, ids)
		})
		if err != nil || len(ids) < consentsAtOnce {
			return err
		}
		last = ids[len(ids)-1]
	}
}

// revokeIn marks consents as revoked. The rows stay until the sweeper comes: as long as their flows live, they are what
// keeps a verifier from being used twice.
func (s *Store) revokeIn(ctx context.Context, tx *sqldb.Tx, ids []string) error {
	now := s.o.Now()
	n, err := tx.Exec(ctx, `UPDATE oauth_consent SET revoked_at = ?, listed = ?, remembered = ?, review_at = ?
		WHERE tenant_id = :tenant AND id IN (?) AND revoked_at IS NULL`, now, false, false, now.Add(reviewAfter), ids)
	if err != nil {
		return err
	}
	if n > 0 {
		if err := activity.Write(ctx, tx, revoked(activity.ConsentRevoked, "consent", ids)...); err != nil {
			return err
		}
	}
	return s.o.Tokens.RevokeFamiliesIn(ctx, tx, ids...)
}

// revoked are the events of what was ended, by ids.
func revoked(action activity.Action, kind string, ids []string) []activity.Event {
	events := make([]activity.Event, len(ids))
	for i, id := range ids {
		events[i] = activity.Event{Action: action, Subject: activity.Party{Kind: kind, ID: id}}
	}
	return events
}
