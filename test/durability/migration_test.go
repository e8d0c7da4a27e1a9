package durability

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/test/process"
)

// A migration that is killed, each time a little later than the time before, goes on where it was until it is done.
func TestKilledWhileMigrating(t *testing.T) {
	for name, dsn := range map[string]func(*testing.T) string{
		"sqlite":   func(*testing.T) string { return "" },
		"postgres": testkit.Postgres,
		"mariadb":  testkit.MariaDB,
	} {
		t.Run(name, func(t *testing.T) {
			s := process.Configure(t, process.Options{DSN: dsn(t)})
			kills, midway := 0, 0
			for after := 10 * time.Millisecond; ; after += max(10*time.Millisecond, after/8) {
				if _, killed := s.CommandKilled(after, "migrate", "up"); !killed {
					break
				}
				kills++
				status, _ := s.Command("migrate", "status")
				if pending := strings.Count(status, "  pending"); pending > 0 && pending < strings.Count(status, "  0") {
					midway++
				}
			}
			t.Logf("%d kills, %d of them between the first migration and the last", kills, midway)
			if status, code := s.Command("migrate", "status"); code != 0 || strings.Contains(status, "pending") {
				t.Fatalf("status %d after the last run:\n%s", code, status)
			}
			if output, code := s.Command("migrate", "up"); code != 0 || strings.Contains(output, "applied") {
				t.Errorf("something was left to do: status %d\n%s", code, output)
			}
			s.Run()
			t.Cleanup(s.Stop)
			id, secret := register(t, s)
			if token, err := issue(t.Context(), http.DefaultClient, s, id, secret); err != nil || !active(t, s, token) {
				t.Errorf("no token from the server that followed: %v", err)
			}
		})
	}
}
