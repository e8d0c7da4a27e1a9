package availability

import (
	"net/url"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// A database that is slow slows its servers down and fails nobody; one that says nothing, or cannot be reached, has requests told
// to come again; and all goes on by itself.
func TestDatabaseSlowSilentAndCutOff(t *testing.T) {
	t.Parallel() // it waits for the most part, as TestRedisLost does
	for name, dsn := range map[string]func(*testing.T) string{"postgres": testkit.Postgres, "mariadb": testkit.MariaDB} {
		t.Run(name, func(t *testing.T) {
			u, err := url.Parse(dsn(t))
			if err != nil {
				t.Fatal(err)
			}
			line := testkit.NewLine(t, u.Host)
			u.Host = line.Address
			l := balance(t, replicas(t, 1, u.String(), "")...).load()
			l.more(5)
			line.Delay(20 * time.Millisecond)
			l.more(5)
			if n := l.count("come again"); n != 0 {
				t.Errorf("%d requests were told to come again as the database was slow", n)
			}
			line.Delay(0)
			faults := []struct{ begin, end func() }{{line.Cut, line.Mend}}
			if name == "postgres" { // once: a request is given up after half a minute
				faults = append(faults, struct{ begin, end func() }{line.Hold, line.Release})
			}
			for _, fault := range faults {
				before := l.count("come again")
				fault.begin()
				eventually(t, "requests are told to come again", func() bool { return l.count("come again") > before })
				fault.end()
				l.more(5)
			}
			l.stop("a database slow, silent and cut off")
			if n := l.count("in flight"); n != 0 {
				t.Errorf("%d requests got no answer", n)
			}
			l.kept()
		})
	}
}
