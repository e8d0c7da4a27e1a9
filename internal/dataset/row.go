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

// cutRow reads the first row of b, and says how many bytes it has. text is the same as b: values share its memory.
func cutRow(b []byte, text string, columns []migrations.Column) (row Row, at int, err error) {
	row = make(Row, len(columns))
	for i, c := range columns {
		n, used := binary.Uvarint(b[at:])
		if used <= 0 {
			return nil, 0, errRow
		}
		at += used
		switch {
		case n == 0:
			if !c.Null {
				return nil, 0, errRow
			}
			row[i].Null = true
		case textual(c.Kind):
			if n-1 > uint64(len(b)-at) {
				return nil, 0, errRow
			}
			row[i].Text = text[at : at+int(n-1)]
			at += int(n - 1)
		default:
			number, used := binary.Varint(b[at:])
			if n != 1 || used <= 0 || c.Kind == migrations.Bool && number != 0 && number != 1 {
				return nil, 0, errRow
			}
			row[i].Number = number
			at += used
		}
	}
	return row, at, nil
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

// sorted are the columns by which databases are asked to order rows: those of the key, unless neighbours by key lie far apart in
// the table and another index has them as they were written. Few rows may be alike in them: these are sorted in memory.
func (t Table) sorted() []string {
	if t.Name == "identity_handle" {
		return []string{"tenant_id", "identity_id"}
	}
	return t.Key
}

// order is where the columns are by which rows come: those of sorted, and where these are alike, the others of the key.
func (t Table) order() []int {
	at := make([]int, 0, len(t.Columns))
	for _, name := range slices.Concat(t.sorted(), t.Key) {
		i := slices.IndexFunc(t.Columns, func(c migrations.Column) bool { return c.Name == name })
		if !slices.Contains(at, i) {
			at = append(at, i)
		}
	}
	return at
}

// compare orders two rows by some of their columns, as every database orders them.
func compare(a, b Row, columns []migrations.Column, by []int) int {
	for _, i := range by {
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
