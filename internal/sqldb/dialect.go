package sqldb

import "strings"

// Dialect is the kind of database behind a handle. Code that needs to know it asks for a capability, not for
// a name; a store that compares dialects has found something that belongs here.
type Dialect uint8

// The dialects. CockroachDB speaks PostgreSQL's with its own rules for retries.
const (
	SQLite Dialect = iota + 1
	PostgreSQL
	MySQL
	CockroachDB
)

// String returns the name that DSNs and golden files use.
func (d Dialect) String() string {
	switch d {
	case SQLite:
		return "sqlite"
	case PostgreSQL:
		return "postgres"
	case MySQL:
		return "mysql"
	case CockroachDB:
		return "cockroach"
	default:
		return "unknown"
	}
}

// numbered reports whether bind marks are $1, $2 rather than ?.
func (d Dialect) numbered() bool { return d == PostgreSQL || d == CockroachDB }

// ForUpdate returns the clause that locks the selected rows until the end of the transaction, with a leading
// blank; it is empty on SQLite, where a transaction is the only writer anyway.
func (d Dialect) ForUpdate() string {
	if d == SQLite {
		return ""
	}
	return " FOR UPDATE"
}

// Upsert returns the tail of an INSERT that updates the row instead when one with the same key is there: the
// columns of set take the values that would have been inserted. With no column to set, the old row stays.
func (d Dialect) Upsert(key []string, set ...string) string {
	var b strings.Builder
	if d == MySQL {
		b.WriteString(" ON DUPLICATE KEY UPDATE ")
		if len(set) == 0 {
			b.WriteString(key[0] + " = " + key[0])
		}
		for i, c := range set {
			comma(&b, i)
			b.WriteString(c + " = VALUES(" + c + ")")
		}
		return b.String()
	}
	b.WriteString(" ON CONFLICT (" + strings.Join(key, ", ") + ")")
	if len(set) == 0 {
		b.WriteString(" DO NOTHING")
		return b.String()
	}
	b.WriteString(" DO UPDATE SET ")
	for i, c := range set {
		comma(&b, i)
		b.WriteString(c + " = excluded." + c)
	}
	return b.String()
}

// Behind returns the condition of rows that stand behind the row with the values in the order of the columns, and its arguments.
// The columns are those of an index, all rising, and the database begins to read there: a walk in batches does not read again
// what it has passed.
func (d Dialect) Behind(columns []string, values []string) (condition string, args []any) {
	if d != MySQL {
		for _, v := range values {
			args = append(args, v)
		}
		return "(" + strings.Join(columns, ", ") + ") > (?" + strings.Repeat(", ?", len(columns)-1) + ")", args
	}
	// MySQL and MariaDB find no way through an index by a comparison of rows, and the others none by this.
	var behind []string
	for i, name := range columns {
		terms := make([]string, 0, i+1)
		for j := range i {
			terms = append(terms, columns[j]+" = ?")
			args = append(args, values[j])
		}
		behind = append(behind, strings.Join(append(terms, name+" > ?"), " AND "))
		args = append(args, values[i])
	}
	return "(" + strings.Join(behind, " OR ") + ")", args
}

func comma(b *strings.Builder, i int) {
	if i > 0 {
		b.WriteString(", ")
	}
}
