package migrations

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// Kind is what a column's values are, whatever the database calls them.
type Kind string

// The kinds of columns. Several words of a migration mean text.
const (
	Text Kind = "text"
	Time Kind = "time"
	Bool Kind = "bool"
	Int  Kind = "int"
	Blob Kind = "blob"
	// counted is the kind of a key that the database counts.
	counted Kind = "counted"
)

// Column is one column of a table.
type Column struct {
	Name string `json:"name"`
	Kind Kind   `json:"kind"`
	// Null says that it may be empty.
	Null bool `json:"null,omitempty"`
}

// Table is a table as all migrations together leave it.
type Table struct {
	Name    string   `json:"name"`
	Columns []Column `json:"columns"`
	// Key are the names of the primary key's columns. Ordered by them, rows come alike from every database: identifiers
	// compare byte by byte everywhere.
	Key []string `json:"key"`
	// Seeded says that migrations write rows into it, so that it is not empty in a database that nobody has used.
	Seeded bool `json:"-"`
}

// stays tells tables that speak of one database and would be wrong of another: the state that package dataset keeps, which
// servers run, how backups went, and those whose key the database counts, such as the change feed.
func stays(t Table) bool {
	return slices.Contains([]string{"data_state", "seal_server", "backup_job"}, t.Name) || slices.ContainsFunc(t.Columns, func(c Column) bool { return c.Kind == counted })
}

// Tables returns what of a logical database is worth keeping elsewhere, in the order in which it was made. Left out are
// tables that speak of the database itself: its change feed, its state, its servers.
func Tables(logical string) ([]Table, error) {
	newest, err := Newest(logical)
	if err != nil {
		return nil, err
	}
	return TablesAt(logical, newest)
}

// TablesAt returns what Tables returned when version was the newest.
func TablesAt(logical string, version int64) ([]Table, error) {
	all, err := Rendered(sqldb.PostgreSQL, logical) // whose types tell all kinds apart
	if err != nil {
		return nil, err
	}
	tables, err := catalogue(logical, upTo(all, version))
	return slices.DeleteFunc(tables, stays), err
}

// catalogue applies migrations, one after the other, to no table at all.
func catalogue(logical string, all []Migration) (tables []Table, err error) {
	for _, m := range all {
		for _, s := range split(m.SQL) {
			if tables, err = alter(tables, comments.ReplaceAllString(s, "")); err != nil {
				return nil, fmt.Errorf("migration %s/%s: %w", logical, m.Name, err)
			}
		}
	}
	return tables, nil
}

var (
	comments   = regexp.MustCompile(`(?m)--.*$`)
	makesTable = regexp.MustCompile(`(?s)^\s*CREATE TABLE (\w+) \(\n(.*)\n\)\s*$`)
	addsColumn = regexp.MustCompile(`^\s*ALTER TABLE (\w+) ADD COLUMN (.+?)\s*$`)
	dropColumn = regexp.MustCompile(`^\s*ALTER TABLE (\w+) DROP COLUMN (\w+)\s*$`)
	seedsTable = regexp.MustCompile(`^\s*INSERT INTO (\w+)`)
	dropTable  = regexp.MustCompile(`^\s*DROP TABLE (\w+)\s*$`)
	// noSchema are statements that leave tables and columns as they are.
	noSchema = regexp.MustCompile(`^\s*(CREATE (UNIQUE )?INDEX|DROP INDEX|UPDATE|DELETE)\b`)
	aColumn  = regexp.MustCompile(`^(\w+)\s+(text COLLATE "C"|text|timestamptz|boolean|bytea|bigint GENERATED ALWAYS AS IDENTITY|bigint)\b?(.*)$`)
	theKey   = regexp.MustCompile(`^PRIMARY KEY \(([^)]*)\)$`)
)

// kinds are the types of PostgreSQL that the words render as.
var kinds = map[string]Kind{
	`text COLLATE "C"`: Text, "text": Text, "timestamptz": Time, "boolean": Bool, "bytea": Blob, "bigint": Int,
	"bigint GENERATED ALWAYS AS IDENTITY": counted,
}

// alter applies one statement. What it does not understand it refuses, so that nothing is ever left out by mistake.
func alter(tables []Table, statement string) ([]Table, error) {
	find := func(name string) (*Table, error) {
		for i := range tables {
			if tables[i].Name == name {
				return &tables[i], nil
			}
		}
		return nil, fmt.Errorf("there is no table %s", name)
	}
	if m := makesTable.FindStringSubmatch(statement); m != nil {
		t := Table{Name: m[1]}
		for line := range strings.Lines(m[2]) {
			if err := t.add(strings.TrimSuffix(strings.TrimSpace(line), ",")); err != nil {
				return nil, err
			}
		}
		return append(tables, t), nil
	}
	if m := addsColumn.FindStringSubmatch(statement); m != nil {
		t, err := find(m[1])
		if err == nil {
			err = t.add(m[2])
		}
		return tables, err
	}
	if m := dropColumn.FindStringSubmatch(statement); m != nil {
		t, err := find(m[1])
		if err == nil {
			t.Columns = slices.DeleteFunc(t.Columns, func(c Column) bool { return c.Name == m[2] })
		}
		return tables, err
	}
	if m := dropTable.FindStringSubmatch(statement); m != nil {
		return slices.DeleteFunc(tables, func(t Table) bool { return t.Name == m[1] }), nil
	}
	if m := seedsTable.FindStringSubmatch(statement); m != nil {
		t, err := find(m[1])
		if err == nil {
			t.Seeded = true
		}
		return tables, err
	}
	if noSchema.MatchString(statement) || strings.TrimSpace(statement) == "" {
		return tables, nil
	}
	return nil, fmt.Errorf("the catalogue of tables does not understand %q: teach it, or write the statement as others do", strings.TrimSpace(statement))
}

// add takes one line of a CREATE TABLE.
func (t *Table) add(line string) error {
	if line == "" {
		return nil
	}
	if m := theKey.FindStringSubmatch(line); m != nil {
		t.Key = strings.Split(strings.ReplaceAll(m[1], " ", ""), ",")
		return nil
	}
	m := aColumn.FindStringSubmatch(line)
	if m == nil {
		return fmt.Errorf("the catalogue of tables does not understand %q of table %s", line, t.Name)
	}
	if strings.Contains(m[3], "PRIMARY KEY") {
		t.Key = []string{m[1]}
	}
	t.Columns = append(t.Columns, Column{
		Name: m[1], Kind: kinds[m[2]], Null: !strings.Contains(m[3], "NOT NULL") && !strings.Contains(m[3], "PRIMARY KEY"),
	})
	return nil
}
