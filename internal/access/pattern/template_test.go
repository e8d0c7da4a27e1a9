package pattern

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What the path of a request cannot have, a template is refused for.
func TestParsePath(t *testing.T) {
	for _, bad := range []string{"", "a", "/a//b", "//", "/a/..", "/./a", "/%2e%2E", "/a%2Fb/{x}", "/a%2fb", `/a\b`, "/a%5Cb", "/a%00", "/%zz", "/%2", "/{a}/{a}", "/{**}/a", "/{}", "/a{b}", "/{b", "/b*", "/{a b}", "/{***}"} {
		if list, err := ParsePath(bad); err == nil {
			t.Errorf("%q is %+v", bad, list)
		}
	}
	got, err := ParsePath("/a%20b/%2A/{x}/*/{rest**}")
	want := []PathSegment{{Text: "a b"}, {Text: "*"}, {Kind: PathOne, Name: "x"}, {Kind: PathOne}, {Kind: PathRest, Name: "rest"}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}
