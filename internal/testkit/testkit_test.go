package testkit_test

import (
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/migrations"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

func TestEachDBIsMigratedAndAlone(t *testing.T) {
	for _, logical := range migrations.Logical() {
		t.Run(logical, func(t *testing.T) {
			t.Parallel()
			// Twice the same: what one leaves behind, the other would trip over.
			for range 2 {
				testkit.EachDB(t, logical, func(t *testing.T, db *sqldb.DB) {
					if err := migrations.Check(t.Context(), db, logical); err != nil {
						t.Error(err)
					}
					if _, err := db.AllTenants().Exec(t.Context(), "CREATE TABLE left_behind (id INT)"); err != nil {
						t.Error(err)
					}
				})
			}
		})
	}
}

func TestEachDSNIsEmptyAndCanBeOpenedTwice(t *testing.T) {
	testkit.EachDSN(t, func(t *testing.T, dsn string) {
		db, err := sqldb.Open(t.Context(), dsn, sqldb.Options{Name: "oauth", Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		if plan, err := migrations.Plan(t.Context(), db, "oauth"); err != nil || plan == "" {
			t.Errorf("an empty database lacks nothing: %q, %v", plan, err)
		}
		if _, err := migrations.Up(t.Context(), db, "oauth"); err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		again, err := sqldb.Open(t.Context(), dsn, sqldb.Options{Name: "oauth", Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		if err := migrations.Check(t.Context(), again, "oauth"); err != nil {
			t.Error(err)
		}
		if err := again.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestClock(t *testing.T) {
	var clock testkit.Clock
	begun := clock.Now()
	if begun.Location() != time.UTC || begun.Nanosecond()%1000 != 0 || begun.Nanosecond()%1_000_000 == 0 {
		t.Errorf("a new clock shows %v, want UTC with microseconds and no more", begun)
	}
	if !clock.Now().Equal(begun) {
		t.Error("the clock moves by itself")
	}
	clock.Advance(time.Hour + time.Nanosecond)
	if got := clock.Now().Sub(begun); got != time.Hour {
		t.Errorf("an hour and a nanosecond later the clock is %v ahead, want an hour", got)
	}
	at := time.Date(2031, 2, 3, 4, 5, 6, 7_008_009, time.FixedZone("", 3600))
	clock.Set(at)
	if got, want := clock.Now(), at.UTC().Truncate(time.Microsecond); got != want {
		t.Errorf("the clock was set to %v and shows %v", want, got)
	}
}

func TestContextAndRing(t *testing.T) {
	if id, ok := tenant.From(testkit.Context(t)); !ok || id != tenant.Default {
		t.Errorf("the context's tenant is %q, %v", id, ok)
	}
	sealed, err := testkit.Ring(t).Seal([]byte("text"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := testkit.Ring(t).Open(sealed, nil); err != nil || string(plain) != "text" {
		t.Errorf("another ring opens %q, %v", plain, err)
	}
}
