package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/authz"
	"github.com/gatehouse-iam/gatehouse/internal/access/engine"
	"github.com/gatehouse-iam/gatehouse/internal/config"
	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/keys"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// RuleDocument is a list of access rules, in JSON or YAML, with the name by which faults call it.
type RuleDocument struct {
	Name    string
	Content []byte
}

// CheckRules says whether documents of access rules can be loaded together, with the handlers as the configuration sets them:
// how many rules there are, what an operator should know of them, and all that is wrong. It needs no database and no server;
// what other services say, key sets for example, is not found out.
func CheckRules(ctx context.Context, cfg *config.Config, documents []RuleDocument) (rules int, notes []string, err error) {
	var all []access.Rule
	var faults access.Faults
	for _, d := range documents {
		some, err := access.ParseRules(d.Content, d.Name)
		if wrong, ok := errors.AsType[access.Faults](err); ok {
			faults = append(faults, wrong...)
		} else if err != nil {
			return 0, nil, err
		}
		all = append(all, some...)
	}
	if len(faults) > 0 {
		return 0, nil, faults
	}
	for i := range all {
		all[i].Tenant = tenant.Default
	}
	log := slog.New(slog.DiscardHandler)
	// Handlers are made and never asked, so what they would ask may be empty.
	own := doorOptions{
		signing: new(keys.Keys), sessions: doorSessions{&session.Handler{Config: cfg.Session}}, tokens: doorTokens{}, clients: doorClients{},
	}
	ask := fetch.NewAsker(fetch.Bounds{})
	geo := authz.NewGeo(authz.GeoOptions{Config: cfg.Access.GeoIP, Ask: ask, Now: now, Log: log})
	kinds, err := own.kinds(cfg, ask, geo, log)
	if err != nil {
		return 0, nil, err
	}
	e := engine.New(engine.Options{Config: cfg.Access.Config, API: cfg.Access.Rules.API, Now: now, Log: log, Kinds: kinds, Reach: reachOf(cfg)})
	report, err := e.Check(ctx, all)
	if err != nil {
		return 0, nil, err
	}
	for _, r := range report.Rules {
		if r.Scanned {
			notes = append(notes, fmt.Sprintf("%s: rule %s: %s", r.Source, r.ID, r.Cost))
		}
		for _, warning := range r.Warnings {
			notes = append(notes, fmt.Sprintf("%s: rule %s: %s", r.Source, r.ID, warning))
		}
	}
	if report.Incomplete {
		notes = append(notes, "it takes too long to compare each rule with each other: a request that two of them match is answered with 500")
	}
	for _, c := range report.Undecided {
		notes = append(notes, fmt.Sprintf("rules %s and %s: whether a request can match both could not be found out; one that does is answered with 500", c.A, c.B))
	}
	for _, c := range report.Conflicts {
		notes = append(notes, fmt.Sprintf("rules %s and %s: %s matches both and is answered with 500", c.A, c.B, c.Request))
	}
	return len(all), notes, nil
}
