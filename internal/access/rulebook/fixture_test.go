package rulebook

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/engine"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// The handlers of the tests of sources: rules need some.
type (
	sourceNobody struct{}
	sourceTeller struct{}
)

func (sourceNobody) Authenticate(_ context.Context, r *access.Request) (*access.Principal, error) {
	if r.Header.Get("Authorization") == "Bearer bad" {
		return nil, access.ErrUnauthorized
	}
	return &access.Principal{Subject: "nobody"}, nil
}

func (sourceNobody) Authorize(context.Context, *access.Request, *access.Principal) error { return nil }

func (sourceTeller) Mutate(_ context.Context, _ *access.Request, p *access.Principal) error {
	p.Header = access.Header{"X-User": {p.Subject}, "Authorization": {"Bearer a-fresh-token"}}
	return nil
}

func sourceEngine(bounds ...engine.APIConfig) *engine.Engine {
	return engine.New(engine.Options{
		API: append(bounds, engine.APIConfig{})[0],
		Kinds: access.Kinds{
			Authenticators: map[string]access.Kind[access.Authenticator]{"noop": func(access.Settings) (access.Authenticator, error) { return sourceNobody{}, nil }},
			Authorizers:    map[string]access.Kind[access.Authorizer]{"allow": func(access.Settings) (access.Authorizer, error) { return sourceNobody{}, nil }},
			Mutators:       map[string]access.Kind[access.Mutator]{"tell": func(access.Settings) (access.Mutator, error) { return sourceTeller{}, nil }},
		},
		Now: (&testkit.Clock{}).Now,
	})
}

// ruleText is a rule for GET below a path of app.example.com.
func ruleText(id, path string) string {
	return fmt.Sprintf(`{"id":%q,"match":{"url":"https://app.example.com%s","methods":["GET"]},
		"authenticators":[{"handler":"noop"}],"authorizer":{"handler":"allow"},"mutators":[{"handler":"tell"}],
		"upstream":{"url":"https://backend.example.com/base"}}`, id, path)
}

func rulesText(ids ...string) string {
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = ruleText(id, "/"+id)
	}
	return "[" + strings.Join(list, ",\n") + "]"
}

// ids names the rules in force.
func ids(e *engine.Engine) string {
	var list []string
	for _, r := range e.Rules() {
		list = append(list, r.ID)
	}
	return strings.Join(list, " ")
}

// bookOf starts a Book without a store and follows its sources for the length of the test.
func bookOf(t *testing.T, c Config) (*Book, *engine.Engine, *testkit.Log) {
	t.Helper()
	e, log := sourceEngine(), &testkit.Log{}
	b, err := New(Options{Engine: e, Config: c, Now: (&testkit.Clock{}).Now, Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	b.Start(t.Context())
	run(t, b)
	return b, e, log
}

func run(t testing.TB, b *Book) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = b.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
}

// fast is a configuration for tests, which have no time.
func fast(repositories ...string) Config {
	c := DefaultConfig()
	c.Repositories, c.FilePoll, c.RemotePoll = repositories, 5*time.Millisecond, 5*time.Millisecond
	return c
}

func stateOf(b *Book, i int) SourceState { return b.Status()[i].State }
