package policy_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/policy"
	"github.com/gatehouse-iam/gatehouse/internal/access/target"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

func try(t testing.TB, expression, further string) (access.Authorizer, error) {
	t.Helper()
	kinds, err := policy.Kinds(policy.Options{Now: new(testkit.Clock).Now})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(expression)
	if err != nil {
		t.Fatal(err)
	}
	s, err := access.NewSettings(nil, json.RawMessage(`{"expression":`+string(text)+further+`}`))
	if err != nil {
		t.Fatal(err)
	}
	return kinds["cel"](s)
}

func request() (*access.Request, *access.Principal) {
	return &access.Request{
			Method: "POST", Target: target.Target{Scheme: "https", Host: "api.example.com", Path: "/orders/7", RawQuery: "dry=1&dry=2"},
			Header: access.Header{"X-Team": {"blue", "red"}}, Client: netip.MustParseAddr("192.0.2.7"),
		}, &access.Principal{
			Subject: "alice", Scopes: []string{"read", "write"},
			Extra: map[string]any{
				"role": "admin", "level": json.Number("7"), "score": json.Number("0.5"), "big": json.Number("1e999"),
				"groups": []any{"a", map[string]any{"n": json.Number("3")}}, "nothing": nil,
			},
			MatchContext: access.MatchContext{Captures: map[string]string{"id": "7"}},
		}
}

func TestExpressions(t *testing.T) {
	for expression, pass := range map[string]bool{
		`true`:               true,
		`false`:              false,
		`subject == "alice"`: true,
		`claims.role == "admin" && claims.level > 6 && claims.score < 0.6`:               true,
		`claims["groups"][1].n == 3 && "a" in claims.groups`:                             true,
		`claims.role == "guest"`:                                                         false,
		`claims.missing == "x"`:                                                          false,
		`has(claims.missing) && claims.missing == "x"`:                                   false,
		`!has(claims.missing) && claims.nothing == null`:                                 true,
		`claims.big > 1.0`:                                                               false,
		`claims.role > 3`:                                                                false,
		`scopes.exists(s, s == "write")`:                                                 true,
		`request.method in ["POST", "PUT"] && request.scheme == "https"`:                 true,
		`request.host.endsWith(".example.com") && request.ip == "192.0.2.7"`:             true,
		`request.path.matches("^/orders/[0-9]+$") && captures.id == "7"`:                 true,
		`request.query["dry"] == ["1", "2"] && request.headers["x-team"] == "blue, red"`: true,
		`request.headers["x-team"] == "blue"`:                                            false,
		`now == timestamp("2026-03-04T05:06:07.089012Z")`:                                true,
		`now.getHours() < 5`:                                                             false,
	} {
		a, err := try(t, expression, "")
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		r, p := request()
		if err := a.Authorize(t.Context(), r, p); (err == nil) != pass || err != nil && !errors.Is(err, access.ErrForbidden) {
			t.Errorf("%s: %v", expression, err)
		}
		// Nobody in particular is turned away rather than let through by what is missing.
		if err := a.Authorize(t.Context(), &access.Request{}, &access.Principal{}); err == nil && expression != "true" && !strings.HasPrefix(expression, "now") && !strings.HasPrefix(expression, "!has") {
			t.Errorf("%s lets nobody pass", expression)
		}
	}
}

func TestExpressionsAreRefused(t *testing.T) {
	for _, tc := range []struct{ expression, further, want string }{
		{``, ``, "expression: is missing"},
		{`subject ==`, ``, "expression: "},
		{`"text"`, ``, "is a string"},
		{`claims.role`, ``, "true or false"},
		{`nobody == "x"`, ``, "undeclared reference"},
		{`request.methods == "x"`, ``, "undeclared reference"},
		{`subject > 3`, ``, "no matching overload"},
		{`true`, `,"cost_limit":0`, "cost_limit: "},
		{`true`, `,"cost_limit":2000000`, "cost_limit: "},
		{`true`, `,"x":1`, "x: "},
		{`"` + strings.Repeat("x", 9000) + `" == subject`, ``, "more than"},
	} {
		if _, err := try(t, tc.expression, tc.further); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%.40s%s: %v, want %q", tc.expression, tc.further, err, tc.want)
		}
	}
}

