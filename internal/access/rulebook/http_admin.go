package rulebook

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/engine"
	"github.com/gatehouse-iam/gatehouse/internal/access/rulebook/source"
	"github.com/gatehouse-iam/gatehouse/internal/actor"
	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/precondition"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

const (
	rulesRoute       = "/admin/rules"
	defaultRuleLimit = 50 // as Oathkeeper has it
	maxRuleLimit     = 500
)

var (
	errLimit  = fault.New(fault.Invalid, "bad_request", "limit must be from 1 to 500, offset 0 or more.")
	errMedia  = fault.New(fault.Unsupported, "unsupported_media_type", "Send rules as JSON or YAML, with the header Content-Type: application/json or application/yaml.")
	errOne    = fault.New(fault.Invalid, "bad_request", "The request body must hold one rule.")
	errSameID = fault.New(fault.Invalid, "bad_request", "The id in the rule is not that in the URL: delete the rule and write a new one to give it another id.")
	errNoBody = fault.New(fault.Invalid, "bad_request", "The request body is empty. Send rules; no rules are [].")
)

// Admin serves Ory Oathkeeper's API of rules, and ours to change them.
//
//	GET    /admin/rules          those in force, whatever their source: limit, offset; set: those of a set of the API's
//	GET    /admin/rules/{id}     one of them
//	PUT    /admin/rules          replace a set, "default" unless set says another; If-Match, If-None-Match: *
//	POST   /admin/rules          add one rule
//	PUT    /admin/rules/{id}     write one rule; If-Match, If-None-Match: *
//	DELETE /admin/rules/{id}     remove one rule; If-Match
//	POST   /admin/rules/check    what PUT would say, without doing it
//	POST   /admin/rules/test     what would become of a request, step by step
//	GET    /admin/rule-sources   where rules come from, and what is wrong there
//
// Lists say in Gatehouse-Matching-Strategy how the patterns of rules are read. Bodies with rules are JSON or YAML. Whatever changes rules answers when they are in force in this server; others
// that reach the database follow within a second.
type Admin struct {
	// Book has the rules.
	Book *Book
	// Engine decides what is tested.
	Engine *engine.Engine
	// SessionCookie is the cookie in which a tested session stands.
	SessionCookie string
}

// MountAdmin adds the routes to the admin listener. Their errors have the shape of Ory Oathkeeper's. Rules may hold passwords of
// other services, and trying a request asks those services: both are for operators.
func (a *Admin) MountAdmin(mux *web.Mux) {
	m := mux.With(web.KratosErrors)
	m.Handle("GET /admin/rule-sources", web.Call(a.status))
	m = m.For(actor.RoleOperator)
	m.Handle("GET "+rulesRoute, web.Call(a.list))
	m.Handle("GET "+rulesRoute+"/{id}", web.Call(a.get))
	m.Handle("PUT "+rulesRoute, web.Call(a.replace))
	m.Handle("POST "+rulesRoute, web.Call(a.add))
	m.Handle("PUT "+rulesRoute+"/{id}", web.Call(a.put))
	m.Handle("DELETE "+rulesRoute+"/{id}", web.Call(a.remove))
	m.Handle("POST "+rulesRoute+"/check", web.Call(a.check))
	m.Handle("POST "+rulesRoute+"/test", web.Call(a.test))
}

type listRulesIn struct {
	Limit  int    `query:"limit"`
	Offset int    `query:"offset"`
	Set    string `query:"set"`
}

func (a *Admin) list(ctx context.Context, in listRulesIn) (web.Reply[[]access.Rule], error) {
	var none web.Reply[[]access.Rule]
	limit := in.Limit
	if limit == 0 {
		limit = defaultRuleLimit
	}
	if limit < 0 || limit > maxRuleLimit || in.Offset < 0 {
		return none, errLimit
	}
	header := http.Header{"Gatehouse-Matching-Strategy": {a.Engine.MatchingStrategy()}}
	all, err := a.rules(ctx, in.Set, header)
	if err != nil {
		return none, err
	}
	begin := min(in.Offset, len(all))
	end := min(begin+limit, len(all))
	header.Set("X-Total-Count", strconv.Itoa(len(all)))
	if end < len(all) {
		q := url.Values{"limit": {strconv.Itoa(limit)}, "offset": {strconv.Itoa(end)}}
		if in.Set != "" {
			q.Set("set", in.Set)
		}
		header.Set("Link", "<"+web.Base(ctx).Path(rulesRoute)+"?"+q.Encode()+`>; rel="next"`) // RFC 8288 §3
	}
	return web.Reply[[]access.Rule]{Header: header, Body: all[begin:end:end]}, nil
}

// rules gives the tenant's rules that are in force, or those of a set as they are stored, with the set's tag.
func (a *Admin) rules(ctx context.Context, set string, header http.Header) ([]access.Rule, error) {
	if set != "" {
		stored, etag, err := a.Book.Set(ctx, set)
		header.Set("ETag", etag)
		return stored, err
	}
	id, _ := tenant.From(ctx)
	own := []access.Rule{}
	for _, r := range a.Engine.Rules() {
		if r.Tenant == id {
			own = append(own, *r)
		}
	}
	return own, nil
}

type ruleIn struct {
	ID string `path:"id"`
}

