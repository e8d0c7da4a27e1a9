package app

import (
	"errors"
	"fmt"
	"net"
	"testing"
)

// Waiting helps where nobody answers, or no name is there yet, and not where a server says no.
func TestUnreachable(t *testing.T) {
	dial := &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	for name, tc := range map[string]struct {
		err  error
		want bool
	}{
		"nothing":               {nil, false},
		"refused":               {fmt.Errorf("sign in: %w", dial), true},
		"no such name":          {fmt.Errorf("sign in: %w", &net.DNSError{Err: "no such host", Name: "db", IsNotFound: true}), true},
		"a name server in need": {fmt.Errorf("sign in: %w", &net.DNSError{Err: "server misbehaving", Name: "db", IsTemporary: true}), true},
		"cut off":               {&net.OpError{Op: "read", Err: errors.New("connection reset by peer")}, false},
		"a wrong password":      {errors.New("SQLSTATE 28P01"), false},
	} {
		if got := unreachable(tc.err); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
