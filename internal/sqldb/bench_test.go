package sqldb_test

import (
	"context"
	"crypto/rand"
	"os"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// BenchmarkWrites measures what coalescing is worth: rows of a token's size from 64 goroutines, each waiting for its
// commit, coalesced and each in a transaction of its own; and single-row reads by primary key. PostgreSQL and MariaDB
// take part where GATEHOUSE_TEST_POSTGRES and GATEHOUSE_TEST_MARIADB name servers with their default durability.
func BenchmarkWrites(b *testing.B) {
	for _, c := range []struct{ name, dsn, types string }{
		{"sqlite", "sqlite://" + b.TempDir() + "/", "TEXT,TEXT,TEXT,INTEGER"},
		{"postgres", os.Getenv("GATEHOUSE_TEST_POSTGRES"), `text COLLATE "C",text COLLATE "C",text,timestamptz`},
		{"mariadb", os.Getenv("GATEHOUSE_TEST_MARIADB"), "varbinary(764),varbinary(764),mediumtext,datetime(6)"},
	} {
		if c.dsn == "" {
			continue
		}
		b.Run(c.name, func(b *testing.B) {
			db, err := sqldb.Open(b.Context(), c.dsn, sqldb.Options{Name: "oauth", Now: now})
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = db.Close() }()
			all := db.AllTenants()
			typ := strings.Split(c.types, ",")
			if _, err := all.Exec(b.Context(), "CREATE TABLE bench_token (tenant_id "+typ[0]+" NOT NULL, digest "+typ[1]+" NOT NULL, grant_json "+typ[2]+" NOT NULL, expires_at "+typ[3]+" NOT NULL, PRIMARY KEY (tenant_id, digest))"); err != nil {
				b.Fatal(err)
			}
			defer func() { _, _ = all.Exec(context.WithoutCancel(b.Context()), "DROP TABLE bench_token") }()
			writes(b, db)
		})
	}
}

func writes(b *testing.B, db *sqldb.DB) {
	ctx := tenant.With(b.Context(), tenant.Default)
	columns := []string{"tenant_id", "digest", "grant_json", "expires_at"}
	text := strings.Repeat("x", 400)
	row := func() []any { return []any{"default", rand.Text() + rand.Text()[:17], text, now()} }
	parallel := func(name string, one func() error) {
		b.Run(name, func(b *testing.B) {
			b.SetParallelism(32)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := one(); err != nil {
						b.Error(err)
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
	c := sqldb.NewCoalescer(db, sqldb.CoalescerOptions{}, func(ctx context.Context, tx *sqldb.Tx, rows [][]any) []error {
		_, _ = tx.InsertRows(ctx, "bench_token", columns, rows) // a failure fails the batch
		return nil
	})
	defer c.Close()
	in := sqldb.NewInserter(db, "bench_token", columns...)
	defer in.Close()
	parallel("coalesced", func() error { return c.Do(ctx, row()) })
	parallel("inserter", func() error { return in.Insert(ctx, row()) })
	parallel("single", func() error {
		_, err := db.InsertRows(ctx, "bench_token", columns, [][]any{row()})
		return err
	})
	known := row()
	if err := c.Do(ctx, known); err != nil {
		b.Fatal(err)
	}
	parallel("read", func() error {
		var got string
		return db.QueryRow(ctx, "SELECT grant_json FROM bench_token WHERE tenant_id = :tenant AND digest = ?", known[1]).Scan(&got)
	})
}
