package process

import "testing"

func TestMain(m *testing.M) { Main(m) }

func TestKilledAtOnce(t *testing.T) {
	if output, killed := Configure(t, Options{}).CommandKilled(0, "serve"); !killed {
		t.Errorf("it ended:\n%s", output)
	}
}

// What runs beside a request is not counted, if it runs beside the first ones of many.
func TestStatementsOfOthers(t *testing.T) {
	s, busy := Start(t, Options{}), 10
	beside := func() {
		if busy--; busy >= 0 {
			s.Try(s.Admin + "/admin/clients")
		}
	}
	if n := s.Statements(0, beside); n != 0 || busy >= 0 {
		t.Errorf("%d statements, %d times more", n, busy)
	}
}
