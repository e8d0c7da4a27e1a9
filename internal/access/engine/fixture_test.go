package engine

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/target"
)

// The handlers of these tests: who asks is what stands in the field Authorization; the authorizer scope wants a word of it.

type fixedAuthenticator struct{ subject string }

func (f fixedAuthenticator) Authenticate(context.Context, *access.Request) (*access.Principal, error) {
	return &access.Principal{Subject: f.subject}, nil
}

type refusingAuthenticator struct{}

func (refusingAuthenticator) Authenticate(context.Context, *access.Request) (*access.Principal, error) {
	return nil, access.ErrUnauthorized.With("Nobody may.")
}

type bearerAuthenticator struct{}

func (bearerAuthenticator) Authenticate(_ context.Context, r *access.Request) (*access.Principal, error) {
	token := r.Header.Get("Authorization")
	switch {
	case token == "":
		return nil, access.ErrNotResponsible
	case token == "bad":
		return nil, access.ErrUnauthorized
	}
	return &access.Principal{Subject: strings.Fields(token)[0], Extra: map[string]any{"scope": strings.Fields(token)[1:]}}, nil
}

type coreVerdict struct{ err error }

func (v coreVerdict) Authorize(context.Context, *access.Request, *access.Principal) error {
	return v.err
}

type headerMutator struct {
	templates map[string]*access.Template
}

func (m headerMutator) Mutate(_ context.Context, _ *access.Request, p *access.Principal) error {
	for name, t := range m.templates {
		text, err := t.Execute(p)
		if err != nil {
			return err
		}
		if p.Header == nil {
			p.Header = access.Header{}
		}
		p.Header[name] = []string{text}
	}
	return nil
}

func (m headerMutator) SetsHeaders() []string {
	var names []string
	for name := range m.templates {
		names = append(names, name)
	}
	return names
}

type noMutator struct{}

func (noMutator) Mutate(context.Context, *access.Request, *access.Principal) error { return nil }

// kindOf makes a kind that has no settings.
func kindOf[T any](h T) access.Kind[T] {
	return func(s access.Settings) (T, error) { return h, s.Decode(&struct{}{}) }
}

func coreKinds() access.Kinds {
	return access.Kinds{
		Authenticators: map[string]access.Kind[access.Authenticator]{
			"noop": kindOf[access.Authenticator](fixedAuthenticator{}), "unauthorized": kindOf[access.Authenticator](refusingAuthenticator{}),
			"bearer_token": kindOf[access.Authenticator](bearerAuthenticator{}),
			"anonymous": func(s access.Settings) (access.Authenticator, error) {
				set := struct {
					Subject string `json:"subject"`
				}{"anonymous"}
				err := s.Decode(&set)
				return &fixedAuthenticator{set.Subject}, err
			},
		},
		Authorizers: map[string]access.Kind[access.Authorizer]{
			"allow": kindOf[access.Authorizer](coreVerdict{}), "deny": kindOf[access.Authorizer](coreVerdict{access.ErrForbidden}),
			"broken": kindOf[access.Authorizer](coreVerdict{fmt.Errorf("the cable is cut")}),
		},
		Mutators: map[string]access.Kind[access.Mutator]{
			"noop": kindOf[access.Mutator](noMutator{}),
			"header": func(s access.Settings) (access.Mutator, error) {
				var set struct {
					Headers map[string]string `json:"headers"`
				}
				if err := s.Decode(&set); err != nil {
					return nil, err
				}
				m := headerMutator{templates: make(map[string]*access.Template)}
				for name, text := range set.Headers {
					t, err := access.NewTemplate(text)
					if err != nil {
						return nil, fmt.Errorf("headers.%s: %w", name, err)
					}
					m.templates[name] = t
				}
				return m, nil
			},
		},
	}
}

func coreEngine(change ...func(*Options)) *Engine {
	o := Options{Kinds: coreKinds(), Config: DefaultConfig(), Now: func() time.Time { return time.Unix(0, 0) }}
	for _, f := range change {
		f(&o)
	}
	return New(o)
}

func useBoth(o *Options) { o.Config.Conflicts = "error" }

// openRule is a rule that lets all pass.
func openRule(id string, m access.Match) access.Rule {
	if len(m.Methods) == 0 && m.FullMethod == "" {
		m.Methods = []string{"GET"}
	}
	return access.Rule{
		ID: id, Match: m, Authenticators: []access.HandlerRef{{Handler: "noop"}}, Authorizer: access.HandlerRef{Handler: "allow"},
		Mutators: []access.HandlerRef{{Handler: "noop"}},
	}
}

func loadRules(t testing.TB, e *Engine, rules ...access.Rule) *Report {
	t.Helper()
	report, err := e.Load(t.Context(), rules)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// loadText loads rules as they stand in a file.
func loadText(t testing.TB, e *Engine, text string) *Report {
	t.Helper()
	rules, err := access.ParseRules([]byte(text), "file:///rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return loadRules(t, e, rules...)
}

// requestFor is a request for a URL.
func requestFor(t testing.TB, method, url string, header ...string) *access.Request {
	t.Helper()
	scheme, rest, _ := strings.Cut(url, "://")
	host, path := rest, ""
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		host, path = rest[:i], rest[i:]
	}
	path, query, _ := strings.Cut(path, "?")
	target, err := target.Parse(scheme, host, path, query, target.Options{})
	if err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	r := &access.Request{Method: method, Target: target, Header: access.Header{}}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header[header[i]] = append(r.Header[header[i]], header[i+1])
	}
	return r
}

// ruleOf gives the id of the rule that a decision followed, or the code of its error.
func ruleOf(d *access.Decision) string {
	if d.Rule != nil {
		return d.Rule.ID
	}
	return d.Err.Code
}
