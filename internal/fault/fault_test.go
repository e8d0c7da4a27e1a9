package fault

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

var errSpent = New(Gone, "spent", "It was used already.")

func TestStatus(t *testing.T) {
	want := map[Kind]int{
		Internal: 500, Invalid: 400, Unauthenticated: 401, Forbidden: 403, NotFound: 404, NotAllowed: 405, Conflict: 409,
		Gone: 410, Stale: 412, TooLarge: 413, Unsupported: 415, Limited: 429, Unavailable: 503, Kind(200): 500,
	}
	for k, status := range want {
		if got := k.Status(); got != status {
			t.Errorf("kind %d: %d, want %d", k, got, status)
		}
	}
	if (&Error{}).Kind.Status() != 500 {
		t.Error("an error without a kind must be ours")
	}
}

func TestCopiesLeaveTheDeclaredErrorAlone(t *testing.T) {
	before := *errSpent
	cause := errors.New("row 7")
	e := errSpent.Withf("Code %d was used already.", 7).Because(cause).WithDetail("redirect_to", "/x").After(time.Second)
	second := e.WithDetail("more", 1)
	if errSpent.Message != before.Message || errSpent.Details != nil || errSpent.RetryAfter != 0 || errSpent.cause != nil {
		t.Errorf("the declared error was changed: %+v", errSpent)
	}
	if len(e.Details) != 1 || len(second.Details) != 2 {
		t.Errorf("details are shared: %v, %v", e.Details, second.Details)
	}
	if e.Message != "Code 7 was used already." || e.RetryAfter != time.Second {
		t.Errorf("copy: %+v", e)
	}
	if !errors.Is(e, errSpent) || !errors.Is(e, cause) || errors.Is(e, New(Gone, "other", "")) {
		t.Error("errors.Is")
	}
	if text := e.Error(); !strings.Contains(text, "spent") || !strings.Contains(text, "row 7") {
		t.Errorf("the log sees %q", text)
	}
}

type lost struct{}

func (lost) Error() string { return "dial tcp 10.0.0.1: refused" }
func (lost) Fault() *Error { return New(Unavailable, "database_unavailable", "Try again.") }

func TestFrom(t *testing.T) {
	wrapped := fmt.Errorf("redeem: %w", errSpent.With("Sorry."))
	for _, c := range []struct {
		name    string
		err     error
		kind    Kind
		code    string
		message string
	}{
		{"itself", errSpent, Gone, "spent", "It was used already."},
		{"wrapped", wrapped, Gone, "spent", "Sorry."},
		{"of a lower package", fmt.Errorf("get: %w", lost{}), Unavailable, "database_unavailable", "Try again."},
		{"canceled", fmt.Errorf("query: %w", context.Canceled), Unavailable, "request_canceled", canceled.Message},
		{"too slow", context.DeadlineExceeded, Unavailable, "timeout", timeout.Message},
		{"unknown", errors.New("secret detail"), Internal, "server_error", unknown.Message},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := From(c.err)
			if e.Kind != c.kind || e.Code != c.code || e.Message != c.message {
				t.Errorf("%+v", e)
			}
			if !errors.Is(e, c.err) {
				t.Error("the cause is lost")
			}
			if strings.Contains(e.Message, "secret") {
				t.Error("the cause is public")
			}
		})
	}
	if From(nil) != nil {
		t.Error("nil must stay nil")
	}
	if From(errSpent) != errSpent {
		t.Error("a plain fault is copied for nothing")
	}
}

func TestKindOf(t *testing.T) {
	for k := Internal; k <= Unavailable; k++ {
		if got := KindOf(k.Status()); got != k {
			t.Errorf("the kind of %d is %d and not %d", k.Status(), got, k)
		}
	}
	if got := KindOf(418); got != Internal {
		t.Errorf("a status that no kind has: %d", got)
	}
}
