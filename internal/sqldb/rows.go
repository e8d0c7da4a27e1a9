package sqldb

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// NullTime is a time column that may be NULL. A plain time.Time does as well: NULL reads as its zero value.
type NullTime = sql.NullTime

// Rows is the answer to a Query. Close it, or read it to the end, before the next statement of the same
// transaction.
type Rows struct {
	core *core
	ctx  context.Context //nolint:containedctx // rows live as long as the call that made them
	text string
	tx   *Tx // whose statement it was, to note a failure; may be nil

	pg  pgx.Rows
	bin bool // pg's values are in their binary form, as far as Cells has looked
	std *sql.Rows
	mem *buffered
}

// Next prepares the next row for Scan; false at the end or after an error, which Err tells.
func (r *Rows) Next() bool {
	switch {
	case r.pg != nil:
		return r.pg.Next()
	case r.mem != nil:
		return r.mem.next()
	default:
		return r.std.Next()
	}
}

// Scan copies the columns of the row to dest. Times arrive in UTC; a NULL time is the zero time.
func (r *Rows) Scan(dest ...any) error {
	if err := r.scan(dest); err != nil {
		// The driver's words may quote the value, but only to say that it does not fit the target's type.
		return r.note(&Error{Statement: short(r.text), cause: err})
	}
	return nil
}

func (r *Rows) note(err error) error {
	if r.tx != nil {
		return r.tx.note(err)
	}
	return err
}

func (r *Rows) scan(dest []any) error {
	wrapped := wrapDest(dest)
	switch {
	case r.pg != nil:
		return r.pg.Scan(wrapped...)
	case r.mem != nil:
		return r.mem.scan(wrapped)
	default:
		return r.std.Scan(wrapped...)
	}
}

// Err returns the error that ended Next early.
func (r *Rows) Err() error {
	var err error
	switch {
	case r.pg != nil:
		err = r.pg.Err()
	case r.mem != nil:
		return nil
	default:
		err = r.std.Err()
	}
	return r.note(r.core.wrap(r.ctx, r.text, err))
}

// Close gives the connection back; it may be called more than once.
func (r *Rows) Close() error {
	switch {
	case r.pg != nil:
		r.pg.Close()
		return r.Err() // pgx learns of some failures only now
	case r.mem != nil:
		return nil
	default:
		return r.note(r.core.wrap(r.ctx, r.text, r.std.Close()))
	}
}

// Row is the answer to a QueryRow.
type Row struct {
	rows Rows
	err  error
}

// Scan copies the first row's columns to dest, or returns ErrNoRows.
func (r *Row) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	defer func() { _ = r.rows.Close() }()
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return ErrNoRows
	}
	if err := r.rows.Scan(dest...); err != nil {
		return err
	}
	// Closing first brings out an error that came after the row.
	if err := r.rows.Close(); err != nil {
		return err
	}
	return r.rows.Err()
}

// wrapDest replaces the targets that the drivers would fill differently. It copies only when it must.
func wrapDest(dest []any) []any {
	var wrapped []any
	for i, d := range dest {
		var w any
		switch t := d.(type) {
		case *time.Time:
			w = &timeDest{set: func(v time.Time, _ bool) { *t = v }}
		case **time.Time:
			w = &timeDest{set: func(v time.Time, ok bool) {
				*t = nil
				if ok {
					*t = &v
				}
			}}
		case *sql.NullTime:
			w = &timeDest{set: func(v time.Time, ok bool) { *t = sql.NullTime{Time: v, Valid: ok} }}
		case *json.RawMessage:
			w = (*[]byte)(t)
		default:
			continue
		}
		if wrapped == nil {
			wrapped = append([]any(nil), dest...)
		}
		wrapped[i] = w
	}
	if wrapped == nil {
		return dest
	}
	return wrapped
}

// timeDest takes a time from any driver: pgx hands over a Timestamptz, MySQL a time, SQLite microseconds.
type timeDest struct {
	set func(t time.Time, valid bool)
}

var errInfinite = errors.New("an infinite time")

// ScanTimestamptz implements pgtype.TimestamptzScanner.
func (d *timeDest) ScanTimestamptz(v pgtype.Timestamptz) error {
	if v.InfinityModifier != pgtype.Finite {
		return errInfinite
	}
	d.set(v.Time.UTC(), v.Valid)
	return nil
}

// Scan implements sql.Scanner.
func (d *timeDest) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		d.set(time.Time{}, false)
	case time.Time:
		d.set(v.UTC(), true)
	case int64:
		d.set(time.UnixMicro(v).UTC(), true)
	default:
		return fmt.Errorf("a time column gave %T", src)
	}
	return nil
}
