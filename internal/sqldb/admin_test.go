package sqldb_test

import (
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// Texts are UTF-8 whatever a server says by itself, as one does that was set up without a language.
func TestAdminOfAServerWithoutALanguage(t *testing.T) {
	dsn := testkit.Postgres(t)
	before := asAdmin(t, dsn)
	name, err := before.Query(t.Context(), "SELECT current_database()")
	if err != nil {
		t.Fatal(err)
	}
	if err := before.Exec(t.Context(), `ALTER DATABASE "`+name[0][0]+`" SET client_encoding TO 'SQL_ASCII'`); err != nil {
		t.Fatal(err)
	}
	rows, err := asAdmin(t, dsn).Query(t.Context(), "SELECT $1::text", "Zoë")
	if err != nil || rows[0][0] != "Zoë" {
		t.Errorf("%v %v", rows, err)
	}
}
