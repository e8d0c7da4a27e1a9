package authz

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/oauth"
)

// ScopesSettings are the settings of the authorizer scopes.
type ScopesSettings struct {
	// Strategy is how a granted scope answers for a required one: exact, hierarchic or wildcard. Default: exact.
	Strategy string `json:"strategy"`
	// Requirements are looked at in order; the first whose methods and paths fit decides. A request that none fits is refused.
	Requirements []ScopeRequirement `json:"requirements"`
}

// ScopeRequirement says which scopes some requests need.
type ScopeRequirement struct {
	// Methods are HTTP methods. Without them it is any. GET stands for HEAD too.
	Methods []string `json:"methods"`
	// Paths are templates: literal segments, {name} or * for one segment, {**} or ** at the end for any rest, none included.
	// Without them it is any.
	Paths []string `json:"paths"`
	// Scopes are all needed; AnyOf at least one of. Without either nothing is needed.
	Scopes []string `json:"scopes"`
	AnyOf  []string `json:"any_of"`
}

// scopeRules decides by scopes.
type scopeRules struct {
	strategy     oauth.ScopeStrategy
	requirements []scopeRule
}

type scopeRule struct {
	methods       []string
	paths         [][]string
	scopes, anyOf []string
}

func newScopes(from access.Settings) (access.Authorizer, error) {
	s := ScopesSettings{Strategy: string(oauth.ScopeExact)}
	if err := from.Decode(&s); err != nil {
		return nil, err
	}
	rules := &scopeRules{strategy: oauth.ScopeStrategy(s.Strategy)}
	if !slices.Contains([]oauth.ScopeStrategy{oauth.ScopeExact, oauth.ScopeHierarchic, oauth.ScopeWildcard}, rules.strategy) {
		return nil, fmt.Errorf("strategy: %q is not one of exact, hierarchic, wildcard", s.Strategy)
	}
	if len(s.Requirements) == 0 {
		return nil, errors.New("requirements: is empty, so that every request would be refused: write which scopes are needed, or use deny")
	}
	for i, from := range s.Requirements {
		r := scopeRule{scopes: from.Scopes, anyOf: from.AnyOf}
		for j, m := range from.Methods {
			if m == "" || strings.ContainsAny(m, " ,*") {
				return nil, fmt.Errorf("requirements[%d].methods[%d]: %q is no HTTP method", i, j, m)
			}
			r.methods = append(r.methods, strings.ToUpper(m))
		}
		for j, text := range from.Paths {
			path, err := parsePath(text)
			if err != nil {
				return nil, fmt.Errorf("requirements[%d].paths[%d]: %w", i, j, err)
			}
			r.paths = append(r.paths, path)
		}
		if slices.Contains(from.Scopes, "") || slices.Contains(from.AnyOf, "") {
			return nil, fmt.Errorf("requirements[%d]: has an empty scope", i)
		}
		rules.requirements = append(rules.requirements, r)
	}
	return rules, nil
}

// The segments of a template that are no literals.
const (
	oneSegment = "*"
	theRest    = "**"
)

// parsePath splits a template into its segments: decoded literals, oneSegment, theRest. Literals that look like the other two
// cannot be written.
func parsePath(text string) ([]string, error) {
	if !strings.HasPrefix(text, "/") {
		return nil, errors.New("must begin with a slash")
	}
	segments := strings.Split(text[1:], "/")
	for i, s := range segments {
		last := i == len(segments)-1
		inner, braced := strings.CutPrefix(s, "{")
		if braced {
			var closed bool
			if inner, closed = strings.CutSuffix(inner, "}"); !closed {
				return nil, fmt.Errorf("the segment %q has a brace that is not closed", s)
			}
		}
		switch {
		case s == theRest, braced && strings.HasSuffix(inner, theRest):
			if !last {
				return nil, errors.New("** stands at the end only")
			}
			segments[i] = theRest
		case s == oneSegment, braced:
			if inner == "" || braced && strings.ContainsAny(inner, "{}*") && inner != oneSegment {
				return nil, fmt.Errorf("the segment %q is no {name}", s)
			}
			segments[i] = oneSegment
		case strings.ContainsAny(s, "{}*"):
			return nil, fmt.Errorf("the segment %q mixes text and wildcards", s)
		default:
			plain, err := url.PathUnescape(s)
			if err != nil {
				return nil, fmt.Errorf("the segment %q is not well encoded", s)
			}
			segments[i] = plain
		}
	}
	return segments, nil
}

// fitsPath compares a template with a normalized path. A trailing slash is ignored: most upstreams do, and the other reading
// would let a stricter requirement be avoided by it.
func fitsPath(template []string, path string) bool {
	rest := strings.TrimSuffix(strings.TrimPrefix(path, "/"), "/")
	if len(template) > 1 && template[len(template)-1] == "" {
		template = template[:len(template)-1]
	}
	for i, want := range template {
		if want == theRest {
			return true
		}
		if i > 0 && rest == "" {
			return false
		}
		var segment string
		segment, rest, _ = strings.Cut(rest, "/")
		if want == oneSegment && segment != "" {
			continue
		}
		if segment != want && !sameSegment(segment, want) {
			return false
		}
	}
	return rest == ""
}

// sameSegment compares what an encoded segment stands for.
func sameSegment(segment, want string) bool {
	if !strings.Contains(segment, "%") {
		return false // it was compared as it is
	}
	plain, err := url.PathUnescape(segment)
	return err == nil && plain == want
}

func (r *scopeRule) fits(method, path string) bool {
	if len(r.methods) > 0 && !slices.Contains(r.methods, method) && (method != "HEAD" || !slices.Contains(r.methods, "GET")) {
		return false
	}
	return len(r.paths) == 0 || slices.ContainsFunc(r.paths, func(p []string) bool { return fitsPath(p, path) })
}

// Authorize finds the requirement of the request and holds it against what was granted.
func (a *scopeRules) Authorize(_ context.Context, r *access.Request, p *access.Principal) error {
	for i := range a.requirements {
		need := &a.requirements[i]
		if !need.fits(r.Method, r.Target.Path) {
			continue
		}
		if lacking, refused := a.strategy.Refused(p.Scopes, need.scopes); refused {
			return access.ErrForbidden.Because(fmt.Errorf("the scope %q was not granted", lacking))
		}
		if len(need.anyOf) > 0 && !slices.ContainsFunc(need.anyOf, func(s string) bool { return a.strategy.Match(p.Scopes, s) }) {
			return access.ErrForbidden.Because(fmt.Errorf("none of the scopes %q was granted", need.anyOf))
		}
		return nil
	}
	return access.ErrForbidden.Because(errors.New("no requirement of scopes fits the request"))
}
