package process

import (
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// NextVersion is what the server of Next says of itself.
const NextVersion = "next"

// nextMigrations are what the next version finds lacking, of each logical database: columns of tables that requests read and write, and a table.
var nextMigrations = map[string]string{
	"management/9001_next.sql": `ALTER TABLE identity ADD COLUMN shade {{text}};

ALTER TABLE session ADD COLUMN shade {{int}};

CREATE TABLE shade (
    tenant_id {{key}} NOT NULL,
    id        {{key}} NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
`,
	"oauth/9001_next.sql": `ALTER TABLE oauth_client ADD COLUMN shade {{text}};

ALTER TABLE oauth_token ADD COLUMN shade {{int}} NOT NULL DEFAULT 0;
`,
	"activity/9001_next.sql": `CREATE TABLE activity_shade (
    tenant_id {{key}} NOT NULL,
    id        {{key}} NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
`,
}

var next = sync.OnceValues(func() (string, error) {
	top, err := source()
	if err != nil {
		return "", err
	}
	if err := directory(); err != nil {
		return "", err
	}
	replace := map[string]string{}
	for name, sql := range nextMigrations {
		file := filepath.Join(built, filepath.Base(filepath.Dir(name))+".sql")
		if err := os.WriteFile(file, []byte(sql), 0o600); err != nil {
			return "", err
		}
		replace[filepath.Join(top, "internal", "migrations", filepath.FromSlash(name))] = file
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	file := filepath.Join(built, "overlay.json")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		return "", err
	}
	return build("gatehouse", "-next", "VERSION="+NextVersion, "GOFLAGS=-overlay="+file)
})

// Next is the path of a server of the version that comes after this one: it has migrations that this one does not know. It is built when it
// is first asked for.
func Next(t testing.TB) string {
	t.Helper()
	path, err := next()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
