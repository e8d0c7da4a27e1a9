package code

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/limit"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/selfservice"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

func TestDigits(t *testing.T) {
	for typed, want := range map[string]string{
		"123456":                  "123456",
		" 123456\r\n":             "123456",
		"123 456":                 "123456",
		"123-456":                 "123456",
		"1 2 3 4 5 6":             "123456",
		"123\u00a0456":            "123456",
		"000000":                  "000000",
		"":                        "",
		"12345":                   "",
		"1234567":                 "",
		"12345a":                  "",
		"+12345":                  "",
		"１２３４５６":                  "", // digits, but not those of the mail
		"123456\x00":              "",
		strings.Repeat(" ", 1000): "",
	} {
		got, ok := digits(typed)
		if ok != (want != "") || ok && got != want {
			t.Errorf("%q is read as %q, %v", typed, got, ok)
		}
	}
}

func TestGenerate(t *testing.T) {
	leading, seen := 0, map[string]bool{}
	for range 2000 {
		c := generate()
		if got, ok := digits(c); !ok || got != c {
			t.Fatalf("%q is no code", c)
		}
		if c[0] == '0' {
			leading++
		}
		seen[c] = true
	}
	// A tenth begins with 0: 200 of 2000, give or take six standard deviations.
	if leading < 120 || leading > 280 {
		t.Errorf("%d of 2000 codes begin with 0", leading)
	}
	if len(seen) < 1950 {
		t.Errorf("only %d of 2000 codes differ", len(seen))
	}
}

func method(t testing.TB, secrets ...secret.String) *Method {
	t.Helper()
	ring := testkit.Ring(t)
	if len(secrets) > 0 {
		var err error
		if ring, err = secret.NewRing(secrets); err != nil {
			t.Fatal(err)
		}
	}
	return &Method{Sending: selfservice.Sending{Now: new(testkit.Clock).Now}, Config: DefaultConfig(), Ring: ring.For("codes")}
}

func flow(kind selfservice.Kind, id string) *selfservice.Flow {
	return &selfservice.Flow{ID: id, Kind: kind, ExpiresAt: new(testkit.Clock).Now().Add(time.Hour), Form: ui.NewForm("/")}
}

func TestACodeMatchesItsFlowAlone(t *testing.T) {
	m := method(t)
	f := flow(selfservice.KindRecovery, "one")
	c := m.issue(f, selfservice.Recipient{Via: "email", Value: "ada@example.com"})
	sent := f.Internal.Code
	if !m.matches(f, sent, c) {
		t.Error("the code does not match")
	}
	if strings.Contains(sent.Digest, c) || sent.Digest == secret.Digest(c) {
		t.Errorf("what is kept gives the code away: %s", sent.Digest)
	}
	for _, other := range []*selfservice.Flow{flow(selfservice.KindRecovery, "two"), flow(selfservice.KindVerification, "one")} {
		if m.matches(other, sent, c) {
			t.Errorf("the code of a %s matches in %s %s", f.Kind, other.Kind, other.ID)
		}
	}
	for _, digest := range []string{"", "!", "AAAA", secret.Digest("x")} {
		if m.matches(f, &selfservice.Code{Digest: digest}, c) {
			t.Errorf("the code matches %q", digest)
		}
	}
}

func TestACodeOutlivesARotationOfKeysButNotItsFlow(t *testing.T) {
	old := method(t, "an old secret of the server")
	f := flow(selfservice.KindLogin, "one")
	f.ExpiresAt = old.Now().Add(time.Minute)
	c := old.issue(f, selfservice.Recipient{})
	if !f.Internal.Code.ExpiresAt.Equal(f.ExpiresAt) {
		t.Errorf("the code lives until %s, its flow until %s", f.Internal.Code.ExpiresAt, f.ExpiresAt)
	}
	rotated := method(t, "a new secret of the server", "an old secret of the server")
	if !rotated.matches(f, f.Internal.Code, c) {
		t.Error("after a rotation the code does not match any more")
	}
	if method(t, "a new secret of the server").matches(f, f.Internal.Code, c) {
		t.Error("the code matches without its key")
	}
}

func TestNobodysCodeMatchesNothing(t *testing.T) {
	m := method(t)
	f := flow(selfservice.KindRecovery, "one")
	c := m.issue(f, selfservice.Recipient{Via: "email", Value: "nobody@example.com"})
	in := &selfservice.Submission{Values: map[string]any{"code": c}}
	if _, err := m.take(t.Context(), f, in); err == nil {
		t.Error("a code for nobody was taken")
	}
	if f.Internal.Code.Tries != 1 {
		t.Errorf("%d tries were counted", f.Internal.Code.Tries)
	}
	if len(f.Sent()) != 0 {
		t.Errorf("%d messages to nobody", len(f.Sent()))
	}
}

