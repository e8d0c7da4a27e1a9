package dataset

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/migrations"
)

// Table is a table of a logical database.
type Table struct {
	// Database is the logical database: management, oauth, activity or flow.
	Database string `json:"database"`
	migrations.Table
}

// Value is one value of a row. Its column says which of the two it is.
type Value struct {
	// Null says that there is none.
	Null bool
	// Text is the content of a text or blob.
	Text string
	// Number is an integer, a time in microseconds since 1970, or 1 and 0 for true and false.
	Number int64
}

// Row is one row, its values in the order of the table's columns.
type Row []Value

// textual tells which of Value's fields a kind uses.
func textual(k migrations.Kind) bool { return k == migrations.Text || k == migrations.Blob }

// argument is the value as a statement takes it.
func (v Value) argument(k migrations.Kind) any {
	switch {
	case v.Null:
		return nil
	case k == migrations.Text:
		return v.Text
	case k == migrations.Blob:
		return []byte(v.Text)
	case k == migrations.Time:
		return time.UnixMicro(v.Number).UTC()
	case k == migrations.Bool:
		return v.Number != 0
	default:
		return v.Number
	}
}

// appendRow writes a row in the form that the package comment describes.
func appendRow(b []byte, columns []migrations.Column, row Row) []byte {
	for i, v := range row {
		switch {
		case v.Null:
			b = append(b, 0)
		case textual(columns[i].Kind):
			b = binary.AppendUvarint(b, uint64(len(v.Text))+1)
			b = append(b, v.Text...)
		default:
			b = append(b, 1)
			b = binary.AppendVarint(b, v.Number)
		}
	}
	return b
}

// errRow says that bytes are not what appendRow made.
var errRow = fmt.Errorf("%w: a row cannot be read", ErrBroken)

// cutRow reads one row and returns what follows it.
func cutRow(b []byte, columns []migrations.Column) (Row, []byte, error) {
	row := make(Row, len(columns))
	for i, c := range columns {
		n, used := binary.Uvarint(b)
		if used <= 0 {
			return nil, nil, errRow
		}
		b = b[used:]
		switch {
		case n == 0:
			if !c.Null {
				return nil, nil, errRow
			}
			row[i].Null = true
		case textual(c.Kind):
			if n-1 > uint64(len(b)) {
				return nil, nil, errRow
			}
			row[i].Text, b = string(b[:n-1]), b[n-1:]
		default:
			number, used := binary.Varint(b)
			if n != 1 || used <= 0 || c.Kind == migrations.Bool && number != 0 && number != 1 {
				return nil, nil, errRow
			}
			row[i].Number, b = number, b[used:]
		}
	}
	return row, b, nil
}

// valid tells whether a description can be one of ours: it may come from a file.
func (t Table) valid() bool {
	known := []migrations.Kind{migrations.Text, migrations.Time, migrations.Bool, migrations.Int, migrations.Blob}
	return len(t.Columns) > 0 && len(t.Key) > 0 && len(t.key()) == len(t.Key) &&
		!slices.ContainsFunc(t.Columns, func(c migrations.Column) bool { return !slices.Contains(known, c.Kind) })
}

// describe is what the digest says of the table itself: what a name or a kind is changed to changes it too.
func (t Table) describe() []byte {
	b := append([]byte(t.Database), '.')
	b = append(append(b, t.Name...), '(')
	for _, c := range t.Columns {
		b = append(append(append(b, c.Name...), ' '), c.Kind...)
		b = append(strconv.AppendBool(append(b, ' '), c.Null), ',')
	}
	return append(append(b, strings.Join(t.Key, ",")...), ')')
}

// key is where the columns of the table's key are.
func (t Table) key() []int {
	at := make([]int, 0, len(t.Key))
	for _, name := range t.Key {
		for i, c := range t.Columns {
			if c.Name == name {
				at = append(at, i)
			}
		}
	}
	return at
}

// compare orders two rows by the columns of their key, as every database orders them.
func compare(a, b Row, columns []migrations.Column, key []int) int {
	for _, i := range key {
		var c int
		if textual(columns[i].Kind) {
			c = strings.Compare(a[i].Text, b[i].Text)
		} else {
			c = cmp.Compare(a[i].Number, b[i].Number)
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

// equal tells whether two rows hold the same.
func equal(a, b Row) bool { return slices.Equal(a, b) }
