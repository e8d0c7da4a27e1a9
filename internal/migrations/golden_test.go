package migrations_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/migrations"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The golden files show a reviewer what a migration does on each database, also on CockroachDB, which the tests
// do not have.
func TestGolden(t *testing.T) {
	for _, d := range []sqldb.Dialect{sqldb.SQLite, sqldb.PostgreSQL, sqldb.MySQL, sqldb.CockroachDB} {
		t.Run(d.String(), func(t *testing.T) {
			var b strings.Builder
			for _, logical := range migrations.Logical() {
				all, err := migrations.Rendered(d, logical)
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range all {
					b.WriteString("-- " + logical + "/" + m.Name + "\n\n" + m.SQL + "\n")
				}
			}
			golden(t, filepath.Join("testdata", d.String()+".sql"), b.String())
		})
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("the migrations render differently than %s shows. If that is meant, run\n\tgo test ./internal/migrations -run Golden -update\nand review the difference:\n%s", path, diff)
	}
}