func TestMask(t *testing.T) {
	for address, want := range map[string]string{
		"adalove@example.com": "ad****@example.com",
		"ada@example.com":     "ad****@example.com",
		"ad@example.com":      "a****@example.com",
		"a@example.com":       "****@example.com",
		"@":                   "****@",
		"jörg@example.com":    "jö****@example.com",
		"+4915112345678":      "+49****78",
		"+4915":               "****",
		"":                    "****",
	} {
		if got := mask(address); got != want {
			t.Errorf("%q is shown as %q, not %q", address, got, want)
		}
	}
}

func TestSameJSON(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		same bool
	}{
		{`{"a":1,"b":[2]}`, `{ "b":[2], "a":1 }`, true},
		{`{"a":9007199254740993}`, `{"a":9007199254740992}`, false},
		{`{"a":1}`, `{"a":"1"}`, false},
		{`{}`, `{"a":null}`, false},
		{``, ``, false},
	} {
		if sameJSON([]byte(tc.a), []byte(tc.b)) != tc.same {
			t.Errorf("%s and %s: same should be %v", tc.a, tc.b, tc.same)
		}
	}
}

func TestConfig(t *testing.T) {
	if faults := DefaultConfig().Validate(); len(faults) > 0 {
		t.Error(faults)
	}
	c := Config{PasswordlessEnabled: true}
	if faults := c.Validate(); len(faults) != 1 || !strings.HasPrefix(faults[0].Error(), "passwordless_enabled: ") {
		t.Error(faults)
	}
}

func FuzzCode(f *testing.F) {
	for _, s := range []string{"123456", "12 34-56", "", "１２３４５６", "\xff", "000000 "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		m := method(t)
		fl := flow(selfservice.KindVerification, "one")
		sent := m.issue(fl, selfservice.Recipient{Via: "email", Value: "ada@example.com"})
		fl.Internal.Code.IdentityID = "ada"
		read, ok := digits(typed)
		_, err := m.take(t.Context(), fl, &selfservice.Submission{Values: map[string]any{"code": typed}})
		if right := ok && read == sent; right != (err == nil) {
			t.Errorf("%q for %q: %v", typed, sent, err)
		}
		if err != nil && fl.Internal.Code.Tries != 1 {
			t.Errorf("%d tries were counted", fl.Internal.Code.Tries)
		}
	})
}

func FuzzTypedAddress(f *testing.F) {
	for _, s := range []string{"ada@example.com", " A@B.C ", "+49 151 123", "a@b,c@d", "\x00@x", "@", "a\r\nBcc: x@y.z"} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, typed string, sms bool) {
		in := &selfservice.Submission{Values: map[string]any{"email": typed}}
		via, value, err := selfservice.TypedAddress(in, "email", sms)
		if err != nil {
			if fault.From(err).Kind != fault.Internal { // *ui.Invalid is no fault
				t.Errorf("%q: %v", typed, err)
			}
			return
		}
		if strings.ContainsAny(value, "\r\n\x00 ,") || value == "" || via == "sms" && !sms {
			t.Errorf("%q was read as %q via %s", typed, value, via)
		}
	})
}

// Tries that were all let in before the first of them failed are no more tries than others: each flow has its own count, and who
// begins many of them tries in all at once.
func TestTriesAtOnceAreLocked(t *testing.T) {
	m := method(t)
	db := testkit.SQLite(t, "management")
	m.Limits = limit.New(limit.Options{
		Config: limit.DefaultConfig(), Store: limit.NewStore(limit.StoreOptions{DB: db, Ring: testkit.Ring(t).For("limit")}), Now: m.Now,
	})
	ctx := tenant.With(t.Context(), tenant.Default)
	const attempts = 40
	answers := make(chan error, attempts)
	start := make(chan struct{})
	for i := range attempts {
		f := flow(selfservice.KindLogin, fmt.Sprint("flow", i))
		guess := "123456"
		if m.issue(f, selfservice.Recipient{Via: "email", Value: "ada@example.com"}) == guess {
			guess = "654321"
		}
		go func() {
			<-start
			_, err := m.take(ctx, f, &selfservice.Submission{Values: map[string]any{"code": guess}})
			answers <- err
		}()
	}
	close(start)
	tried := 0
	for range attempts {
		switch err := <-answers; {
		case errors.Is(err, errWrong):
			tried++
		case !errors.Is(err, limit.ErrLocked):
			t.Error(err)
		}
	}
	if tried > 6 {
		t.Errorf("%d codes were tried at once", tried)
	}
}
