package activity

import (
	"context"
	"errors"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// Page is a part of a list.
type Page struct {
	Lines []Line
	// Next is the Filter.After of the next page, 0 where there is none.
	Next int64
}

const (
	// span is how many lines one statement looks through at most, and spans how many statements a page of few matches takes: no database is
	// kept from looking at every line of a log, whatever indexes there are, and a log may have hundreds of millions.
	span  = 50_000
	spans = 20
)

// List returns lines of the context's tenant. Where few match, a page may have fewer than the limit, or none, and still one behind it.
func (s *Store) List(ctx context.Context, f Filter) (p Page, err error) {
	var first, last int64
	err = s.db.QueryRow(ctx, `SELECT first, seq FROM activity_head WHERE tenant_id = :tenant`).Scan(&first, &last)
	if errors.Is(err, sqldb.ErrNoRows) {
		return p, nil
	}
	if err != nil {
		return p, err
	}
	switch {
	case f.After > 0 && f.Forward:
		first = max(first, f.After+1)
	case f.After > 0:
		last = min(last, f.After-1)
	}
	for range s.spans {
		if first > last {
			return p, nil
		}
		low, high := first, last
		if f.Forward {
			high = min(last, first+s.span-1)
		} else {
			low = max(first, last-s.span+1)
		}
		lines, err := s.within(ctx, f, low, high, f.Limit+1-len(p.Lines)) // one more tells whether there is a next page
		if err != nil {
			return p, err
		}
		if p.Lines = append(p.Lines, lines...); len(p.Lines) > f.Limit {
			p.Lines = p.Lines[:f.Limit]
			p.Next = p.Lines[f.Limit-1].Seq
			return p, nil
		}
		if f.Forward {
			first = high + 1
		} else {
			last = low - 1
		}
	}
	if first <= last && f.Forward {
		p.Next = first - 1
	} else if first <= last {
		p.Next = last + 1
	}
	return p, nil
}

// within returns matching lines between two numbers: one statement.
func (s *Store) within(ctx context.Context, f Filter, low, high int64, limit int) ([]Line, error) {
	query, args := `SELECT `+lineSelected+` FROM activity WHERE tenant_id = :tenant AND seq >= ? AND seq <= ?`, []any{low, high}
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
	order := ` ORDER BY seq DESC LIMIT ?`
	if f.Forward {
		order = ` ORDER BY seq LIMIT ?`
	}
	return scanLines(s.db.Query(ctx, query+order, append(args, limit)...))
}
