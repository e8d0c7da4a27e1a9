package migrations

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

const sample = `-- What it is for; with a semicolon in the comment;
CREATE TABLE a (
    id {{serial}},
    n  {{int}} NOT NULL DEFAULT 0
);
{{if sqlite}}
CREATE INDEX a_n ON a (n) WHERE n > 0;
{{else if mysql}}
CREATE INDEX a_n ON a (n);
{{else}}
CREATE INDEX a_n ON a (n) WHERE n > 0 AND 'it''s' <> ';';
{{end}}
CREATE TABLE b (k {{key}} PRIMARY KEY, t {{time}}) {{- if sqlite}} WITHOUT ROWID{{end}};`

func TestRender(t *testing.T) {
	for d, want := range map[sqldb.Dialect]string{
		sqldb.SQLite: `-- What it is for; with a semicolon in the comment;
CREATE TABLE a (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    n  INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX a_n ON a (n) WHERE n > 0;

CREATE TABLE b (k TEXT PRIMARY KEY, t INTEGER) WITHOUT ROWID, STRICT;
`,
		sqldb.MySQL: `-- What it is for; with a semicolon in the comment;
CREATE TABLE a (
    id bigint AUTO_INCREMENT PRIMARY KEY,
    n  bigint NOT NULL DEFAULT 0
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX a_n ON a (n);

CREATE TABLE b (k varbinary(764) PRIMARY KEY, t datetime(6)) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
`,
		sqldb.CockroachDB: `-- What it is for; with a semicolon in the comment;
CREATE TABLE a (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    n  bigint NOT NULL DEFAULT 0
);

CREATE INDEX a_n ON a (n) WHERE n > 0 AND 'it''s' <> ';';

CREATE TABLE b (k text COLLATE "C" PRIMARY KEY, t timestamptz);
`,
	} {
		m, err := renderOne(d, "0001_sample", sample)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, m.SQL); diff != "" || m.Version != 1 {
			t.Errorf("%s: %s", d, diff)
		}
	}
}

func TestRenderRefuses(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"one", "SELECT 1;", "NNNN_name.sql"},
		{"1_one", "SELECT 1;", "NNNN_name.sql"},
		{"0000_none", "SELECT 1;", "NNNN_name.sql"},
		{"0001_word", "CREATE TABLE a (b {{uuid}});", "uuid"},
		{"0001_open", "{{if sqlite}}", "unexpected EOF"},
		{"0001_default", "CREATE TABLE a (\n  b {{text}} NOT NULL DEFAULT ''\n);", "MySQL has no DEFAULT"},
		{"0001_goose", "-- +goose Down\nDROP TABLE a;", "renderer"},
	} {
		if _, err := renderOne(sqldb.MySQL, c.name, c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	twice := fstest.MapFS{"oauth/0001_a.sql": {Data: []byte("SELECT 1;")}, "oauth/0001_b.sql": {Data: []byte("SELECT 1;")}}
	if _, err := render(twice, sqldb.SQLite, "oauth"); err == nil || !strings.Contains(err.Error(), "same version") {
		t.Errorf("one version twice: %v", err)
	}
	if _, err := Rendered(sqldb.SQLite, "oath"); err == nil || !strings.Contains(err.Error(), "oauth") {
		t.Errorf("unknown: %v", err)
	}
}

// Apply applies the migrations that another server knows; for tests of what a newer database does to it.
var Apply = up

// Split gives the statements of a migration.
var Split = split