// get tells where the rule comes from in a header, so that the body is nothing but a rule.
func (a *Admin) get(ctx context.Context, in ruleIn) (web.Reply[access.Rule], error) {
	all, err := a.rules(ctx, "", nil)
	if err != nil {
		return web.Reply[access.Rule]{}, err
	}
	at := slices.IndexFunc(all, func(r access.Rule) bool { return r.ID == in.ID })
	if at < 0 {
		return web.Reply[access.Rule]{}, ErrUnknown.With("There is no rule with this id in force.")
	}
	one := storedRule{document: documentOf(all[at])}
	return web.Reply[access.Rule]{Header: http.Header{"Etag": {one.etag()}, "Gatehouse-Rule-Source": {all[at].Source}}, Body: all[at]}, nil
}

type writeIn struct {
	ID          string `path:"id"`
	Set         string `query:"set"`
	ContentType string `header:"Content-Type"`
	IfMatch     string `header:"If-Match"`
	IfNoneMatch string `header:"If-None-Match"`
	Body        []byte `body:"raw"`
}

func (in writeIn) set() string {
	if in.Set == "" {
		return DefaultSet
	}
	return in.Set
}

func (in writeIn) demands() precondition.Func {
	return precondition.Of(in.IfMatch, in.IfNoneMatch)
}

// rules reads the body.
func (in writeIn) rules() ([]access.Rule, error) {
	media, _, err := mime.ParseMediaType(in.ContentType)
	if err != nil || !slices.Contains([]string{"application/json", "application/yaml", "application/x-yaml", "text/yaml"}, media) {
		return nil, errMedia
	}
	if len(in.Body) == 0 {
		return nil, errNoBody
	}
	rules, err := source.Parse(in.Body, "")
	if faults, ok := errors.AsType[access.Faults](err); ok {
		return nil, refusal(faults)
	}
	return rules, err
}

// rule reads a body with one rule.
func (in writeIn) rule() (access.Rule, error) {
	rules, err := in.rules()
	switch {
	case err != nil:
		return access.Rule{}, err
	case len(rules) != 1:
		return access.Rule{}, errOne
	case in.ID != "" && rules[0].ID != in.ID:
		return access.Rule{}, errSameID
	default:
		return rules[0], nil
	}
}

func (a *Admin) replace(ctx context.Context, in writeIn) (web.Reply[*Change], error) {
	rules, err := in.rules()
	if err != nil {
		return web.Reply[*Change]{}, err
	}
	return changed(a.Book.Replace(ctx, in.set(), rules, in.demands()))
}

func (a *Admin) add(ctx context.Context, in writeIn) (web.Reply[*Change], error) {
	rule, err := in.rule()
	if err != nil {
		return web.Reply[*Change]{}, err
	}
	return changed(a.Book.Put(ctx, in.set(), rule, true, nil))
}

func (a *Admin) put(ctx context.Context, in writeIn) (web.Reply[*Change], error) {
	rule, err := in.rule()
	if err != nil {
		return web.Reply[*Change]{}, err
	}
	return changed(a.Book.Put(ctx, in.set(), rule, false, in.demands()))
}

// changed answers a change with the tag of what is there now.
func changed(c *Change, err error) (web.Reply[*Change], error) {
	if err != nil {
		return web.Reply[*Change]{}, err
	}
	reply := web.Reply[*Change]{Header: http.Header{"Etag": {c.ETag}}, Body: c}
	if c.created {
		reply.Status = http.StatusCreated
	}
	return reply, nil
}

type removeIn struct {
	ID      string `path:"id"`
	IfMatch string `header:"If-Match"`
}

func (a *Admin) remove(ctx context.Context, in removeIn) (web.NoContent, error) {
	_, err := a.Book.Remove(ctx, in.ID, precondition.Of(in.IfMatch, ""))
	return web.NoContent{}, err
}

type checkOut struct {
	Valid  bool           `json:"valid"`
	Rules  int            `json:"rules"`
	Report *engine.Report `json:"report"`
}

func (a *Admin) check(ctx context.Context, in writeIn) (checkOut, error) {
	rules, err := in.rules()
	if err != nil {
		return checkOut{}, err
	}
	report, err := a.Book.Try(ctx, in.set(), rules)
	if err != nil {
		return checkOut{}, err
	}
	return checkOut{Valid: true, Rules: len(rules), Report: ofTenant(ctx, report)}, nil
}

// ofTenant leaves out other tenants' rules.
func ofTenant(ctx context.Context, r *engine.Report) *engine.Report {
	id, _ := tenant.From(ctx)
	own := *r
	own.Rules = slices.DeleteFunc(slices.Clone(r.Rules), func(one engine.RuleReport) bool { return one.Tenant != id })
	others := func(one engine.Conflict) bool { return one.Tenant != id }
	own.Conflicts, own.Undecided = slices.DeleteFunc(slices.Clone(r.Conflicts), others), slices.DeleteFunc(slices.Clone(r.Undecided), others)
	return &own
}

// status lists the sources of the tenant, and the admin API itself; to who may act for every tenant, all sources.
func (a *Admin) status(ctx context.Context, _ struct{}) ([]SourceStatus, error) {
	if actor.From(ctx).Everywhere {
		return a.Book.Status(), nil
	}
	id, _ := tenant.From(ctx)
	list := slices.DeleteFunc(a.Book.Status(), func(s SourceStatus) bool { return s.Tenant != "" && s.Tenant != id })
	for i := range list {
		list[i].only(id)
	}
	return list, nil
}

// only leaves out what is wrong with other tenants' rules, and in the database, which is not a tenant's.
func (s *SourceStatus) only(id tenant.ID) {
	if s.Kind == kindAPI && s.State == SourceUnreachable {
		s.Error = unreadableStore
	}
	all := len(s.Faults)
	s.Faults = s.Faults.By(id)
	switch len(s.Faults) {
	case all:
	case 0:
		s.Error = "rules of another tenant are refused"
	default:
		s.Error = s.Faults.Error()
	}
}
