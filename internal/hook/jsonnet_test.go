package hook_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/hook"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

func evaluate(t *testing.T, j *hook.Jsonnet, program, input string) (string, error) {
	t.Helper()
	out, err := j.Evaluate(t.Context(), program, []byte(input))
	return strings.Join(strings.Fields(string(out)), ""), err
}

func TestJsonnetMakesBodies(t *testing.T) {
	j := hook.NewJsonnet(hook.Limits{Timeout: time.Minute})
	for _, c := range []struct{ name, program, input, want string }{
		{"a member", `function(ctx) { id: ctx.identity.id }`, `{"identity":{"id":"1"}}`, `{"id":"1"}`},
		{"the example of Ory's documentation", `function(ctx) {
			identity_id: if ctx["identity"] != null then ctx.identity.id,
		}`, `{"identity":{"id":"1"}}`, `{"identity_id":"1"}`},
		{"no function", `{ a: 1 }`, `{}`, `{"a":1}`},
		{"an optional member", `function(ctx) { id: if "session" in ctx then ctx.session.id else null }`, `{}`, `{"id":null}`},
		{"functions of every form", `
			local twice(x) = x * 2;
			local thrice = function(x, by=function() 3) x * by();
			local object = { method(x):: x + 1, value: self.method(1) };
			function(ctx) {
				a: twice(ctx.n), b: thrice(ctx.n), c: object.value, d: std.map(twice, [1, 2]), e: [twice(x) for x in [1, 2] if x > 1],
				f: { [k]: twice(ctx.n) for k in ["x"] }, g: std.foldl(function(a, b) a + b, [1, 2, 3], 0), assert ctx.n > 0,
			} + { h: super.a, i:: twice, j: $.i(4) }`, `{"n":5}`,
			`{"a":10,"b":15,"c":2,"d":[2,4],"e":[4],"f":{"x":10},"g":6,"h":10,"j":8}`},
		{"data is not a program", `function(ctx) ctx.x`, `{"x":"error 'x' + std.extVar('y')"}`, `"error'x'+std.extVar('y')"`},
		{"characters that HTML escapes", `function(ctx) ctx.x`, `{"x":"<ä \u0000>"}`, `"<ä\u0000>"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := evaluate(t, j, c.program, c.input)
			if err != nil || got != c.want {
				t.Errorf("got %s, %v, want %s", got, err, c.want)
			}
		})
	}
}

func TestJsonnetHasBounds(t *testing.T) {
	const endless = "took too long"
	limits := hook.Limits{Timeout: 200 * time.Millisecond, MaxOutput: 1000, MaxInput: 100_000, Concurrent: 1}
	hurried := hook.NewJsonnet(limits)
	limits.Timeout = time.Minute // which a busy machine may need for what comes to an end by itself
	patient := hook.NewJsonnet(limits)
	for _, c := range []struct{ name, program, input, want string }{
		{"a loop without end", `function(ctx) local f(n) = f(n + 1) tailstrict; f(0)`, `{}`, endless},
		{"a loop of objects", `function(ctx) local o = { f(n):: self.f(n + 1) tailstrict }; o.f(0)`, `{}`, endless},
		{"a loop in a default", `function(ctx, x=(local f(n) = f(n + 1) tailstrict; f(0))) x`, `{}`, endless},
		{"a loop of a list", `function(ctx) std.length([y for x in std.range(1, 30000) for y in std.range(1, 30000)])`, `{}`, endless},
		{"calls without end", `function(ctx) local f(n) = 1 + f(n + 1); f(0)`, `{}`, "ax stack frames exceeded"},
		{"a value of itself", `function(ctx) { a: self.a }`, `{}`, "program failed"},
		{"too large an output", `function(ctx) std.repeat("x", 1001)`, `{}`, "too large an output"},
		{"too large an input", `function(ctx) 1`, `"` + strings.Repeat("x", 100_000) + `"`, "input of the program is too large"},
		{"too deep an input", `function(ctx) ctx`, strings.Repeat("[", 40_000) + strings.Repeat("]", 40_000), "program failed"},
		{"no JSON", `function(ctx) ctx`, `{"a":`, "program failed"},
		{"imports", `function(ctx) import "/etc/hostname"`, `{}`, "must not import"},
		{"imports of text", `function(ctx) local x = { y: [importstr "/etc/passwd"] }; x`, `{}`, "must not import"},
		{"imports of bytes", `function(ctx) (function(x=importbin "/etc/passwd") x)()`, `{}`, "must not import"},
		{"the clock itself", `function(ctx) import "gatehouse:clock"`, `{}`, "must not import"},
		{"variables of others", `function(ctx) std.extVar("HOME")`, `{}`, "ndefined external variable: HOME"},
		{"native functions", `function(ctx) std.native("exec")("id")`, `{}`, "program failed"},
		{"too long", strings.Repeat(" ", 200_000) + "1", `{}`, "more than"},
		{"no program", `function(ctx`, `{}`, "Expected"},
		{"too few parameters", `function() 1`, `{}`, "function has no parameter ctx"},
		{"too many parameters", `function(ctx, more) 1`, `{}`, "issing argument: more"},
		{"another's member", `function(ctx) ctx.nobody`, `{}`, "ield does not exist: nobody"},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := patient
			if c.want == endless {
				j = hurried
			}
			_, err := evaluate(t, j, c.program, c.input)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
			// There is one place for programs, and the next one gets it. A loop in the standard library may still have to end.
			testkit.Eventually(t, "another program runs", func() bool {
				_, err := evaluate(t, j, `function(ctx) 1`, `{}`)
				return err == nil
			})
		})
	}
}

func TestErrorsOfProgramsHoldNoData(t *testing.T) {
	j := hook.NewJsonnet(hook.Limits{Timeout: time.Minute})
	for _, program := range []string{
		`function(ctx) error "no " + ctx.email`,
		`function(ctx) {}[ctx.email]`,
		`function(ctx) std.parseInt(ctx.email)`,
		`function(ctx) assert false : ctx.email; 1`,
		`function(ctx) { [ctx.email]: 1, ["mary@example.org"]: 2 }`,
	} {
		_, err := evaluate(t, j, program, `{"email":"mary@example.org"}`)
		if err == nil || strings.Contains(err.Error(), "mary") {
			t.Errorf("%s: %v", program, err)
		}
	}
	_, err := evaluate(t, j, "function(ctx)\n\n  error 'x'", `{}`)
	if err == nil || !strings.Contains(err.Error(), "line 3") {
		t.Errorf("an error does not say where it is: %v", err)
	}
}

func TestJsonnetWithVariables(t *testing.T) {
	j := hook.NewJsonnet(hook.Limits{Timeout: time.Minute, MaxInput: 100})
	program := `local session = std.extVar("session"); local claims = std.extVar("claims");
		{ claims: { iss: claims.iss + "/", email: session.identity.traits.email } }`
	got, err := j.EvaluateWith(t.Context(), "claims", program, map[string]string{
		"session": `{"identity":{"traits":{"email":"mary@example.org"}}}`, "claims": `{"iss":"https://example.org"}`,
	})
	want := `{"claims":{"email":"mary@example.org","iss":"https://example.org/"}}`
	if got = strings.Join(strings.Fields(got), ""); err != nil || got != want {
		t.Errorf("got %s, %v", got, err)
	}
	if _, err := j.EvaluateWith(t.Context(), "claims", program, map[string]string{"session": strings.Repeat(" ", 101)}); err == nil {
		t.Error("a large variable was taken")
	}
	if _, err := j.EvaluateWith(t.Context(), "claims", `std.extVar("session"`, nil); err == nil || !strings.Contains(err.Error(), "claims:") {
		t.Errorf("a program that cannot be parsed is not named: %v", err)
	}
}

func TestProgramsRunBesideOneAnother(t *testing.T) {
	j := hook.NewJsonnet(hook.Limits{Timeout: time.Minute, Concurrent: 4})
	var all sync.WaitGroup
	for i := range 32 {
		all.Go(func() {
			n := string(rune('a' + i%26))
			out, err := j.Evaluate(context.Background(), `local f(x) = x; function(ctx) f(ctx.n)`, []byte(`{"n":"`+n+`"}`))
			if err != nil || string(out) != `"`+n+`"` {
				t.Errorf("%s became %s, %v", n, out, err)
			}
		})
	}
	all.Wait()
}

func TestWhoDoesNotWaitGetsAnAnswer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := hook.NewJsonnet(hook.Limits{}).Evaluate(ctx, `1`, nil); err == nil {
		t.Error("a program ran for somebody who is gone")
	}
}
