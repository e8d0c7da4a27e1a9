package sqldb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// Cell is one value as Rows.Cells reads it. Reading millions of rows that way allocates nothing for each.
type Cell struct {
	// Textual is said by whoever reads: the column holds text or bytes, and not a number, a time or a truth value.
	Textual bool
	// Null says that there is no value.
	Null bool
	// Bytes is what a textual column holds, good until the next row.
	Bytes []byte
	// Number is an integer, a time in microseconds since 1970, or 1 and 0 for true and false.
	Number int64

	own []byte // Bytes, where the driver does not lend its own
}

// Cells reads the row into cells, one for each column.
func (r *Rows) Cells(into []Cell) error {
	if r.bin = r.bin || r.pg != nil && r.binary(); r.bin {
		if err := cells(r.pg.FieldDescriptions(), r.pg.RawValues(), into); err != nil {
			return r.note(&Error{Statement: short(r.text), cause: err})
		}
		return nil
	}
	dest := make([]any, len(into))
	for i := range into {
		dest[i] = &into[i]
	}
	return r.Scan(dest...)
}

// binary tells whether PostgreSQL sends numbers in their binary form: where statements are not prepared, they come as text.
func (r *Rows) binary() bool {
	for _, f := range r.pg.FieldDescriptions() {
		if f.Format != pgx.BinaryFormatCode && f.DataTypeOID != pgtype.TextOID {
			return false
		}
	}
	return true
}

// pgEpoch is the time from which PostgreSQL counts, in microseconds since 1970: the beginning of 2000.
const pgEpoch = 946_684_800_000_000

// cells reads PostgreSQL's binary form of the types that migrations use.
func cells(fields []pgconn.FieldDescription, raw [][]byte, into []Cell) error {
	if len(raw) != len(into) {
		return fmt.Errorf("%d columns instead of %d", len(raw), len(into))
	}
	for i, b := range raw {
		c := &into[i]
		c.Null, c.Bytes, c.Number = b == nil, nil, 0
		switch oid := fields[i].DataTypeOID; {
		case c.Null:
		case c.Textual && (oid == pgtype.TextOID || oid == pgtype.ByteaOID):
			c.Bytes = b
		case c.Textual:
			return errCell
		case oid == pgtype.Int8OID && len(b) == 8:
			c.Number = int64(binary.BigEndian.Uint64(b))
		case oid == pgtype.TimestamptzOID && len(b) == 8:
			if c.Number = int64(binary.BigEndian.Uint64(b)); c.Number == math.MaxInt64 || c.Number == math.MinInt64 {
				return errInfinite
			}
			c.Number += pgEpoch
		case oid == pgtype.BoolOID && len(b) == 1:
			c.Number = int64(b[0])
		default:
			return errCell
		}
	}
	return nil
}

var errCell = errors.New("a column holds what its kind does not")

// Scan implements sql.Scanner, for the drivers that have no such form.
func (c *Cell) Scan(src any) error {
	c.Null, c.Bytes, c.Number = src == nil, nil, 0
	textual := c.Textual && c.Null
	switch v := src.(type) {
	case nil:
	case string:
		c.own, textual = append(c.own[:0], v...), true
		c.Bytes = c.own
	case []byte:
		c.own, textual = append(c.own[:0], v...), true
		c.Bytes = c.own
	case int64:
		c.Number = v
	case bool:
		if v {
			c.Number = 1
		}
	case time.Time:
		c.Number = v.UnixMicro()
	default:
		return fmt.Errorf("a column gave %T", src)
	}
	if textual != c.Textual {
		return errCell
	}
	return nil
}
