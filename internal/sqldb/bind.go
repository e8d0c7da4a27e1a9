package sqldb

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// prepare gives the text and the arguments as the driver wants them, and is the one place where the tenant is
// bound: a statement that does not name it, or a context without it, goes no further unless all tenants were
// asked for.
func (c *core) prepare(ctx context.Context, all bool, text string, args []any) (string, []any, error) {
	s, err := c.texts.get(text)
	if err != nil {
		return "", nil, err
	}
	if !s.tenant && !all {
		return "", nil, &Error{Statement: short(text), cause: ErrUnbound}
	}
	if s.args != len(args) {
		return "", nil, &Error{Statement: short(text), cause: fmt.Errorf("%d arguments for %d marks", len(args), s.args)}
	}
	var id tenant.ID
	if s.tenant {
		var ok bool
		if id, ok = tenant.From(ctx); !ok {
			return "", nil, &Error{Statement: short(text), cause: ErrNoTenant}
		}
	}
	if s.lists {
		if lists := listLengths(c.dialect, s, args); lists != nil {
			return c.bindLists(s, lists, args, id)
		}
	}
	bound := make([]any, len(s.plain.slots))
	for i, slot := range s.plain.slots {
		if slot == slotTenant {
			bound[i] = string(id)
			continue
		}
		bound[i] = c.value(args[slot])
	}
	return s.plain.text, bound, nil
}

// listLengths returns for each mark how many values it takes, padded to a power of two so that few texts
// serve every length; nil when no argument is a list.
func listLengths(d Dialect, s *statement, args []any) []int {
	var lengths []int
	for i, m := range s.marks {
		if !m.list {
			continue
		}
		n, ok := listLen(args[m.slot])
		if !ok {
			continue
		}
		if lengths == nil {
			lengths = make([]int, len(s.marks))
		}
		if d.numbered() {
			lengths[i] = 1
			continue
		}
		lengths[i] = 1
		for lengths[i] < n {
			lengths[i] *= 2
		}
	}
	return lengths
}

func listLen(arg any) (int, bool) {
	switch a := arg.(type) {
	case []string:
		return len(a), true
	case []int64:
		return len(a), true
	default:
		return 0, false
	}
}

// bindLists spreads the slices over their marks. A slice shorter than its marks repeats its last value, which
// changes nothing inside IN; an empty one matches nothing.
func (c *core) bindLists(s *statement, lists []int, args []any, id tenant.ID) (string, []any, error) {
	r := c.texts.rendering(s, lists)
	if c.dialect.numbered() {
		bound := make([]any, len(r.slots))
		for i, slot := range r.slots {
			switch {
			case slot == slotTenant:
				bound[i] = string(id)
			default:
				bound[i] = c.value(args[slot])
			}
		}
		return r.text, bound, nil
	}
	var bound []any
	for i, m := range s.marks {
		switch {
		case m.slot == slotTenant:
			bound = append(bound, string(id))
		case lists[i] > 0:
			bound = appendPadded(bound, args[m.slot], lists[i])
		default:
			bound = append(bound, c.value(args[m.slot]))
		}
	}
	return r.text, bound, nil
}

func appendPadded(bound []any, list any, n int) []any {
	start := len(bound)
	switch a := list.(type) {
	case []string:
		for _, v := range a {
			bound = append(bound, v)
		}
	case []int64:
		for _, v := range a {
			bound = append(bound, v)
		}
	}
	var last any
	if len(bound) > start {
		last = bound[len(bound)-1]
	}
	for len(bound)-start < n {
		bound = append(bound, last)
	}
	return bound
}

// value makes an argument mean the same on every database: a zero time is NULL, times are UTC microseconds
// (a number on SQLite), JSON is text, and a named string is a string.
func (c *core) value(arg any) any {
	switch a := arg.(type) {
	case nil, string, int64, bool, []byte, []string, []int64:
		return arg
	case int:
		return int64(a)
	case time.Time:
		return c.time(a)
	case *time.Time:
		if a == nil {
			return nil
		}
		return c.time(*a)
	case NullTime:
		if !a.Valid {
			return nil
		}
		return c.time(a.Time)
	case json.RawMessage:
		if a == nil {
			return nil
		}
		return string(a)
	case tenant.ID:
		return string(a)
	case driver.Valuer:
		return arg
	}
	switch v := reflect.ValueOf(arg); v.Kind() {
	case reflect.String:
		return v.String()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int()
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return int64(v.Uint())
	case reflect.Bool:
		return v.Bool()
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return c.value(v.Elem().Interface())
	default:
		return arg
	}
}

func (c *core) time(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Microsecond)
	if c.dialect == SQLite {
		return t.UnixMicro()
	}
	return t
}
