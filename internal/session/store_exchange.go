package session

import (
	"context"
	"errors"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// The two codes of an exchange are tokens of these kinds, so that a made-up one costs no statement.
const (
	initKind   = "si"
	returnKind = "sr"
)

// Exchanges let a native app that signs in through a browser have its session token: it gets one code when it begins the
// flow, the other arrives with the browser at the app's return_to, and both together are exchanged once.
type Exchanges struct {
	// Store keeps the sessions.
	Store *Store
	// Lifespan is how long an exchange is possible after New: no shorter than a flow. 0 means an hour.
	Lifespan time.Duration
}

// New begins an exchange for a flow. initCode is for the app and is stored nowhere; returnToCode belongs into the flow's
// own row, until the browser is sent to return_to?code=….
func (e *Exchanges) New(ctx context.Context, flowID string) (initCode, returnToCode string, err error) {
	s := e.Store
	id, ok := tenant.From(ctx)
	if !ok {
		return "", "", sqldb.ErrNoTenant
	}
	initCode, initDigest := s.tokens.New(initKind)
	returnToCode, returnDigest := s.tokens.New(returnKind)
	_, err = s.db.InsertRows(ctx, "session_exchange",
		[]string{"tenant_id", "init_digest", "return_digest", "flow_id", "expires_at"},
		[][]any{{id, initDigest, returnDigest, flowID, s.now().Add(e.lifespan())}})
	return initCode, returnToCode, err
}

func (e *Exchanges) lifespan() time.Duration {
	if e.Lifespan <= 0 {
		return time.Hour
	}
	return e.Lifespan
}

// Finish says which session the flow ended in. A flow without an exchange is no error.
func (e *Exchanges) Finish(ctx context.Context, flowID, sessionID string) error {
	_, err := e.Store.db.Exec(ctx, finishExchange, sessionID, flowID)
	return err
}

// FinishIn is Finish in the caller's transaction.
func (e *Exchanges) FinishIn(ctx context.Context, tx *sqldb.Tx, flowID, sessionID string) error {
	_, err := tx.Exec(ctx, finishExchange, sessionID, flowID)
	return err
}

// HandIn has an exchange go on with another flow, in the caller's transaction.
func (e *Exchanges) HandIn(ctx context.Context, tx *sqldb.Tx, flowID, nextID string) error {
	_, err := tx.Exec(ctx, `UPDATE session_exchange SET flow_id = ? WHERE tenant_id = :tenant AND flow_id = ? AND session_id IS NULL`, nextID, flowID)
	return err
}

const finishExchange = `UPDATE session_exchange SET session_id = ? WHERE tenant_id = :tenant AND flow_id = ? AND session_id IS NULL`

// Pending is what Exchange returns when the flow has not ended in a session.
type Pending struct {
	// FlowID is the flow.
	FlowID string
}

// Error is for the log.
func (p *Pending) Error() string { return "the flow has not ended in a session" }

// Unwrap makes it an ErrNoExchange to those who do not ask further.
func (p *Pending) Unwrap() error { return ErrNoExchange }

// Exchange returns the session of the two codes with a new token. It works once: ErrExchanged after that. A *Pending says
// that there is no session yet, ErrNoExchange that the codes are not known, do not belong together or have expired.
func (e *Exchanges) Exchange(ctx context.Context, initCode, returnToCode string) (*Session, string, error) {
	s := e.Store
	initDigest, ok := s.tokens.Check(initKind, initCode)
	returnDigest, ok2 := s.tokens.Check(returnKind, returnToCode)
	if !ok || !ok2 {
		return nil, "", ErrNoExchange
	}
	token, digest := s.tokens.New(tokenKind)
	var id string
	err := s.db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) (err error) {
		if id, err = s.spend(ctx, tx, initDigest, returnDigest); err != nil {
			return err
		}
		// Nobody has the token that the session began with.
		n, err := tx.Exec(ctx, `UPDATE session SET digest = ? WHERE tenant_id = :tenant AND id = ? AND active = ? AND expires_at > ?`,
			digest, id, true, s.now())
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrNoExchange
		}
		return s.feed.Publish(ctx, tx, Topic, id)
	})
	if err != nil {
		return nil, "", err
	}
	got, err := s.Get(ctx, id)
	if err == nil && !got.Active { // the identity was disabled meanwhile
		err = ErrNoSession
	}
	if err != nil {
		return nil, "", err
	}
	return got, token, nil
}

// spend uses the codes up and returns the session's id. The guarded statement decides who comes first.
func (s *Store) spend(ctx context.Context, tx *sqldb.Tx, initDigest, returnDigest string) (string, error) {
	now := s.now()
	n, err := tx.Exec(ctx, `UPDATE session_exchange SET spent_at = ? WHERE tenant_id = :tenant AND init_digest = ? AND return_digest = ?
		AND session_id IS NOT NULL AND spent_at IS NULL AND expires_at > ?`, now, initDigest, returnDigest, now)
	if err != nil {
		return "", err
	}
	var flowID, sessionID string
	var spent, expires time.Time
	err = tx.QueryRow(ctx, `SELECT flow_id, COALESCE(session_id, ''), spent_at, expires_at FROM session_exchange
		WHERE tenant_id = :tenant AND init_digest = ? AND return_digest = ?`, initDigest, returnDigest).Scan(&flowID, &sessionID, &spent, &expires)
	switch {
	case errors.Is(err, sqldb.ErrNoRows):
		return "", ErrNoExchange
	case err != nil:
		return "", err
	case n == 1:
		return sessionID, nil
	case !spent.IsZero():
		return "", ErrExchanged
	case !now.Before(expires):
		return "", ErrNoExchange
	}
	return "", &Pending{FlowID: flowID}
}

// NewTokens returns the tokens of sessions and exchanges: prefix_st_…, with a ring of their own purpose.
func NewTokens(prefix string, ring *secret.Ring) *secret.Tokens {
	return &secret.Tokens{Prefix: prefix, Ring: ring.For("sessions")}
}
