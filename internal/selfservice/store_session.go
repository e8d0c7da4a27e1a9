package selfservice

import (
	"context"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// writeSessions begins, changes and ends sessions.
func (s *Store) writeSessions(ctx context.Context, tx *sqldb.Tx, w Writes) error {
	if w.RevokeAll != "" {
		if _, err := s.o.Sessions.RevokeAllIn(ctx, tx, w.RevokeAll, w.RevokeBut); err != nil {
			return err
		}
	}
	if w.Disown != "" {
		if err := s.o.Identities.DisownIn(ctx, tx, w.Disown); err != nil {
			return err
		}
	}
	if w.Change != nil {
		if err := s.o.Sessions.UpdateIn(ctx, tx, w.Change); err != nil {
			return err
		}
	}
	if w.Insert != nil {
		if err := s.o.Sessions.InsertIn(ctx, tx, w.Insert); err != nil {
			return err
		}
	}
	if w.Exchange && w.Flow != nil && w.Insert != nil {
		return s.o.Exchanges.FinishIn(ctx, tx, w.Flow.ID, w.Insert.ID)
	}
	return nil
}
