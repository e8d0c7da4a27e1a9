package identity

import (
	"context"
	"errors"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// CreateMany stores new identities, each on its own merits: the error at an index is that of the identity there, nil for
// one that was stored. Those that can be stored are, with few statements: handles that are taken are found first, and
// only where somebody else takes one in that moment the rest is stored one by one.
func (s *Store) CreateMany(ctx context.Context, ids []*Identity) []error {
	errs := make([]error, len(ids))
	batch := make([]candidate, 0, len(ids))
	for n, id := range ids {
		if id == nil {
			continue // the caller refused it already
		}
		inserts, err := s.inserts(ctx, id)
		if errs[n] = err; err == nil {
			batch = append(batch, candidate{at: n, id: id, inserts: inserts, handles: wanted(id)})
		}
	}
	free, err := s.free(ctx, batch, errs)
	if err == nil {
		err = s.insertBatch(ctx, free)
	}
	switch {
	case err == nil:
	case errors.Is(err, sqldb.ErrDuplicate):
		for _, c := range free {
			errs[c.at] = s.Conflict(ctx, c.id, exists(s.insertBatch(ctx, []candidate{c})))
		}
	default:
		for _, c := range batch {
			if errs[c.at] == nil {
				errs[c.at] = err
			}
		}
	}
	return errs
}

// candidate is an identity of a batch that may be stored.
type candidate struct {
	at      int
	id      *Identity
	inserts []sqldb.Insert
	handles []unique
}

// free returns the candidates whose handles are nobody's, and says of the others why not.
func (s *Store) free(ctx context.Context, batch []candidate, errs []error) ([]candidate, error) {
	var all []unique
	for _, c := range batch {
		all = append(all, c.handles...)
	}
	owners, err := s.owners(ctx, s.db, all)
	if err != nil {
		return nil, err
	}
	free := make([]candidate, 0, len(batch))
	for _, c := range batch {
		var kinds []string
		for _, h := range c.handles {
			if _, ok := owners[h]; ok {
				kinds = append(kinds, h.kind)
			}
		}
		if len(kinds) > 0 {
			errs[c.at] = ErrExists.Because(&taken{kinds})
			continue
		}
		for _, h := range c.handles { // of two in one batch the first has it
			owners[h] = c.id.ID
		}
		free = append(free, c)
	}
	return free, nil
}

// insertBatch stores candidates, all or none.
func (s *Store) insertBatch(ctx context.Context, batch []candidate) error {
	if len(batch) == 0 {
		return nil
	}
	inserts := make([]sqldb.Insert, 0, len(batch[0].inserts)+1)
	for i, in := range batch[0].inserts {
		all := sqldb.Insert{Table: in.Table, Columns: in.Columns}
		for _, c := range batch {
			all.Rows = append(all.Rows, c.inserts[i].Rows...)
		}
		inserts = append(inserts, all)
	}
	told, err := activity.Insert(ctx, s.db, imported(batch)...)
	if err != nil {
		return err
	}
	if err := s.db.InsertAll(ctx, append(inserts, told)...); err != nil {
		return err
	}
	for _, c := range batch {
		c.id.created()
	}
	return nil
}
