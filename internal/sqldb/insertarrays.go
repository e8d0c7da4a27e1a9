package sqldb

import (
	"context"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

// insertArrays sends each column as one array: one text, planned once, serves any number of rows.
func (c *core) insertArrays(ctx context.Context, table string, columns []string, rows [][]any, run runner) (int64, error) {
	text, err := c.arrayText(ctx, table, columns, run)
	if err != nil {
		return 0, err
	}
	bound := make([]any, len(columns))
	for i := range columns {
		bound[i] = &column{core: c, rows: rows, i: i}
	}
	c.count.Add(1)
	n, err := run.exec(ctx, text, bound)
	return n, c.wrap(ctx, "INSERT INTO "+table, err)
}

func (c *core) arrayText(ctx context.Context, table string, columns []string, run runner) (string, error) {
	key := insertKey{table: table, columns: strings.Join(columns, ", ")}
	if text, ok := c.inserts.Load(key); ok {
		return text.(string), nil
	}
	types, err := c.columnTypes(ctx, table, run)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("INSERT INTO " + table + " (" + key.columns + ") SELECT " + key.columns + " FROM unnest(")
	for i, name := range columns {
		if types[name] == "" {
			return "", &Error{Statement: "INSERT INTO " + table, cause: errors.New("the table has no column " + name)}
		}
		comma(&b, i)
		fmt.Fprintf(&b, "$%d::%s[]", i+1, types[name])
	}
	b.WriteString(") AS given (" + key.columns + ")")
	c.inserts.Store(key, b.String())
	return b.String(), nil
}

// columnTypes asks the catalog, once per text.
func (c *core) columnTypes(ctx context.Context, table string, run runner) (map[string]string, error) {
	rows, err := run.catalog.Query(ctx, `SELECT attname, atttypid::regtype::text FROM pg_attribute
		WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped`, table)
	if err != nil {
		return nil, c.wrap(ctx, "INSERT INTO "+table, err)
	}
	defer rows.Close()
	types := make(map[string]string)
	for rows.Next() {
		var name, typ string
		if err := rows.Scan(&name, &typ); err != nil {
			return nil, c.wrap(ctx, "INSERT INTO "+table, err)
		}
		types[name] = typ
	}
	return types, c.wrap(ctx, "INSERT INTO "+table, rows.Err())
}

// column is one column of many rows, as pgx wants an array.
type column struct {
	core *core
	rows [][]any
	i    int
}

var (
	_ pgtype.ArrayGetter = (*column)(nil)
	_ driver.Valuer      = (*column)(nil)
)

// Dimensions implements pgtype.ArrayGetter.
func (c *column) Dimensions() []pgtype.ArrayDimension {
	return []pgtype.ArrayDimension{{Length: int32(len(c.rows)), LowerBound: 1}}
}

// Index implements pgtype.ArrayGetter.
func (c *column) Index(i int) any { return c.core.value(c.rows[i][c.i]) }

// IndexType implements pgtype.ArrayGetter.
func (c *column) IndexType() any {
	for i := range c.rows {
		if v := c.Index(i); v != nil {
			return v
		}
	}
	return nil
}

// Value implements driver.Valuer, for connections that prepare nothing (default_query_exec_mode=exec): the driver does not know the
// parameters' types there, and the server reads them as text.
func (c *column) Value() (driver.Value, error) {
	text := []byte{'{'}
	for i := range c.rows {
		if i > 0 {
			text = append(text, ',')
		}
		var err error
		if text, err = appendElement(text, c.Index(i)); err != nil {
			return nil, err
		}
	}
	return string(append(text, '}')), nil
}

// element is what has a meaning in the text of an array.
var element = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// appendElement writes a value as PostgreSQL reads it in the text of an array.
func appendElement(text []byte, value any) ([]byte, error) {
	if v, ok := value.(driver.Valuer); ok {
		var err error
		if value, err = v.Value(); err != nil {
			return nil, err
		}
	}
	switch v := value.(type) {
	case nil:
		return append(text, "NULL"...), nil
	case string:
		return append(text, `"`+element.Replace(v)+`"`...), nil
	case []byte:
		return append(hex.AppendEncode(append(text, `"\\x`...), v), '"'), nil
	case int64:
		return strconv.AppendInt(text, v, 10), nil
	case bool:
		return strconv.AppendBool(text, v), nil
	case time.Time:
		return v.AppendFormat(text, `"2006-01-02 15:04:05.999999Z07:00"`), nil
	default:
		return nil, fmt.Errorf("a value of type %T cannot be part of an array", value)
	}
}
