package migrations

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing/fstest"

	template "github.com/DataDog/datadog-agent/pkg/template/text"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

//go:embed management oauth activity flow
var sources embed.FS

// Logical returns the names of the four logical databases.
func Logical() []string { return []string{"management", "oauth", "activity", "flow"} }

// Migration is one version of a logical database, in the SQL of one dialect.
type Migration struct {
	Version int64
	// Name is the file's, for example "0003_client".
	Name string
	// SQL is what runs.
	SQL string
}

// Rendered returns the migrations of a logical database in the SQL of a dialect, in order.
func Rendered(d sqldb.Dialect, logical string) ([]Migration, error) {
	if !slices.Contains(Logical(), logical) {
		return nil, fmt.Errorf("there is no logical database %q; there are %s", logical, strings.Join(Logical(), ", "))
	}
	return render(sources, d, logical)
}

func render(files fs.FS, d sqldb.Dialect, logical string) ([]Migration, error) {
	names, err := fs.Glob(files, logical+"/*.sql")
	if err != nil {
		return nil, err
	}
	var all []Migration
	for _, path := range names { // Glob sorts
		text, err := fs.ReadFile(files, path)
		if err != nil {
			return nil, err
		}
		m, err := renderOne(d, strings.TrimSuffix(strings.TrimPrefix(path, logical+"/"), ".sql"), string(text))
		if err != nil {
			return nil, fmt.Errorf("migration %s: %w", path, err)
		}
		if n := len(all); n > 0 && all[n-1].Version == m.Version {
			return nil, fmt.Errorf("migrations %s and %s have the same version", all[n-1].Name, m.Name)
		}
		all = append(all, m)
	}
	return all, nil
}

func renderOne(d sqldb.Dialect, name, text string) (Migration, error) {
	number, _, ok := strings.Cut(name, "_")
	version, err := strconv.ParseInt(number, 10, 64)
	if !ok || err != nil || version < 1 || len(number) != 4 {
		return Migration{}, errors.New("the file's name is not NNNN_name.sql")
	}
	if err := check(text); err != nil {
		return Migration{}, err
	}
	t, err := template.New(name).Funcs(words(d)).Parse(text)
	if err != nil {
		return Migration{}, err
	}
	var b strings.Builder
	if err := t.Execute(&b, nil); err != nil {
		return Migration{}, err
	}
	statements := split(b.String())
	for i, s := range statements {
		statements[i] = finish(d, s)
	}
	return Migration{Version: version, Name: name, SQL: strings.Join(statements, "\n\n") + "\n"}, nil
}

var textDefault = regexp.MustCompile(`\{\{(text|sealed|json|blob)\}\}[^,\n]*\bDEFAULT\b`)

// check finds what would only fail on another database than the author's.
func check(text string) error {
	if found := textDefault.FindString(text); found != "" {
		return fmt.Errorf("%q: MySQL has no DEFAULT for such a column", found)
	}
	if strings.Contains(text, "+goose") {
		return errors.New("goose's marks are added by the renderer")
	}
	return nil
}

// words are the functions that a file may use.
func words(d sqldb.Dialect) template.FuncMap {
	pg := d == sqldb.PostgreSQL || d == sqldb.CockroachDB
	word := func(sqlite, postgres, mysql string) func() string {
		return func() string {
			switch {
			case d == sqldb.SQLite:
				return sqlite
			case pg:
				return postgres
			default:
				return mysql
			}
		}
	}
	is := func(other sqldb.Dialect) func() bool { return func() bool { return d == other } }
	return template.FuncMap{
		"id":        word("TEXT", `text COLLATE "C"`, "varbinary(64)"),
		"key":       word("TEXT", `text COLLATE "C"`, "varbinary(764)"),
		"text":      word("TEXT", "text", "mediumtext"),
		"sealed":    word("TEXT", "text", "mediumtext"), // text that secret.Ring made
		"json":      word("TEXT", "text", "longtext"),
		"time":      word("INTEGER", "timestamptz", "datetime(6)"),
		"bool":      word("INTEGER", "boolean", "boolean"),
		"blob":      word("BLOB", "bytea", "longblob"),
		"int":       word("INTEGER", "bigint", "bigint"),
		"serial":    word("INTEGER PRIMARY KEY AUTOINCREMENT", "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "bigint AUTO_INCREMENT PRIMARY KEY"),
		"sqlite":    is(sqldb.SQLite),
		"mysql":     is(sqldb.MySQL),
		"cockroach": is(sqldb.CockroachDB),
		"postgres":  func() bool { return pg },
	}
}

// split returns the statements, each with its comments, without the semicolon.
func split(text string) []string {
	var all []string
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \t\r\n")
		code, _, _ := strings.Cut(line, "--")
		code, end := strings.CutSuffix(strings.TrimRight(code, " \t"), ";")
		if end {
			line = code
		}
		if line != "" || b.Len() > 0 {
			b.WriteString(line)
			b.WriteByte('\n')
		}
		if end {
			all = append(all, strings.TrimSpace(b.String()))
			b.Reset()
		}
	}
	if rest := strings.TrimSpace(b.String()); rest != "" {
		all = append(all, rest)
	}
	return all
}

var createTable = regexp.MustCompile(`(?im)^CREATE TABLE\b`)

// finish adds what every table of a dialect has.
func finish(d sqldb.Dialect, statement string) string {
	if createTable.MatchString(statement) {
		switch d {
		case sqldb.SQLite:
			if strings.HasSuffix(statement, ")") {
				statement += " STRICT"
			} else {
				statement += ", STRICT" // after WITHOUT ROWID
			}
		case sqldb.MySQL:
			statement += " ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
		}
	}
	return statement + ";"
}

// marked is the files as goose reads them.
func marked(all []Migration) fs.FS {
	files := fstest.MapFS{}
	for _, m := range all {
		files[m.Name+".sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\n" + m.SQL), Mode: 0o444}
	}
	return files
}
