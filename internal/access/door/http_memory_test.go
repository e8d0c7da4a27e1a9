package door_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access/door"
	"github.com/gatehouse-iam/gatehouse/internal/flow"
)

// nowhere is a ResponseWriter that costs nothing.
type nowhere struct{ header http.Header }

func (n nowhere) Header() http.Header         { return n.header }
func (n nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (n nowhere) WriteHeader(int)             {}

// An answer takes one piece of memory for the question, one for the decision, one for who asks, and one for the values of its header.
func TestAllocationsOfAnAnswer(t *testing.T) {
	d := &door.Decisions{Door: door.Door{
		Name: "decisions", Engine: engineOf(t, doorRules), Now: time.Now, Record: func(flow.Event) {}, Observe: func(string, flow.Verdict, time.Duration) {},
	}}
	r := httptest.NewRequest(http.MethodGet, "/decisions/open/a", nil)
	r.Host = "app.example.com"
	w := nowhere{http.Header{}}
	ask := func() {
		clear(w.header)
		if err := d.Serve(w, r); err != nil || len(w.header["X-User"]) != 1 {
			t.Fatal(err, w.header)
		}
	}
	ask()
	if got := testing.AllocsPerRun(1000, ask); got > 4 {
		t.Errorf("%v allocations, want at most 4", got)
	}
}
