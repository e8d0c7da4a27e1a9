package provision_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/provision"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

var later = time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC)

// scratched makes a scratch database, and has it dropped with the test.
func (w world) scratched() (s *provision.Scratch, removed []string) {
	w.t.Helper()
	s, removed, err := provision.MakeScratch(w.t.Context(), w.super, later)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := s.Drop(w.t.Context()); err != nil { // whose context has ended
			w.t.Error(err)
		}
	})
	return s, removed
}

// there tells whether a database is.
func (w world) there(name string) bool {
	w.t.Helper()
	a := w.super
	a.Database = name
	conn, err := sqldb.OpenAdmin(w.t.Context(), a)
	if errors.Is(err, sqldb.ErrNoDatabase) {
		return false
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return conn.Close() == nil
}

// in runs statements in a database.
func (w world) in(name string, texts ...string) {
	w.t.Helper()
	w.super.Database = name
	w.sql(texts...)
}

// Databases of dead processes are removed, and neither those of live ones nor those that only have such a name.
func scratches(w world) {
	first, _ := w.scratched()
	second, removed := w.scratched()
	if len(removed) != 0 || !w.there(first.Address.Database) {
		w.t.Errorf("a live one is removed: %v", removed)
	}
	mark := "CREATE TABLE gatehouse_drill (held_until timestamp)"
	if w.super.Scheme == "postgres" {
		mark = strings.Replace(mark, "gatehouse_drill", "public.gatehouse_drill", 1)
	}
	put := strings.Replace(strings.TrimSuffix(mark, " (held_until timestamp)"), "CREATE TABLE", "INSERT INTO", 1) + " VALUES ('2026-01-01 00:00:00')"
	const killed, early, making, similar = "gatehouse_drill_20261123t0330_aaaaaaaaaa", "gatehouse_drill_20261123t0259_bbbbbbbbbb", "gatehouse_drill_20261123t0330_cccccccccc", "gatehouse_drill_mine"
	for _, name := range []string{killed, early, making, similar} {
		w.sql("CREATE DATABASE " + name)
	}
	w.in(killed, mark, put)
	w.in(similar, mark, put)
	if _, removed = w.scratched(); !slices.Equal(slices.Sorted(slices.Values(removed)), []string{early, killed}) {
		w.t.Errorf("removed are %v", removed)
	}
	for _, name := range []string{first.Address.Database, second.Address.Database, making, similar} {
		if !w.there(name) {
			w.t.Errorf("%s is gone", name)
		}
	}
	if err := first.Drop(w.t.Context()); err != nil || w.there(first.Address.Database) {
		w.t.Errorf("it is still there: %v", err)
	}
}

// Whoever may make databases may give one of them such a name, and put a view in the place of the mark: nothing of it runs as the login
// that looks for dead drills.
func scratchTraps(w world) {
	trapper, name, evidence := w.dba(), "gatehouse_drill_20261123t0200_"+strings.Repeat("t", 10), unique()
	trap := []string{
		"CREATE FUNCTION public.spring() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN ALTER ROLE " + trapper.User + " SUPERUSER; RETURN now() - interval '1 day'; END $$",
		"CREATE VIEW public.gatehouse_drill AS SELECT public.spring() AS held_until",
	}
	proof := "SELECT 1 FROM pg_roles WHERE rolsuper AND rolname = '" + trapper.User + "'"
	if w.super.Scheme == "mysql" {
		w.sql("GRANT CREATE ROUTINE, CREATE VIEW, EXECUTE ON *.* TO "+trapper.User, "CREATE DATABASE "+evidence, "CREATE TABLE "+evidence+".sprung (who VARCHAR(200))")
		trap = []string{
			"CREATE FUNCTION spring() RETURNS DATETIME SQL SECURITY INVOKER MODIFIES SQL DATA BEGIN INSERT INTO " + evidence + ".sprung VALUES (CURRENT_USER()); RETURN '2020-01-01 00:00:00'; END",
			"CREATE SQL SECURITY INVOKER VIEW gatehouse_drill AS SELECT spring() AS held_until",
		}
		proof = "SELECT who FROM " + evidence + ".sprung"
	}
	by := world{trapper, w.t}
	by.sql("CREATE DATABASE " + name)
	by.in(name, trap...)
	_, removed := w.scratched()
	if len(removed) != 0 || !w.there(name) {
		w.t.Errorf("a database of somebody else's is removed: %v", removed)
	}
	admin, err := sqldb.OpenAdmin(w.t.Context(), w.super)
	if err != nil {
		w.t.Fatal(err)
	}
	if rows, err := admin.Query(w.t.Context(), proof); err != nil || len(rows) != 0 {
		w.t.Errorf("the trap went off: %v %v", rows, err)
	}
	if err := admin.Close(); err != nil {
		w.t.Error(err)
	}
	w.sql("DROP DATABASE IF EXISTS " + name)
}

// What a login lacks is said with the statement that gives it, which is enough; and no message shows a password.
func scratchRefusals(w world) {
	poor := unique()
	w.sql(map[string]string{"postgres": "CREATE ROLE " + poor + " LOGIN PASSWORD 'dba-password'", "mysql": "CREATE USER " + poor + " IDENTIFIED BY 'dba-password'"}[w.super.Scheme])
	login := w.super.As(poor, "dba-password", w.super.Database)
	_, _, err := provision.MakeScratch(w.t.Context(), login, later)
	if err == nil || !strings.Contains(err.Error(), "may not make the scratch database") {
		w.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(err.Error(), "`")
	statement, _, ok := strings.Cut(rest, ";`")
	if !ok {
		w.t.Fatalf("no statement is named: %v", err)
	}
	w.sql(statement)
	s, _, err := provision.MakeScratch(w.t.Context(), login, later)
	if err != nil {
		w.t.Fatalf("after %s: %v", statement, err)
	}
	if err := s.Drop(w.t.Context()); err != nil {
		w.t.Error(err)
	}
	for name, change := range map[string]func(a *sqldb.Address){
		"wrong password": func(a *sqldb.Address) { a.Password = "wrong-password" },
		"nobody listens": func(a *sqldb.Address) { a.Host = "127.0.0.1:1" },
		"no database":    func(a *sqldb.Address) { a.Database = "nowhere" },
	} {
		a := w.super.As(poor, "dba-password", w.super.Database)
		change(&a)
		_, _, err := provision.MakeScratch(w.t.Context(), a, later)
		if err == nil || !strings.Contains(err.Error(), "the scratch server") || strings.Contains(err.Error(), "-password") {
			w.t.Errorf("%s: %v", name, err)
		}
	}
}

// What is no server has no scratch databases.
func TestScratchOfNoServer(t *testing.T) {
	for _, dsn := range []string{"memory", "sqlite:///tmp/x.db"} {
		a, err := sqldb.Parse(dsn)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := provision.MakeScratch(t.Context(), a, later); err == nil {
			t.Errorf("%s is taken", dsn)
		}
	}
}
