package selfservice

import (
	"context"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// writeSession begins or changes a session. It comes before all that makes logins void which are under way: this one is counted
// with those that outlive it.
func (s *Store) writeSession(ctx context.Context, tx *sqldb.Tx, w Writes) error {
	if w.Change != nil {
		if err := s.o.Sessions.UpdateIn(ctx, tx, w.Change); err != nil {
			return err
		}
	}
	if w.Insert != nil {
		return s.o.Sessions.InsertIn(ctx, tx, w.Insert)
	}
	return nil
}

// endSessions ends sessions, and says which one a flow with an exchange has ended in.
func (s *Store) endSessions(ctx context.Context, tx *sqldb.Tx, w Writes) error {
	if w.RevokeAll != "" {
		but := w.RevokeBut
		if w.Insert != nil {
			but = w.Insert.ID
		}
		if _, err := s.o.Sessions.RevokeAllIn(ctx, tx, w.RevokeAll, but); err != nil {
			return err
		}
	}
	if w.Disown != "" {
		if err := s.o.Identities.DisownIn(ctx, tx, w.Disown); err != nil {
			return err
		}
	}
	if w.Hand != "" && w.Flow != nil {
		return s.o.Exchanges.HandIn(ctx, tx, w.Flow.ID, w.Hand)
	}
	if w.Exchange && w.Flow != nil && w.Insert != nil {
		return s.o.Exchanges.FinishIn(ctx, tx, w.Flow.ID, w.Insert.ID)
	}
	return nil
}
