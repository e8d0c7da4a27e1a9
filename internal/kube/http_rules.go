package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/apiclient"
)

// RuleSets is the server's API of access rules, for one set of each tenant. Make it with Clients.RuleSets.
type RuleSets struct {
	config *Config
	admin  *admin
	set    string
}

// RuleSets gives the API for a set of rules. It shares connections and metrics with the clients' API.
func (c *Clients) RuleSets(set string) *RuleSets {
	return &RuleSets{config: c.Config, admin: &c.admin, set: set}
}

// RuleSet is what the server last said of a set.
type RuleSet struct {
	// ETag names what is there; Rules is how many rules that is.
	ETag  string
	Rules int
	// Strategy is how the server reads patterns: regexp or glob. Empty where it did not say.
	Strategy string
}

// RuleFault is one thing that is wrong with one rule of a set.
type RuleFault struct {
	// Rule is the rule's id; Other that of another rule, where two do not go together.
	Rule, Other string
	// Path is the place in the rule; Message says what is wrong.
	Path, Message string
}

// ErrRulesRefused has what is wrong with the rules of a set. Nothing was changed.
type ErrRulesRefused struct {
	Faults []RuleFault
	said   string
}

// Error gives what the server said.
func (e *ErrRulesRefused) Error() string { return e.said }

// ErrRulesChanged says that the set is not the one that was seen.
var ErrRulesChanged = errors.New("the set was changed by somebody else")

// explainRules says what an error of the API means.
func explainRules(p place, err error) error {
	f := explain(codeUpdate, p, err)
	if f.reason == reasonRejected {
		f.reason = reasonRulesRejected
	}
	return f
}

// rulesTimeout is for a set of ten thousand rules on a server that has much else to do.
const rulesTimeout = 2 * time.Minute

// place is where the rules of a tenant are.
func (r *RuleSets) place(tenant string) (place, error) {
	p, err := r.config.Server.place()
	if err != nil {
		return p, err
	}
	if tenant != "" {
		p = p.of(tenant)
	}
	p.path = strings.TrimSuffix(p.path, "/clients") + "/rules"
	return p, nil
}

// Look asks for what is in the set of a tenant. An error's reason is that of ReasonOf.
func (r *RuleSets) Look(ctx context.Context, tenant string) (RuleSet, error) {
	p, err := r.place(tenant)
	if err != nil {
		return RuleSet{}, err
	}
	header, err := r.admin.send(ctx, p, http.MethodGet, "?"+url.Values{"set": {r.set}, "limit": {"1"}}.Encode(), nil, nil)
	if err != nil {
		return RuleSet{}, explainRules(p, err)
	}
	n, err := strconv.Atoi(header.Get("X-Total-Count"))
	if err != nil || header.Get("Etag") == "" {
		return RuleSet{}, explainRules(p, errors.New("what answered is no admin API of rules"))
	}
	return RuleSet{ETag: header.Get("Etag"), Rules: n, Strategy: header.Get("Gatehouse-Matching-Strategy")}, nil
}

// IDs lists the ids of the rules in the set of a tenant.
func (r *RuleSets) IDs(ctx context.Context, tenant string) (ids []string, err error) {
	p, err := r.place(tenant)
	if err != nil {
		return nil, err
	}
	type rule struct {
		ID string `json:"id"`
	}
	query := url.Values{"set": {r.set}, "limit": {strconv.Itoa(pageSize)}}
	if err := pages(ctx, r.admin, p, query, func(one rule) { ids = append(ids, one.ID) }); err != nil {
		return nil, explainRules(p, err)
	}
	return ids, nil
}

// Put puts rules, as a list in JSON, in the place of the set that was seen. inForce tells that the server decides by them now; where it
// does not, notes say why. The error is ErrRulesChanged, an *ErrRulesRefused, or one with a reason as of ReasonOf.
func (r *RuleSets) Put(ctx context.Context, tenant string, was RuleSet, rules json.RawMessage) (now RuleSet, inForce bool, notes []string, err error) {
	p, err := r.place(tenant)
	if err != nil {
		return RuleSet{}, false, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, rulesTimeout)
	defer cancel()
	call := apiclient.Call{
		Method: http.MethodPut, Path: "?" + url.Values{"set": {r.set}}.Encode(), Body: apiclient.Document{Type: "application/json", Content: rules},
		Header: http.Header{"If-Match": {was.ETag}},
	}
	if was.Rules == 0 {
		call.Header = http.Header{"If-None-Match": {"*"}} // a set without rules is one that is not there
	}
	var done struct {
		Rules   int      `json:"rules"`
		InForce bool     `json:"in_force"`
		Notes   []string `json:"notes"`
	}
	header, err := r.admin.exchange(ctx, p, call, &done)
	if err != nil {
		return RuleSet{}, false, nil, refusedRules(p, err)
	}
	return RuleSet{ETag: header.Get("Etag"), Rules: done.Rules, Strategy: was.Strategy}, done.InForce, done.Notes, nil
}

// refusedRules says what an error of Put means.
func refusedRules(p place, err error) error {
	said, _ := errors.AsType[*apiclient.Refusal](err)
	if said == nil {
		return explainRules(p, err)
	}
	var details struct {
		Faults []RuleFault `json:"faults"`
	}
	switch _ = json.Unmarshal(said.Details, &details); {
	case said.Status == http.StatusPreconditionFailed:
		return ErrRulesChanged
	case len(details.Faults) > 0:
		return &ErrRulesRefused{Faults: details.Faults, said: said.Error()}
	case said.Status == http.StatusRequestEntityTooLarge:
		return &failure{reason: reasonRulesTooLarge, cause: err, message: fmt.Sprintf("%s does not take so many rules at once: raise serve.admin.max_body of the server", p)}
	}
	return explainRules(p, err)
}

// ReasonOf gives the reason of a condition for an error of the admin API, and whether it is one.
func ReasonOf(err error) (reason string, known bool) {
	if f, ok := errors.AsType[*failure](err); ok {
		return f.reason, true
	}
	return "", false
}
