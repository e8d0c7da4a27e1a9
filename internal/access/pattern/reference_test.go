package pattern_test

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"github.com/dlclark/regexp2"
	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/engine"
	"github.com/gatehouse-iam/gatehouse/internal/access/pattern"
	"github.com/gatehouse-iam/gatehouse/internal/access/target"
)

// slowRule is the slow and obvious way to find a rule: every pattern is one regular expression over the whole URL, as
// Oathkeeper has it, and every rule is tried on every request.
type slowRule struct {
	rule  access.Rule
	match func(url string) (bool, []string)
}

func newSlowRule(r access.Rule, useGlobs bool) (slowRule, bool) {
	source, ok := referenceSource(r.Match.URL, useGlobs)
	if !ok {
		return slowRule{}, false
	}
	if re, err := regexp.Compile(source); err == nil && !pattern.Subtracts(source) {
		return slowRule{r, func(url string) (bool, []string) {
			m := re.FindStringSubmatch(url)
			if m == nil {
				return false, nil
			}
			groups := []string{}
			for _, named := range []bool{false, true} {
				for i, name := range re.SubexpNames()[1:] {
					if (name != "") == named && !useGlobs {
						groups = append(groups, m[i+1])
					}
				}
			}
			return true, groups
		}}, true
	}
	re, err := regexp2.Compile(source, regexp2.RE2)
	if err != nil {
		return slowRule{}, false
	}
	re.MatchTimeout = pattern.ForeignTimeout
	return slowRule{r, func(url string) (bool, []string) {
		m, err := re.FindStringMatch(url)
		if err != nil || m == nil {
			return false, nil
		}
		groups := []string{}
		for _, g := range m.Groups()[1:] {
			groups = append(groups, g.String())
		}
		return true, groups
	}}, true
}

func referenceSource(written string, useGlobs bool) (string, bool) {
	var source strings.Builder
	source.WriteByte('^')
	level, from := 0, 0
	for i, c := range []byte(written) {
		switch {
		case c == '<':
			if level++; level == 1 {
				source.WriteString(regexp.QuoteMeta(written[from:i]))
				from = i + 1
			}
		case c == '>':
			if level--; level < 0 {
				return "", false
			} else if level == 0 {
				expr := written[from:i]
				if useGlobs {
					var err error
					if expr, err = pattern.GlobSource(expr); err != nil {
						return "", false
					}
				}
				source.WriteString("(" + expr + ")")
				from = i + 1
			}
		}
	}
	source.WriteString(regexp.QuoteMeta(written[from:]) + "$")
	return source.String(), level == 0
}

// textOf is what of a pattern stands outside of its expressions.
func textOf(pattern string) string {
	level := 0
	return strings.Map(func(c rune) rune {
		switch {
		case c == '<':
			level++
		case c == '>':
			level--
		case level == 0:
			return c
		}
		return -1
	}, pattern)
}

// verdictOf is what the rules say about a request, by the reference.
func verdictOf(all []slowRule, r *access.Request) (rule string, groups []string) {
	url := r.Target.Scheme + "://" + r.Target.Host + target.Unescape(r.Target.Path)
	best, found := 0, 0
	for _, one := range all {
		if !strings.EqualFold(one.rule.Match.Methods[0], r.Method) {
			continue
		}
		matched, g := one.match(url)
		switch {
		case !matched:
		case found == 0 || one.rule.Priority > best:
			best, found, rule, groups = one.rule.Priority, 1, one.rule.ID, g
		case one.rule.Priority == best:
			found++
		}
	}
	switch found {
	case 0:
		return "not_found", nil
	case 1:
		return rule, groups
	}
	return "many_rules", nil
}

