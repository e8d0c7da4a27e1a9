package authz

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/pattern"
	"github.com/gatehouse-iam/gatehouse/internal/access/target"
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
	// Paths are templates as rules have them (pattern.ParsePath); here, {**} at the end also stands for no rest at all, and a
	// slash at the end does not matter. Without them it is any.
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
	paths         [][]pattern.PathSegment
	scopes, anyOf []string
	// parameters tells that the paths speak of parameters (;) themselves.
	parameters bool
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
			path, err := pattern.ParsePath(text)
			if err != nil {
				return nil, fmt.Errorf("requirements[%d].paths[%d]: %w", i, j, err)
			}
			r.paths = append(r.paths, path)
			_, found := target.WithoutParameters(text)
			r.parameters = r.parameters || found
		}
		if slices.Contains(from.Scopes, "") || slices.Contains(from.AnyOf, "") {
			return nil, fmt.Errorf("requirements[%d]: has an empty scope", i)
		}
		rules.requirements = append(rules.requirements, r)
	}
	return rules, nil
}

// fitsPath compares a template with a normalized path without percent-encodings. A trailing slash is ignored: most upstreams do,
// and the other reading would let a stricter requirement be avoided by it.
func fitsPath(template []pattern.PathSegment, path string) bool {
	rest := strings.TrimSuffix(strings.TrimPrefix(path, "/"), "/")
	if last := len(template) - 1; last > 0 && template[last] == (pattern.PathSegment{}) {
		template = template[:last]
	}
	for i, want := range template {
		if want.Kind == pattern.PathRest {
			return true
		}
		if i > 0 && rest == "" {
			return false
		}
		var segment string
		segment, rest, _ = strings.Cut(rest, "/")
		if want.Kind == pattern.PathOne && segment == "" || want.Kind == pattern.PathText && segment != want.Text {
			return false
		}
	}
	return rest == ""
}

func (r *scopeRule) fits(method, path string) bool {
	if len(r.methods) > 0 && !slices.Contains(r.methods, method) && (method != "HEAD" || !slices.Contains(r.methods, "GET")) {
		return false
	}
	return len(r.paths) == 0 || slices.ContainsFunc(r.paths, func(p []pattern.PathSegment) bool { return fitsPath(p, path) })
}

// find gives the first requirement that fits; nil where none does.
func (a *scopeRules) find(method, path string) *scopeRule {
	for i := range a.requirements {
		if need := &a.requirements[i]; need.fits(method, path) {
			return need
		}
	}
	return nil
}

// Authorize finds the requirement of the request and holds it against what was granted.
func (a *scopeRules) Authorize(_ context.Context, r *access.Request, p *access.Principal) error {
	path, err := url.PathUnescape(r.Target.Path)
	if err != nil {
		return target.ErrAmbiguous.Because(err)
	}
	need := a.find(r.Method, path)
	if need == nil {
		return access.ErrForbidden.Because(errors.New("no requirement of scopes fits the request"))
	}
	// The application may read the path without its parameters: then another requirement must not be the one.
	if bare, found := target.WithoutParameters(path); found && !need.parameters && a.find(r.Method, bare) != need {
		return target.ErrParameters
	}
	if lacking, refused := a.strategy.Refused(p.Scopes, need.scopes); refused {
		return access.ErrForbidden.Because(fmt.Errorf("the scope %q was not granted", lacking))
	}
	if len(need.anyOf) > 0 && !slices.ContainsFunc(need.anyOf, func(s string) bool { return a.strategy.Match(p.Scopes, s) }) {
		return access.ErrForbidden.Because(fmt.Errorf("none of the scopes %q was granted", need.anyOf))
	}
	return nil
}
