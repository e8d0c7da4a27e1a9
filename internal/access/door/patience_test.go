package door_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/door"
	"github.com/gatehouse-iam/gatehouse/internal/access/engine"
	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/flow"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// hanging waits for an answer that never comes, as from a database that does not even refuse.
type hanging struct {
	how func(ctx context.Context) error
}

func (h hanging) Authorize(ctx context.Context, r *access.Request, _ *access.Principal) error {
	if r.Body != nil {
		if _, err := r.Body(1 << 10); err != nil {
			return err
		}
	}
	return h.how(ctx)
}

func hangingDoor(t *testing.T, limit time.Duration, now func() time.Time, how func(ctx context.Context) error) (*counted, *door.Decisions) {
	t.Helper()
	e := engine.New(engine.Options{Config: engine.Config{DecisionTimeout: limit}, Kinds: access.Kinds{
		Authenticators: map[string]access.Kind[access.Authenticator]{"noop": always[access.Authenticator](nobody{})},
		Authorizers:    map[string]access.Kind[access.Authorizer]{"hang": always[access.Authorizer](hanging{how})},
	}})
	if _, err := e.Load(t.Context(), []access.Rule{{
		ID: "all", Match: access.Match{URL: "http://app.example.com/", Methods: []string{"GET", "PUT"}},
		Authenticators: []access.HandlerRef{{Handler: "noop"}}, Authorizer: access.HandlerRef{Handler: "hang"},
	}}); err != nil {
		t.Fatal(err)
	}
	var seen counted
	d := seen.door(e)
	d.Now = now
	return &seen, &door.Decisions{Door: d}
}

// A decision that hangs fails closed, whatever the handler makes of it.
func TestADecisionDoesNotHang(t *testing.T) {
	for name, how := range map[string]func(ctx context.Context) error{
		"told":    func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		"its own": func(ctx context.Context) error { <-ctx.Done(); return fault.New(fault.Internal, "broken", "It broke.") },
		"a child": func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, time.Hour)
			defer cancel()
			<-ctx.Done()
			return ctx.Err()
		},
	} {
		seen, d := hangingDoor(t, 10*time.Millisecond, time.Now, how)
		rec := testkit.Ask(web.NewRaw("decisions", web.KratosErrors, web.Options{}, d.Serve), "GET", door.DecisionsPath, "", "Host", "app.example.com")
		if e := seen.last(t, 1); rec.Code != 503 || e.Reason != "decision_timeout" || e.Verdict != flow.Failed {
			t.Errorf("%s: %d %+v", name, rec.Code, e)
		}
	}
}

// Where it was the client that left, time did not run out.
func TestAClientThatLeavesIsNoTimeout(t *testing.T) {
	ctx, leave := context.WithCancel(t.Context())
	seen, d := hangingDoor(t, time.Hour, time.Now, func(ctx context.Context) error {
		leave()
		<-ctx.Done()
		return ctx.Err()
	})
	r := httptest.NewRequestWithContext(ctx, "GET", door.DecisionsPath+"/", nil)
	r.Host = "app.example.com"
	web.NewRaw("decisions", web.KratosErrors, web.Options{}, d.Serve).ServeHTTP(httptest.NewRecorder(), r)
	if e := seen.last(t, 1); e.Reason != "request_canceled" {
		t.Errorf("%+v", e)
	}
}

// slowBody takes an hour to arrive.
type slowBody struct {
	clock *testkit.Clock
	text  strings.Reader
}

func (b *slowBody) Read(p []byte) (int, error) {
	b.clock.Advance(time.Hour)
	return b.text.Read(p)
}

// The time that a client takes to send what is checked does not count.
func TestSlowBodiesDoNotCount(t *testing.T) {
	clock := &testkit.Clock{}
	asked := false
	_, d := hangingDoor(t, time.Minute, clock.Now, func(ctx context.Context) error {
		asked = true
		end, ok := ctx.Deadline()
		if left := time.Until(end); ctx.Err() != nil || !ok || left <= 0 || left > time.Minute {
			t.Errorf("%v, %s are left", ctx.Err(), left)
		}
		return nil
	})
	r := httptest.NewRequest("PUT", door.DecisionsPath+"/", &slowBody{clock: clock, text: *strings.NewReader("x")})
	r.Host = "app.example.com"
	rec := httptest.NewRecorder()
	if web.NewRaw("decisions", web.KratosErrors, web.Options{}, d.Serve).ServeHTTP(rec, r); rec.Code != 200 || !asked {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}
