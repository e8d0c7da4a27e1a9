package precondition_test

import (
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/precondition"
)

func TestMet(t *testing.T) {
	const there, nothing = `"a"`, ""
	for _, c := range []struct {
		match, noneMatch, etag string
		want                   bool
	}{
		{"", "", there, true}, {"", "", nothing, true},
		{`"a"`, "", there, true}, {`"b"`, "", there, false}, {`"b" , "a"`, "", there, true},
		{`W/"a"`, "", there, false}, // If-Match compares strongly (RFC 9110 §13.1.1)
		{"*", "", there, true}, {"*", "", nothing, false}, {`"a"`, "", nothing, false},
		{"", "*", there, false}, {"", "*", nothing, true},
		{"", `"a"`, there, false}, {"", `"b"`, there, true}, {"", `W/"a"`, there, false}, {"", `"b", "a"`, there, false}, {"", `"a"`, nothing, true},
		{`"a"`, `"b"`, there, true}, {`"a"`, `"a"`, there, false},
	} {
		if got := precondition.Of(c.match, c.noneMatch).Met(c.etag); got != c.want {
			t.Errorf("If-Match: %s, If-None-Match: %s of %q: %v", c.match, c.noneMatch, c.etag, got)
		}
	}
}
