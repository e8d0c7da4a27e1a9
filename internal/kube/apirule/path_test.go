package apirule

import (
	"regexp"
	"strings"
	"testing"
)

func TestReach(t *testing.T) {
	for pattern, want := range map[string]struct {
		reach
		same bool
	}{
		"/.*":              {reach{"", false}, true},
		"/":                {reach{"/", true}, true},
		"/orders":          {reach{"/orders", true}, true},
		"/orders/":         {reach{"/orders/", true}, true},
		"/orders/.*":       {reach{"/orders", false}, false},
		"/orders(/.*)?":    {reach{"/orders", false}, true},
		"/orders/(/.*)?":   {reach{"/orders", false}, false},
		"/(/.*)?":          {reach{"", false}, false},
		"/orders.*":        {reach{"", false}, false},
		"/orders/x.*":      {reach{"/orders", false}, false},
		"/orders/?":        {reach{"", false}, false},
		"/orders/*":        {reach{"", false}, false},
		"/a/b+":            {reach{"/a", false}, false},
		"/a/bc?":           {reach{"/a", false}, false},
		"/a/bc{0,1}":       {reach{"/a", false}, false},
		`/v1\.0/x`:         {reach{"/v1.0/x", true}, true},
		`/v1\.?0/x`:        {reach{"", false}, false},
		`/a/\d`:            {reach{"/a", false}, false},
		"/a|/b":            {reach{"", false}, false},
		"/a/b|/c":          {reach{"", false}, false},
		"/a/(b|c)":         {reach{"/a", false}, false},
		"/a/(b)|/c":        {reach{"", false}, false},
		`/a/\||/c`:         {reach{"", false}, false},
		"/a/[)]|/c":        {reach{"", false}, false},
		"/?a":              {reach{"", false}, false},
		"/a/(?!secret).*":  {reach{"/a", false}, false},
		"/(?i)a/b":         {reach{"", false}, false},
		"/a/^b":            {reach{"/a", false}, false},
		`/a\Q/b\E`:         {reach{"", false}, false},
		"/a/b\";}x{":       {reach{"/a", false}, false},
		"/a/b c":           {reach{"/a", false}, false},
		"/a/b%2fc":         {reach{"/a", false}, false},
		"/favicon.ico":     {reach{"", false}, false},
		"/a/b/c/(.*)/d":    {reach{"/a/b/c", false}, false},
		"/deep/er/.*/more": {reach{"/deep/er", false}, false},
	} {
		if got, same := reachOf(pattern); got != want.reach || same != want.same {
			t.Errorf("%s: %+v %v", pattern, got, same)
		}
	}
}

// A reach has every path that its pattern has: whatever is left out could lead past the gateway.
func FuzzReachHasAllPaths(f *testing.F) {
	for _, pattern := range []string{"/.*", "/a(/.*)?", "/a/b|/c", `/a\.b/?`, "/a/[|]/b", "/a/b{0}", "/(a|b)/c", `/\/a`, "/a/*"} {
		for _, path := range []string{"/", "/a", "/a/", "/a/b", "/c", "/a.b", "/b/c", "//a"} {
			f.Add(pattern, path)
		}
	}
	f.Fuzz(func(t *testing.T, pattern, path string) {
		if !strings.HasPrefix(pattern, "/") || !strings.HasPrefix(path, "/") {
			return
		}
		re, err := regexp.Compile(`^(?:` + pattern + `)$`)
		if err != nil || strings.ContainsAny(path, "\n") {
			return
		}
		r, same := reachOf(pattern)
		in := r.covers(reach{path, true})
		if matches := re.MatchString(path); matches && !in || same && in != matches {
			t.Errorf("%q is matched by %q: %v, and the reach %+v has it: %v", path, pattern, matches, r, in)
		}
	})
}

func TestReachesApart(t *testing.T) {
	at := func(pattern string) reach { r, _ := reachOf(pattern); return r }
	for _, test := range []struct {
		a, b                    string
		aCovers, bCovers, apart bool
	}{
		{"/.*", "/a", true, false, false},
		{"/.*", "/a(/.*)?", true, false, false},
		{"/a(/.*)?", "/ab", false, false, true},
		{"/a(/.*)?", "/a", true, false, false},
		{"/a(/.*)?", "/a/", true, false, false},
		{"/a", "/b", false, false, true},
		{"/a", "/a", true, true, false},
		{"/a/.*", "/a/b/.*", true, false, false},
	} {
		a, b := at(test.a), at(test.b)
		if a.covers(b) != test.aCovers || b.covers(a) != test.bCovers || a.apart(b) != test.apart {
			t.Errorf("%s and %s: %v %v %v", test.a, test.b, a.covers(b), b.covers(a), a.apart(b))
		}
	}
}
