package migrations_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/migrations"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

func openMariaDB(t *testing.T) *sqldb.DB {
	t.Helper()
	db, err := sqldb.Open(t.Context(), testkit.MariaDB(t), sqldb.Options{Name: "oauth"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func mustExec(t *testing.T, db *sqldb.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := db.Raw().ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func two(second string) []migrations.Migration {
	return []migrations.Migration{
		{Version: 1, Name: "0001_a", SQL: "CREATE TABLE a (n bigint);\n\nCREATE INDEX a_n ON a (n);\n\n" + second + ";\n"},
		{Version: 2, Name: "0002_c", SQL: "CREATE TABLE c (n bigint);\n"},
	}
}

// A statement that fails in the middle of a file leaves those before it done, and the next attempt goes on from there.
func TestStepsAfterAFailure(t *testing.T) {
	db := openMariaDB(t)
	ctx := t.Context()
	for range 2 {
		done, err := migrations.Apply(ctx, db, "oauth", two("CREATE TABLE b (n nonsense)"))
		if err == nil || len(done) != 0 || !strings.Contains(err.Error(), "2 of 3 statements are done") || !strings.Contains(err.Error(), "gatehouse migrate up") {
			t.Fatalf("%v, %v", done, err)
		}
	}
	known := two("CREATE TABLE b (n bigint)")
	if done, err := migrations.Apply(ctx, db, "oauth", known); err != nil || !slices.Equal(done, known) {
		t.Fatalf("mended: %v, %v", done, err)
	}
	if done, err := migrations.Apply(ctx, db, "oauth", known); err != nil || len(done) != 0 {
		t.Errorf("once more: %v, %v", done, err)
	}
	mustExec(t, db, "INSERT INTO a VALUES (1)", "INSERT INTO b VALUES (1)", "INSERT INTO c VALUES (1)")
}

// A server may be killed at any point: after any of the statements, before or after its note, and before goose notes the
// whole.
func TestStepsAfterAKill(t *testing.T) {
	known := two("CREATE TABLE b (n bigint)")
	statements := migrations.Split(known[0].SQL)
	for _, noted := range []bool{true, false} {
		for at := range statements {
			db := openMariaDB(t)
			mustExec(t, db, "CREATE TABLE goose_oauth_step (version bigint NOT NULL PRIMARY KEY, done bigint NOT NULL)", "INSERT INTO goose_oauth_step VALUES (1, 0)")
			mustExec(t, db, statements[:at+1]...)
			done := at
			if noted {
				done++
			}
			if _, err := db.Raw().ExecContext(t.Context(), "UPDATE goose_oauth_step SET done = ?", done); err != nil {
				t.Fatal(err)
			}
			if applied, err := migrations.Apply(t.Context(), db, "oauth", known); err != nil || !slices.Equal(applied, known) {
				t.Errorf("killed after statement %d, noted %t: %v, %v", at, noted, applied, err)
			}
			mustExec(t, db, "INSERT INTO a VALUES (1)", "INSERT INTO b VALUES (1)", "INSERT INTO c VALUES (1)")
		}
	}
}

// What writes rows is noted with them or not done: a second time it would fail, or write them twice.
func TestStepsThatWriteRows(t *testing.T) {
	db := openMariaDB(t)
	known := two("-- One row.\nINSERT INTO a VALUES (1)")
	mustExec(t, db, "CREATE TABLE goose_oauth_step (version bigint NOT NULL PRIMARY KEY, done bigint NOT NULL)",
		"CREATE TRIGGER killed BEFORE UPDATE ON goose_oauth_step FOR EACH ROW BEGIN IF NEW.done = 3 THEN SIGNAL SQLSTATE '45000'; END IF; END")
	rows := func() (n int) {
		if err := db.Raw().QueryRowContext(t.Context(), "SELECT count(*) FROM a").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for range 2 {
		if done, err := migrations.Apply(t.Context(), db, "oauth", known); err == nil || len(done) != 0 || !strings.Contains(err.Error(), "2 of 3 statements are done") || rows() != 0 {
			t.Fatalf("%v, %v, %d rows", done, err, rows())
		}
	}
	mustExec(t, db, "DROP TRIGGER killed")
	if done, err := migrations.Apply(t.Context(), db, "oauth", known); err != nil || !slices.Equal(done, known) || rows() != 1 {
		t.Errorf("%v, %v, %d rows", done, err, rows())
	}
}

// A server may be killed between the making of the table of versions and its first row.
func TestStepsAfterAKillBeforeTheFirst(t *testing.T) {
	db := openMariaDB(t)
	known := two("CREATE TABLE b (n bigint)")
	mustExec(t, db, "CREATE TABLE goose_oauth (id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, version_id bigint NOT NULL, is_applied boolean NOT NULL, tstamp datetime NULL DEFAULT CURRENT_TIMESTAMP)")
	for _, want := range [][]migrations.Migration{known, nil} {
		if done, err := migrations.Apply(t.Context(), db, "oauth", known); err != nil || !slices.Equal(done, want) {
			t.Fatalf("%v, %v", done, err)
		}
	}
}

// A table of somebody else's that has the name of one of ours is not taken for ours.
func TestStepsRefuseAForeignTable(t *testing.T) {
	db := openMariaDB(t)
	mustExec(t, db, "CREATE TABLE a (theirs bigint)")
	for range 2 {
		if done, err := migrations.Apply(t.Context(), db, "oauth", two("CREATE TABLE b (n bigint)")); err == nil || len(done) != 0 {
			t.Errorf("%v, %v", done, err)
		}
	}
}
