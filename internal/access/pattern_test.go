package access

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What Oathkeeper's documentation and its tests say that patterns match, and what the groups catch.
func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		strategy, pattern, url string
		groups                 []string // nil where the pattern does not match
	}{
		{"regexp", "https://mydomain.com/", "https://mydomain.com/", []string{}},
		{"regexp", "https://mydomain.com/", "https://mydomain.com", []string{}}, // an empty path is / on the wire
		{"regexp", "https://mydomain.com/", "https://mydomain.com/foo", nil},
		{"regexp", "<https|http>://mydomain.com/<.*>", "https://mydomain.com/", []string{"https", ""}},
		{"regexp", "<https|http>://mydomain.com/<.*>", "http://mydomain.com/foo", []string{"http", "foo"}},
		{"regexp", "<https|http>://mydomain.com/<.*>", "https://other-domain.com/", nil},
		{"regexp", "http://mydomain.com/<[[:digit:]]+>", "http://mydomain.com/123", []string{"123"}},
		{"regexp", "http://mydomain.com/<[[:digit:]]+>", "http://mydomain.com/abc", nil},
		{"regexp", "http://mydomain.com/<(?!protected).*>", "http://mydomain.com/resource", []string{"resource"}},
		{"regexp", "http://mydomain.com/<(?!protected).*>", "http://mydomain.com/protected", nil},
		{"regexp", "http://my-app/some-route/<.*>", "http://my-app/some-route/a/b", []string{"a/b"}},
		{"regexp", "http://my-app/some-route<.*>", "http://my-app/some-routes", []string{"s"}},
		{"regexp", "http://my-app/some-route<.*>", "http://my-app/some-route/a", []string{"/a"}},
		{"regexp", "http://my-app/some-route<.*>", "http://my-app/some", nil},
		{"regexp", "http://my-app<.*>", "http://my-app/any/thing", []string{"/any/thing"}},
		{"regexp", "http://my-app<.*>", "http://my-app:8080/any", []string{":8080/any"}},
		{"regexp", "http://<.*>/admin", "http://a.example.com/x/admin", []string{"a.example.com/x"}},
		{"regexp", "http://<.*>Report.pdf", "http://a.example.com/x/Report.pdf", []string{"a.example.com/x/"}},
		{"regexp", "<.*>://<.*>/<.*>", "https://a/b/c", []string{"https", "a/b", "c"}},
		{"regexp", "https://localhost:1234/<foo|bar>", "https://localhost:1234/bar", []string{"bar"}},
		{"regexp", "https://localhost:1234/<foo|bar>", "https://localhost/bar", nil},
		{"regexp", "https://MyDomain.com:443/<.+>", "https://mydomain.COM./a", []string{"a"}},
		{"regexp", "https://mydomain.com/<.+>", "https://mydomain.com/", nil},
		{"regexp", "https://<[a-z]+>.example.com/<[^/]+>/<[0-9]+>-<[a-z]*>", "https://eu.example.com/x/12-ab", []string{"eu", "x", "12", "ab"}},
		{"regexp", "https://<[a-z]+>.example.com/<[^/]+>", "https://example.com/x", nil},
		{"regexp", "https://h/<a(b)?(c)?>", "https://h/ab", []string{"ab", "b", ""}},
		{"regexp", "https://h/<(?P<n>a)(b)>", "https://h/ab", []string{"ab", "b", "a"}}, // .NET counts groups with names last
		{"regexp", "https://h/<[a-z-[aeiou]]+>", "https://h/xyz", []string{"xyz"}},      // .NET's subtraction
		{"regexp", "https://h/<[a-z-[aeiou]]+>", "https://h/xaz", nil},
		{"regexp", `https://h/<(?<x>a|b)\k<x>>`, "https://h/bb", []string{"bb", "b"}},
		{"regexp", `https://h/<(?<x>a|b)\k<x>>`, "https://h/ba", nil},
		{"regexp", "https://h/<[^/]*>/b", "https://h/ä%20ö/b", []string{"ä ö"}},
		{"regexp", "https://h/straße/<.*>", "https://h/stra%C3%9Fe/1", []string{"1"}},
		{"regexp", "https://h/<foo$>/bar", "https://h/foo/bar", nil},
		{"regexp", "https://h/<.*$>", "https://h/foo/bar", []string{"foo/bar"}},
		{"regexp", "https://h/a.c", "https://h/abc", nil},
		{"regexp", "https://h/a%20b", "https://h/a%20b", nil},
		{"regexp", "https://h/100%<.*>", "https://h/100%25-4", []string{"-4"}},
		{"regexp", "https://h/a<.?>b<.*>", "https://h/a/b", []string{"/", ""}},

		{"glob", "https://mydomain.com/<m?n>", "https://mydomain.com/man", []string{}},
		{"glob", "https://mydomain.com/<m?n>", "http://mydomain.com/foo", nil},
		{"glob", "https://mydomain.com/<{foo*,bar*}>", "https://mydomain.com/foo", []string{}},
		{"glob", "https://mydomain.com/<{foo*,bar*}>", "https://mydomain.com/barn", []string{}},
		{"glob", "https://mydomain.com/<{foo*,bar*}>", "https://mydomain.com/any", nil},
		{"glob", "http://example.com/<*>", "http://example.com/foo/bar", nil},
		{"glob", "http://example.com/<**>", "http://example.com/foo/bar", []string{}},
		{"glob", "http://<*>.example.com/<**>", "http://a.example.com/foo", []string{}},
		{"glob", "http://<*>.example.com/<**>", "http://a.b.example.com/foo", nil},
		{"glob", "http://<**>.example.com/<**>", "http://a.b.example.com/foo", []string{}},
	} {
		t.Run(c.strategy+" "+c.pattern+" "+c.url, func(t *testing.T) {
			e := coreEngine(func(o *Options) { o.Config.MatchingStrategy = c.strategy })
			loadRules(t, e, openRule("it", Match{URL: c.pattern}))
			d := e.Decide(t.Context(), requestFor(t, "GET", c.url))
			if c.groups == nil {
				if ruleOf(d) != "not_found" {
					t.Fatalf("matches: %v", d.Principal.MatchContext.RegexpCaptureGroups)
				}
				return
			}
			if d.Err != nil {
				t.Fatal(d.Err)
			}
			if diff := cmp.Diff(c.groups, d.Principal.MatchContext.RegexpCaptureGroups); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What github.com/gobwas/glob says in its documentation and tests, with "." and "/" as separators. Where the library does
// otherwise (beside a *, its ? also matches a separator, and its ? does not match letters of two bytes), we do what it says.
func TestGlobs(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"* ?at * eyes", "my cat has very bright eyes", true},
		{"", "", true},
		{"", "b", false},
		{"*ä", "åä", true},
		{"abc", "abc", true},
		{"a*c", "abc", true},
		{"a*c", "a12345c", true},
		{"a?c", "a1c", true},
		{"a.b", "a.b", true},
		{"a.*", "a.b", true},
		{"a.**", "a.b.c", true},
		{"a.?.c", "a.b.c", true},
		{"a.?.?", "a.b.c", true},
		{"?at", "cat", true},
		{"*", "abc", true},
		{`\*`, "*", true},
		{`\*`, "a", false},
		{"**", "a.b.c", true},
		{"?at", "at", false},
		{"?at", "/at", false},
		{"a.*", "a.b.c", false},
		{"a.?.c", "a.bb.c", false},
		{"*", "a.b.c", false},
		{"*", "a/b", false},
		{"*test", "this is a test", true},
		{"*is*a*", "this is a test", true},
		{"**is**a***test*", "this is a test", true},
		{"*no*", "this is a test", false},
		{"[!a]*", "this is a test3", true},
		{"[!a]*", "a", false},
		{"[!a]b", "/b", true},
		{"[abc]", "b", true},
		{"[a,b]", ",", true},
		{"[a-c]x", "bx", true},
		{"[a-c]x", "dx", false},
		{"[!a-c]x", "dx", true},
		{"[ab-d]", "-", true},
		{"[ab-d]", "c", false},
		{`[\]]`, "]", true},
		{"*abc", "abcabc", true},
		{"???", "abc", true},
		{"?*?", "ac", true},
		{"?*?", "a", false},
		{"sta?n", "stagnation", false},
		{"{abc,def}ghi", "defghi", true},
		{"{abc,abcd}a", "abcda", true},
		{"{a,ab}{bc,f}", "abc", true},
		{"{*,**}{a,b}", "ab", true},
		{"{*,**}{a,b}", "ac", false},
		{"{a,}b", "b", true},
		{"{a,{b,c}d}", "cd", true},
		{"{*.google.*,yandex.*}", "www.google.com", true},
		{"{*.google.*,yandex.*}", "www.yandex.com", false},
		{"a,b}c", "a,b}c", true},
		{"(a|b)+", "(a|b)+", true},
		{"(a|b)+", "ab", false},
		{"[^a]", "^", true},
		{"[^a]", "b", false},
	} {
		e, err := readGlob(c.pattern)
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
			continue
		}
		m, err := newText([]piece{{expr: e}}, true)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.match(c.text); got != c.want {
			t.Errorf("%q on %q: %t (%s)", c.pattern, c.text, got, e.source)
		}
	}
	for _, bad := range []string{"[", "[]", "[!]", "[a", "[a-", "[a-]", "[z-a]", "[a-z0-9]", "{a", "{a,{b}", `a\`, strings.Repeat("{", 100)} {
		if _, err := readGlob(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestPathTemplates(t *testing.T) {
	for _, c := range []struct {
		hosts []string
		path  string
		url   string
		want  map[string]string
		no    bool
	}{
		{path: "/users/{id}", url: "http://any.example.com/users/7", want: map[string]string{"id": "7"}},
		{path: "/users/{id}", url: "http://any.example.com/users/7/", no: true},
		{path: "/users/{id}", url: "http://any.example.com/users/", no: true},
		{path: "/users/{id}/", url: "http://a/users/7/", want: map[string]string{"id": "7"}},
		{path: "/users/{id}/posts/{post}", url: "http://a/users/7/posts/%C3%A4", want: map[string]string{"id": "7", "post": "ä"}},
		{path: "/*/b", url: "http://x/a/b"},
		{path: "/{*}/b", url: "http://x/a/b"},
		{path: "/*/b", url: "http://x/a/a/b", no: true},
		{path: "/files/{rest**}", url: "http://x/files/a/b/", want: map[string]string{"rest": "a/b/"}},
		{path: "/files/{**}", url: "http://x/files/"},
		{path: "/files/**", url: "http://x/files", no: true},
		{path: "/", url: "http://x/"},
		{path: "/", url: "http://x/a", no: true},
		{path: "/a%20b", url: "http://x/a%20b"},
		{hosts: []string{"*.example.com"}, url: "https://a.example.com/x"},
		{hosts: []string{"*.example.com"}, url: "https://a.b.example.com/x", no: true},
		{hosts: []string{"*.example.com"}, url: "https://example.com/x", no: true},
		{hosts: []string{"**.example.com"}, url: "https://a.b.example.com/x"},
		{hosts: []string{"**.example.com"}, url: "https://example.com/x", no: true},
		{hosts: []string{"**"}, url: "https://b.example.com/x"},
		{hosts: []string{"a.example.com", "B.example.com."}, url: "https://b.example.com/x"},
		{hosts: []string{"a.example.com:8080"}, path: "/{x}", url: "https://a.example.com:8080/x", want: map[string]string{"x": "x"}},
		{hosts: []string{"[::1]"}, path: "/{x}", url: "https://[::1]/x", want: map[string]string{"x": "x"}},
	} {
		e := coreEngine()
		loadRules(t, e, openRule("it", Match{Hosts: c.hosts, Path: c.path}))
		d := e.Decide(t.Context(), requestFor(t, "GET", c.url))
		if c.no != (d.Rule == nil) {
			t.Errorf("%v %s on %s: %s", c.hosts, c.path, c.url, ruleOf(d))
			continue
		}
		if d.Rule != nil {
			if diff := cmp.Diff(c.want, d.Principal.MatchContext.Captures); diff != "" {
				t.Errorf("%s on %s: %s", c.path, c.url, diff)
			}
		}
	}
}

// What the path of a request cannot have, a template is refused for.
func TestPathTemplatesThatAreRefused(t *testing.T) {
	for _, bad := range []string{"", "a", "/a//b", "//", "/a/..", "/./a", "/%2e%2E", "/a%2Fb/{x}", "/a%2fb", `/a\b`, "/a%5Cb", "/a%00", "/%zz", "/%2", "/{a}/{a}", "/{**}/a", "/{}", "/a{b}", "/{b", "/b*", "/{a b}", "/{***}"} {
		if list, err := ParsePathTemplate(bad); err == nil {
			t.Errorf("%q is %+v", bad, list)
		}
		if _, err := coreEngine().Check(t.Context(), []Rule{openRule("it", Match{Path: bad})}); bad != "" && err == nil {
			t.Errorf("a rule with %q is accepted", bad)
		}
	}
	got, err := ParsePathTemplate("/a%20b/%2A/{x}/*/{rest**}")
	want := []PathSegment{{Text: "a b"}, {Text: "*"}, {Kind: PathOne, Name: "x"}, {Kind: PathOne}, {Kind: PathRest, Name: "rest"}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}

func TestConditions(t *testing.T) {
	e := coreEngine()
	one := openRule("v1", Match{Path: "/api", Headers: map[string]string{"x-version": "1"}})
	two := openRule("v2", Match{Path: "/api", Headers: map[string]string{"X-Version": "<2|3>"}})
	query := openRule("debug", Match{Path: "/api", Query: map[string]string{"debug": "<.+>"}})
	query.Priority = 5
	strange := openRule("odd", Match{Path: "/odd", Headers: map[string]string{"X-A": "<(?!b).*>"}})
	loadRules(t, e, one, two, query, strange)
	for _, c := range []struct {
		url, want string
		header    []string
	}{
		{"http://a/api", "v1", []string{"X-Version", "1"}},
		{"http://a/api", "v2", []string{"X-Version", "3"}},
		{"http://a/api", "not_found", []string{"X-Version", "4"}},
		{"http://a/api", "not_found", nil},
		{"http://a/api", "not_found", []string{"X-Version", "1", "X-Version", "2"}}, // the upstream might read the other
		{"http://a/api?debug=x", "debug", []string{"X-Version", "1"}},
		{"http://a/api?debug=", "v1", []string{"X-Version", "1"}},
		{"http://a/api?debug=x&debug=", "ambiguous_url", []string{"X-Version", "1"}},
		{"http://a/api?debug=%zz", "ambiguous_url", []string{"X-Version", "1"}},
		{"http://a/odd", "odd", []string{"X-A", "a"}},
		{"http://a/odd", "not_found", []string{"X-A", "b"}},
	} {
		if got := ruleOf(e.Decide(t.Context(), requestFor(t, "GET", c.url, c.header...))); got != c.want {
			t.Errorf("%s %v: got %s, want %s", c.url, c.header, got, c.want)
		}
	}
}

func TestGRPC(t *testing.T) {
	e := coreEngine()
	get := openRule("get", Match{Authority: "api.example.com", FullMethod: "/a.B/<Get.*>", AllowHTTPGet: true})
	loadRules(t, e, openRule("call", Match{Authority: "<baz|bar>.example.com", FullMethod: "grpc.api/Call"}), get)
	for _, c := range [][3]string{
		{"POST", "https://bar.example.com/grpc.api/Call", "call"}, {"POST", "http://baz.example.com/grpc.api/Call", "call"},
		{"GET", "https://bar.example.com/grpc.api/Call", "not_found"}, {"POST", "https://bar.example.com/grpc.api/Other", "not_found"},
		{"GET", "https://api.example.com/a.B/GetAll", "get"}, {"POST", "https://api.example.com/a.B/GetAll", "get"},
	} {
		if got := ruleOf(e.Decide(t.Context(), requestFor(t, c[0], c[1]))); got != c[2] {
			t.Errorf("%s %s: %s", c[0], c[1], got)
		}
	}
}
