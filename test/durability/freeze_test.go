package durability

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/test/process"
)

// What `gatehouse data freeze` has said is held still stays so when a server wakes that was halted in the midst of writing.
func TestWhoWasHaltedWritesNothingWhileDataIsHeldStill(t *testing.T) {
	for name, dsn := range map[string]func(*testing.T) string{"postgres": testkit.Postgres, "mariadb": testkit.MariaDB} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := dsn(t)
			one := process.Start(t, process.Options{DSN: at, Config: replicated})
			halted := process.Start(t, process.Options{DSN: at, Config: replicated})
			id, secret := register(t, one)
			db, err := sqldb.Open(t.Context(), at, sqldb.Options{Name: "oauth"})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = db.Close() }()
			tokens := func() (n int) {
				t.Helper()
				if err := db.AllTenants().QueryRow(t.Context(), `SELECT COUNT(*) FROM oauth_token`).Scan(&n); err != nil {
					t.Fatal(err)
				}
				return n
			}

			acknowledged, stop := writing(t, halted, id, secret)
			defer stop()
			testkit.Eventually(t, "tokens are issued", func() bool { return acknowledged.Load() > 100 })
			signal(t, halted, syscall.SIGSTOP)
			defer signal(t, halted, syscall.SIGCONT)
			begun := time.Now()
			if out, code := one.Command("data", "freeze", "--from", one.Admin); code != 0 {
				t.Fatalf("freeze ended with %d: %s", code, out)
			}
			t.Logf("the halted server was given %v", time.Since(begun).Round(time.Second))
			before := tokens()
			signal(t, halted, syscall.SIGCONT)
			testkit.Eventually(t, "the server is awake", func() bool { return halted.Answers() })
			time.Sleep(2 * time.Second) // it would go on at once
			if now := tokens(); now != before {
				t.Errorf("%d tokens were written while data was held still", now-before)
			}
			if out, code := one.Command("data", "thaw", "--from", one.Admin); code != 0 {
				t.Fatalf("thaw ended with %d: %s", code, out)
			}
			was := acknowledged.Load()
			testkit.Eventually(t, "tokens are issued again", func() bool { return acknowledged.Load() > was })
		})
	}
}

// writing asks a server for tokens over eight connections until it is stopped, and counts those that it gave.
func writing(t *testing.T, s *process.Server, id, secret string) (acknowledged *atomic.Int64, stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	acknowledged = &atomic.Int64{}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for ctx.Err() == nil {
				if _, err := issue(ctx, client, s, id, secret); err == nil {
					acknowledged.Add(1)
				} else {
					time.Sleep(time.Millisecond)
				}
			}
		})
	}
	return acknowledged, func() { cancel(); wg.Wait() }
}

func signal(t *testing.T, s *process.Server, signal syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(s.PID(), signal); err != nil {
		t.Fatal(err)
	}
}
