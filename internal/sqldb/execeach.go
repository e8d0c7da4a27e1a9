package sqldb

import "context"

// ExecEach runs a statement once for each list of arguments, in their order, and returns how many rows each of them matched.
// On PostgreSQL they leave in one exchange, so that a batch of guarded updates waits once.
func (tx *Tx) ExecEach(ctx context.Context, query string, each [][]any) ([]int64, error) {
	counts := make([]int64, len(each))
	if tx.pg == nil {
		for i, args := range each {
			var err error
			if counts[i], err = tx.Exec(ctx, query, args...); err != nil {
				return nil, err
			}
		}
		return counts, nil
	}
	list := make([]ahead, len(each))
	for i, args := range each {
		text, bound, err := tx.core.prepare(ctx, tx.all, query, args)
		if err != nil {
			return nil, tx.note(err)
		}
		list[i] = ahead{text: text, bound: bound}
	}
	if len(list) == 0 {
		return counts, nil
	}
	tx.core.count.Add(uint64(len(list)))
	tags, err := tx.pg.execEach(ctx, list)
	if err != nil {
		return nil, tx.note(tx.core.wrap(ctx, query, err))
	}
	for i, tag := range tags {
		counts[i] = tag.RowsAffected()
	}
	return counts, nil
}
