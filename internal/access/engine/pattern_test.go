package engine

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/access"
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
			loadRules(t, e, openRule("it", access.Match{URL: c.pattern}))
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
		loadRules(t, e, openRule("it", access.Match{Hosts: c.hosts, Path: c.path}))
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

// What the path of a request cannot have, a rule is refused for.
func TestPathTemplatesThatAreRefused(t *testing.T) {
	for _, bad := range []string{"a", "/a//b", "/a/..", "/a%2Fb/{x}", "/{a}/{a}"} {
		if _, err := coreEngine().Check(t.Context(), []access.Rule{openRule("it", access.Match{Path: bad})}); err == nil {
			t.Errorf("a rule with %q is accepted", bad)
		}
	}
}

func TestConditions(t *testing.T) {
	e := coreEngine()
	one := openRule("v1", access.Match{Path: "/api", Headers: map[string]string{"x-version": "1"}})
	two := openRule("v2", access.Match{Path: "/api", Headers: map[string]string{"X-Version": "<2|3>"}})
	query := openRule("debug", access.Match{Path: "/api", Query: map[string]string{"debug": "<.+>"}})
	query.Priority = 5
	strange := openRule("odd", access.Match{Path: "/odd", Headers: map[string]string{"X-A": "<(?!b).*>"}})
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
	get := openRule("get", access.Match{Authority: "api.example.com", FullMethod: "/a.B/<Get.*>", AllowHTTPGet: true})
	loadRules(t, e, openRule("call", access.Match{Authority: "<baz|bar>.example.com", FullMethod: "grpc.api/Call"}), get)
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
