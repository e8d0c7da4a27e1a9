package sqldb

import (
	"database/sql"
	"fmt"
	"reflect"
	"strconv"
)

// buffered holds an answer read to its end. The memory database has one connection, so an answer that is
// still being read would stand in the way of every other statement.
type buffered struct {
	rows [][]any
	at   int // index of the current row plus one
}

func buffer(rows *sql.Rows) (*buffered, error) {
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	b := &buffered{}
	for rows.Next() {
		row := make([]any, len(columns))
		dest := make([]any, len(columns))
		for i := range row {
			dest[i] = &row[i]
		}
		if err := rows.Scan(dest...); err != nil {
			return nil, err
		}
		b.rows = append(b.rows, row)
	}
	return b, rows.Err()
}

func (b *buffered) next() bool {
	if b.at >= len(b.rows) {
		return false
	}
	b.at++
	return true
}

func (b *buffered) scan(dest []any) error {
	if b.at == 0 || b.at > len(b.rows) {
		return fmt.Errorf("scan without a row")
	}
	row := b.rows[b.at-1]
	if len(row) != len(dest) {
		return fmt.Errorf("%d columns for %d targets", len(row), len(dest))
	}
	for i, d := range dest {
		if err := assign(d, row[i]); err != nil {
			return fmt.Errorf("column %d: %w", i, err)
		}
	}
	return nil
}

// assign puts a value of SQLite's (int64, float64, string, []byte or nil) where d points, by the rules of
// database/sql as far as the types we use go.
func assign(d, src any) error {
	switch t := d.(type) {
	case sql.Scanner:
		return t.Scan(src)
	case *any:
		*t = src
		return nil
	case *[]byte:
		switch v := src.(type) {
		case nil:
			*t = nil
		case []byte:
			*t = append([]byte{}, v...)
		case string:
			*t = []byte(v)
		default:
			return fmt.Errorf("%T does not go into %T", src, d)
		}
		return nil
	}
	p := reflect.ValueOf(d)
	if p.Kind() != reflect.Pointer || p.IsNil() {
		return fmt.Errorf("the target %T is no pointer", d)
	}
	return assignTo(p.Elem(), src)
}

func assignTo(v reflect.Value, src any) error {
	if v.Kind() == reflect.Pointer {
		if src == nil {
			v.SetZero()
			return nil
		}
		v.Set(reflect.New(v.Type().Elem()))
		return assign(v.Interface(), src)
	}
	text := fmt.Sprint(src)
	if raw, ok := src.([]byte); ok {
		text = string(raw)
	}
	switch {
	case src == nil:
		return fmt.Errorf("NULL does not go into %s", v.Type())
	case v.Kind() == reflect.String:
		v.SetString(text)
		return nil
	case v.CanInt():
		n, err := strconv.ParseInt(text, 10, v.Type().Bits())
		v.SetInt(n)
		return err
	case v.CanUint():
		n, err := strconv.ParseUint(text, 10, v.Type().Bits())
		v.SetUint(n)
		return err
	case v.CanFloat():
		n, err := strconv.ParseFloat(text, v.Type().Bits())
		v.SetFloat(n)
		return err
	case v.Kind() == reflect.Bool:
		b, err := strconv.ParseBool(text)
		v.SetBool(b)
		return err
	default:
		return fmt.Errorf("%T does not go into %s", src, v.Type())
	}
}
