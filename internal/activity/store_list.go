package activity

import "context"

// List returns lines of the context's tenant: one statement.
func (s *Store) List(ctx context.Context, f Filter) ([]Line, error) {
	query, args := `SELECT `+lineSelected+` FROM activity WHERE tenant_id = :tenant`, []any{}
	where := func(condition string, arg any) { query, args = query+condition, append(args, arg) }
	if f.Actor != "" {
		where(` AND actor_id = ?`, key(f.Actor))
	}
	if f.Subject != "" {
		where(` AND subject_id = ?`, key(f.Subject))
	}
	if f.Action != "" {
		where(` AND action IN (?)`, actions(f.Action))
	}
	if !f.From.IsZero() {
		where(` AND happened_at >= ?`, f.From)
	}
	if !f.To.IsZero() {
		where(` AND happened_at < ?`, f.To)
	}
	switch {
	case f.After > 0 && f.Forward:
		where(` AND seq > ?`, f.After)
	case f.After > 0:
		where(` AND seq < ?`, f.After)
	}
	order := ` ORDER BY seq DESC LIMIT ?`
	if f.Forward {
		order = ` ORDER BY seq LIMIT ?`
	}
	return scanLines(s.db.Query(ctx, query+order, append(args, f.Limit)...))
}
