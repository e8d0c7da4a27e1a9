package seal

import (
	"context"
	"slices"
)

// Follow prepares System for who is no server and makes something that servers recognize: it learns what retired secrets left, and
// makes with the secret that servers took into use last, where there is one, for those that run may not have a newer one yet. It
// fails with ErrLacks where the database belongs to servers with a secret that is not configured.
func (s *Seals) Follow(ctx context.Context) error {
	if err := s.Inherit(ctx); err != nil {
		return err
	}
	records, err := s.Store.records(ctx, home)
	if err != nil {
		return err
	}
	for _, r := range slices.Backward(records) {
		if r.retired.IsZero() && s.System.Lead(r.id) {
			return nil
		}
	}
	return nil
}