// What a client sends is read once, and not at each step of a loop.
func TestLoopsReadTheRequestOnce(t *testing.T) {
	const fields = 500
	r, p := request()
	for i := range fields {
		r.Header[fmt.Sprint("X-Field-", i)] = []string{"a", "b"}
		r.Target.RawQuery += fmt.Sprintf("&field-%d=%%41", i)
	}
	for _, expression := range []string{`request.headers["x-team"] == "blue, red"`, `request.query["dry"] == ["1", "2"]`} {
		a, err := try(t, `claims.list.all(i, `+expression+`)`, "")
		if err != nil {
			t.Fatal(err)
		}
		p.Extra["list"] = slices.Repeat([]any{"x"}, 100)
		most := 20.0 * fields
		if got := testing.AllocsPerRun(5, func() {
			if err := a.Authorize(t.Context(), r, p); err != nil {
				t.Fatal(err)
			}
		}); got > most {
			t.Errorf("%s: %v allocations, want at most %v", expression, got, most)
		}
	}
}

// What an expression may cost is bounded, however it is nested and whatever the claims are.
func TestCostIsBounded(t *testing.T) {
	const nested = `claims.l.all(a, claims.l.all(b, claims.l.all(c, a + b + c >= 0)))`
	list := make([]any, 200)
	for i := range list {
		list[i] = json.Number("1")
	}
	a, err := try(t, nested, "")
	if err != nil {
		t.Fatal(err)
	}
	p := &access.Principal{Extra: map[string]any{"l": list}}
	if err := a.Authorize(t.Context(), &access.Request{}, p); !errors.Is(err, access.ErrForbidden) || !strings.Contains(err.Error(), "cost limit") {
		t.Errorf("got %v", err)
	}
	p.Extra["l"] = list[:5]
	if err := a.Authorize(t.Context(), &access.Request{}, p); err != nil {
		t.Errorf("a short list: %v", err)
	}
	dear, err := try(t, nested, `,"cost_limit":1000000`)
	if err != nil {
		t.Fatal(err)
	}
	p.Extra["l"] = list[:60]
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := dear.Authorize(gone, &access.Request{}, p); !errors.Is(err, context.Canceled) {
		t.Errorf("a request that is gone: %v", err)
	}
}

// Whatever compiles is evaluated without a panic.
func FuzzExpression(f *testing.F) {
	for _, e := range []string{`claims.role == "admin"`, `scopes.exists(s, s.startsWith("a"))`, `request.path.matches("a+b*")`, `now > timestamp(0)`, `claims.a[0].b`} {
		f.Add(e)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := try(t, text, "")
		if err != nil {
			return
		}
		r, p := request()
		_ = a.Authorize(t.Context(), r, p)
	})
}

func BenchmarkExpression(b *testing.B) {
	a, err := try(b, `claims.role == "admin" && request.method in ["POST", "PUT"] && scopes.exists(s, s == "write")`, "")
	if err != nil {
		b.Fatal(err)
	}
	r, p := request()
	b.ReportAllocs()
	for b.Loop() {
		if err := a.Authorize(b.Context(), r, p); err != nil {
			b.Fatal(err)
		}
	}
}

// What an application reads that drops the parameters of segments must be permitted too.
func TestParametersAreNoWayAround(t *testing.T) {
	for _, c := range []struct {
		expression, path, id string
		want                 error
	}{
		{`!request.path.startsWith("/admin/")`, "/admin;x/users", "", target.ErrParameters},
		{`!request.path.startsWith("/admin/")`, "/admin%3Bx/users", "", target.ErrParameters},
		{`!request.path.startsWith("/admin/")`, "/open;x/users", "", nil},
		{`!request.path.startsWith("/admin/")`, "/admin/users;x", "", access.ErrForbidden},
		{`!request.path.startsWith("/admin;v=1/")`, "/admin;v=2/", "", nil},
		{`captures.id != "7"`, "/orders/7;x", "7;x", target.ErrParameters},
		{`subject == "alice"`, "/orders/7;x", "7;x", nil},
	} {
		a, err := try(t, c.expression, "")
		if err != nil {
			t.Fatal(err)
		}
		r, p := request()
		r.Target.Path, p.MatchContext.Captures["id"] = c.path, c.id
		err = a.Authorize(t.Context(), r, p)
		if !errors.Is(err, c.want) || c.want == nil && err != nil || errors.Is(c.want, access.ErrForbidden) != errors.Is(err, access.ErrForbidden) {
			t.Errorf("%s on %s: %v", c.expression, c.path, err)
		}
	}
}
