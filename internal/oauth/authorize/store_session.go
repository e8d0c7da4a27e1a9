package authorize

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// sessionTopic names the table's events in the change feed: the key is the id of a session that ended.
const sessionTopic = "oauth_login_session"

// sessionsAtOnce is how many sessions one transaction ends.
const sessionsAtOnce = 100

// ErrNoSession says that there is no such login session, or not any more.
var ErrNoSession = errors.New("authorize: no such login session")

var sessionColumns = []string{"tenant_id", "id", "subject_hash", "subject", "authenticated_at", "acr", "amr", "provider_session", "expires_at"}

// row gives the values of sessionColumns.
func (s *Session) row(id tenant.ID) []any {
	return []any{string(id), s.ID, secret.Digest(s.Subject), s.Subject, s.AuthenticatedAt, s.ACR, list(s.AMR), s.ProviderSession, s.ExpiresAt}
}

// list writes a list of strings as JSON.
func list(values []string) string {
	if len(values) == 0 {
		return "[]"
	}
	text, err := json.Marshal(values)
	if err != nil { // strings always have a JSON form
		panic(err)
	}
	return string(text)
}

// Session finds a login session that has not expired.
func (s *Store) Session(ctx context.Context, id string) (*Session, error) {
	found, err := s.sessions.Fetch(ctx, id, func(ctx context.Context) (*Session, error) { return s.loadSession(ctx, id) })
	if err != nil {
		return nil, err
	}
	if !s.o.Now().Before(found.ExpiresAt) {
		return nil, ErrNoSession
	}
	return found, nil
}

func (s *Store) loadSession(ctx context.Context, id string) (*Session, error) {
	found := &Session{ID: id}
	var amr []byte
	err := s.db.QueryRow(ctx, `SELECT subject, authenticated_at, acr, amr, provider_session, expires_at
		FROM oauth_login_session WHERE tenant_id = :tenant AND id = ?`, id).
		Scan(&found.Subject, &found.AuthenticatedAt, &found.ACR, &amr, &found.ProviderSession, &found.ExpiresAt)
	if errors.Is(err, sqldb.ErrNoRows) {
		return nil, ErrNoSession
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(amr, &found.AMR); err != nil {
		return nil, fmt.Errorf("authorize: the amr of a stored session cannot be read: %w", err)
	}
	return found, nil
}

// renewSession stores that the person of a session signed in again. A session that was ended meanwhile begins anew:
// that the person signed in is true all the same.
func renewSession(ctx context.Context, tx *sqldb.Tx, s *Session) error {
	n, err := tx.Exec(ctx, `UPDATE oauth_login_session SET authenticated_at = ?, acr = ?, amr = ?, provider_session = ?, expires_at = ?
		WHERE tenant_id = :tenant AND id = ? AND subject_hash = ?`,
		s.AuthenticatedAt, s.ACR, list(s.AMR), s.ProviderSession, s.ExpiresAt, s.ID, secret.Digest(s.Subject))
	if err != nil || n > 0 {
		return err
	}
	id, _ := tenant.From(ctx)
	_, err = tx.InsertRows(ctx, "oauth_login_session", sessionColumns, [][]any{s.row(id)})
	return err
}

// extendSession lets a session live longer. One that was ended meanwhile stays ended.
func extendSession(ctx context.Context, tx *sqldb.Tx, s *Session) error {
	_, err := tx.Exec(ctx, `UPDATE oauth_login_session SET expires_at = ? WHERE tenant_id = :tenant AND id = ?`, s.ExpiresAt, s.ID)
	return err
}

// forget drops from memory what a request just changed about sessions; the next to ask reads it. Nothing is put there
// instead, since the session may have been ended since. Other processes may know an older state for a while, which at
// worst makes them ask for a login too many.
func (s *Store) forget(ctx context.Context, w *write) {
	for _, session := range [...]*Session{w.renew, w.extend} {
		if session != nil {
			s.sessions.Drop(here(ctx), session.ID)
		}
	}
}

// EndSession ends a login session. One that does not exist is no error.
func (s *Store) EndSession(ctx context.Context, id string) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error { return s.EndSessionIn(ctx, tx, id) })
}

// EndSessionIn does the same as a step of the caller's transaction.
func (s *Store) EndSessionIn(ctx context.Context, tx *sqldb.Tx, id string) error {
	return s.endSessions(ctx, tx, []string{id})
}

// EndSessions ends all login sessions of a subject, in steps.
func (s *Store) EndSessions(ctx context.Context, subject string) error {
	for {
		var ids []string
		err := s.db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) (err error) {
			ids, err = sqldb.Texts(tx.Query(ctx, `SELECT id FROM oauth_login_session WHERE tenant_id = :tenant AND subject_hash = ? LIMIT ?`,
				secret.Digest(subject), sessionsAtOnce))
			if err != nil || len(ids) == 0 {
				return err
			}
			return s.endSessions(ctx, tx, ids)
		})
		if err != nil || len(ids) < sessionsAtOnce {
			return err
		}
	}
}

func (s *Store) endSessions(ctx context.Context, tx *sqldb.Tx, ids []string) error {
	n, err := tx.Exec(ctx, `DELETE FROM oauth_login_session WHERE tenant_id = :tenant AND id IN (?)`, ids)
	if err != nil {
		return err
	}
	if n > 0 {
		if err := activity.Write(ctx, tx, revoked(activity.SessionRevoked, "login_session", ids)...); err != nil {
			return err
		}
	}
	for _, id := range ids {
		if err := s.o.Feed.Publish(ctx, tx, sessionTopic, id); err != nil {
			return err
		}
	}
	return nil
}