// FuzzMatch compares the index with the reference: the same verdict and the same groups for every set of rules and every
// request; and where two rules match, looking for conflicts finds some. Each line of rules is a pattern; its place decides
// method and priority.
func FuzzMatch(f *testing.F) {
	urls := []string{
		"http://my-app/some-route/a/b", "https://a.example.com/", "http://a.b.example.com:8080/users/12/posts", "https://h/a%20b/%C3%A4/",
		"http://127.0.0.1/api.v1/x-y_z", "https://[::1]/a", "http://h/100%25",
	}
	for i, rules := range []string{
		"http://my-app/some-route/<.*>\nhttp://my-app/some-route<.*>\nhttp://my-app<.*>\n<.*>\n<https?>://<[^/]+>/<.+>",
		"<https|http>://<[a-z]+>.example.com/<.*>\nhttps://a.example.com/\nhttps://<.*>.example.com/<a?>\nhttps://<[^/]*>example.com/",
		"http://<.*>/users/<[0-9]+>/<(?!private).*>\nhttp://<[a-z.]+>:8080/users/<\\d+>/posts\nhttp://a.b.example.com:8080/<[^/]+>/<[^/]*>/p<.*>",
		"https://h/a b/<[^/]+>/\nhttps://h/<a.b>/<.?>/\nhttps://h/<(?i)A.*>",
		"http://127.0.0.1/<*>/x<?>y_z\nhttp://127.0.0.1/<**>\nhttp://<{127,128}.0.0.1>/api.<v[0-9]>/<*>\nhttp://127.0.0.1/api.<[!a]>1/<**>",
		"https://[::1]/<a$>\nhttps://[::1]/<^a>\nhttps://<.*>/<.*>\nhttps://[::1]/<(?P<n>a)()>\nhttps://[::1]/<\\ba\\b>",
		"http://h/100%\nhttp://h/<[[:digit:]]+>%\nhttp://h/<[0-9]{3}.>",
	} {
		f.Add(rules, "GET", urls[i], false)
		f.Add(rules, "POST", urls[len(urls)-1-i], true)
	}
	f.Fuzz(func(t *testing.T, text, method, url string, useGlobs bool) {
		scheme, rest, _ := strings.Cut(url, "://")
		host, path, _ := strings.Cut(rest, "/")
		asked, err := target.Parse(scheme, host, "/"+path, "", target.Options{})
		if err != nil || len(text) > 400 { // no rule is asked about what is no target; longer texts only make the reference slow
			return
		}
		request := &access.Request{Method: method, Target: asked}
		var rules []access.Rule
		var slow []slowRule
		for i, line := range strings.Split(text, "\n") {
			// The index writes the hosts of rules in one way, which Oathkeeper's reading, the reference, does not.
			if before, _, _ := strings.Cut(strings.Replace(textOf(line), "://", "", 1), "/"); target.Lower(before) != before || strings.Contains(before, ":80") || strings.Contains(before, ":443") {
				continue
			}
			r := access.Rule{
				ID: strings.Repeat("r", i+1), Match: access.Match{URL: line, Methods: []string{[]string{"get", "POST"}[i%5/4]}}, Priority: i % 3 / 2,
				Authenticators: []access.HandlerRef{{Handler: "noop"}}, Authorizer: access.HandlerRef{Handler: "allow"},
			}
			one, ok := newSlowRule(r, useGlobs)
			if _, err := engineOf(useGlobs).Check(t.Context(), []access.Rule{r}); err != nil || !ok {
				continue
			}
			rules, slow = append(rules, r), append(slow, one)
		}
		e := engineOf(useGlobs)
		report, err := e.Load(t.Context(), rules)
		if err != nil {
			t.Fatalf("%s\nare good one by one: %v", text, err)
		}
		d := e.Decide(t.Context(), request)
		if d.Err != nil && d.Err.Code == access.ErrUnavailable.Code {
			return // an expression took too long
		}
		want, groups := verdictOf(slow, request)
		if got := ruleOf(d); got != want {
			t.Fatalf("%s %v of\n%s\nis %s by the index and %s by the reference", method, asked, text, got, want)
		}
		if want == "many_rules" && len(report.Conflicts)+len(report.Undecided) == 0 {
			t.Fatalf("no two of\n%s\nwere found to match one request, but %v is one", text, asked)
		}
		if d.Rule != nil {
			if diff := cmp.Diff(groups, d.Principal.MatchContext.RegexpCaptureGroups); diff != "" {
				t.Fatalf("%v of %s: groups: %s", asked, d.Rule.Match.URL, diff)
			}
		}
	})
}

func ruleOf(d *access.Decision) string {
	if d.Rule != nil {
		return d.Rule.ID
	}
	return d.Err.Code
}

// open lets everybody pass.
type open struct{}

func (open) Authenticate(context.Context, *access.Request) (*access.Principal, error) {
	return &access.Principal{}, nil
}

func (open) Authorize(context.Context, *access.Request, *access.Principal) error { return nil }

// engineOf gives one that answers requests of two rules instead of refusing the rules.
func engineOf(useGlobs bool) *engine.Engine {
	c := engine.DefaultConfig()
	c.Conflicts = "error"
	if useGlobs {
		c.MatchingStrategy = "glob"
	}
	return engine.New(engine.Options{Config: c, Kinds: access.Kinds{
		Authenticators: map[string]access.Kind[access.Authenticator]{"noop": func(access.Settings) (access.Authenticator, error) { return open{}, nil }},
		Authorizers:    map[string]access.Kind[access.Authorizer]{"allow": func(access.Settings) (access.Authorizer, error) { return open{}, nil }},
	}})
}
