package rulebook

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/engine"
	"github.com/gatehouse-iam/gatehouse/internal/access/rulebook/source"
	"github.com/gatehouse-iam/gatehouse/internal/actor"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// admin is the admin API of a server with a rule "file" of a file's.
type admin struct {
	t      *testing.T
	mux    *web.Mux
	engine *engine.Engine
}

func newAdmin(t *testing.T) *admin {
	t.Helper()
	one := replicas(t, testkit.SQLite(t, "management"), 1, inline(rulesText("file")))[0]
	mux := web.NewMux(web.HydraErrors, web.Options{MaxBody: 16 << 20, Bare: "/admin"})
	(&Admin{Book: one.book, Engine: one.engine, SessionCookie: "sess"}).MountAdmin(mux)
	return &admin{t, mux, one.engine}
}

// call makes a request. Further arguments are fields: name, value.
func (a *admin) call(method, path, body string, fields ...string) *httptest.ResponseRecorder {
	a.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(fields); i += 2 {
		r.Header.Set(fields[i], fields[i+1])
	}
	w := httptest.NewRecorder()
	a.mux.ServeHTTP(w, r)
	return w
}

// want makes a request that must be answered with a status, and gives the answer.
func (a *admin) want(status int, method, path, body string, fields ...string) (map[string]any, http.Header) {
	a.t.Helper()
	w := a.call(method, path, body, fields...)
	if w.Code != status {
		a.t.Fatalf("%s %s: %d and not %d: %s", method, path, w.Code, status, w.Body)
	}
	var answer map[string]any
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			a.t.Fatalf("%s %s: %v: %s", method, path, err, w.Body)
		}
	}
	return answer, w.Header()
}

func TestRulesAreAppliedListedAndDeleted(t *testing.T) {
	a := newAdmin(t)
	done, header := a.want(200, "PUT", "/admin/rules?set=team", rulesText("a", "b"))
	if fmt.Sprint(done["added"]) != "[a b]" || header.Get("ETag") == "" || done["etag"] != header.Get("ETag") {
		t.Errorf("%v %v", done, header)
	}
	one, header := a.want(200, "GET", "/rules/a", "")
	if one["id"] != "a" || header.Get("Gatehouse-Rule-Source") != "api:team" || header.Get("ETag") == "" {
		t.Errorf("%v %v", one, header)
	}
	if _, header = a.want(200, "GET", "/admin/rules/file", ""); header.Get("Gatehouse-Rule-Source") != "inline://" {
		t.Errorf("%v", header)
	}
	a.want(404, "GET", "/admin/rules/nobody", "")
	a.want(204, "DELETE", "/admin/rules/a", "")
	a.want(404, "DELETE", "/admin/rules/a", "")
	a.want(404, "DELETE", "/admin/rules/file", "") // it is not the API's
	if got := ids(a.engine); got != "file b" {
		t.Errorf("in force are %q", got)
	}
}

// What the API lists can be applied as it is.
func TestAListOfRulesIsRules(t *testing.T) {
	a := newAdmin(t)
	a.want(200, "PUT", "/admin/rules?set=team", rulesText("a", "b"))
	list := a.call("GET", "/admin/rules?set=team", "")
	done, _ := a.want(200, "PUT", "/admin/rules?set=team", list.Body.String(), "If-Match", list.Header().Get("ETag"))
	if done["added"] != nil || done["changed"] != nil || done["removed"] != nil || done["etag"] != list.Header().Get("ETag") {
		t.Errorf("%v", done)
	}
}

func TestRulesAreListedInPages(t *testing.T) {
	a := newAdmin(t)
	var many []string
	for i := range 120 {
		many = append(many, fmt.Sprintf("rule-%03d", i))
	}
	a.want(200, "PUT", "/admin/rules", rulesText(many...))
	seen, pages := map[string]bool{}, 0
	for path := "/admin/rules"; path != ""; pages++ {
		w := a.call("GET", path, "")
		var page []access.Rule
		if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || w.Code != 200 || w.Header().Get("X-Total-Count") != "121" || len(page) > 50 {
			t.Fatalf("%d, %d rules, %v, %v", w.Code, len(page), w.Header(), err)
		}
		for _, r := range page {
			seen[r.ID] = true
		}
		path, _, _ = strings.Cut(strings.TrimPrefix(w.Header().Get("Link"), "<"), ">")
	}
	if len(seen) != 121 || pages != 3 {
		t.Errorf("%d rules on %d pages", len(seen), pages)
	}
	if w := a.call("GET", "/rules?limit=2&offset=120", ""); w.Header().Get("Link") != "" || strings.Count(w.Body.String(), `"id"`) != 1 {
		t.Errorf("%v %s", w.Header(), w.Body)
	}
	if w := a.call("GET", "/rules?offset=1000", ""); strings.TrimSpace(w.Body.String()) != "[]" {
		t.Errorf("%s", w.Body)
	}
	for _, query := range []string{"limit=-1", "limit=501", "offset=-1", "limit=x"} {
		a.want(400, "GET", "/rules?"+query, "")
	}
}

func TestPreconditionsOfTheAPI(t *testing.T) {
	a := newAdmin(t)
	_, first := a.want(200, "PUT", "/admin/rules?set=team", rulesText("a"), "If-None-Match", "*")
	a.want(412, "PUT", "/admin/rules?set=team", rulesText("b"), "If-None-Match", "*")
	_, second := a.want(200, "PUT", "/admin/rules?set=team", rulesText("b"), "If-Match", first.Get("ETag"))
	answer, _ := a.want(412, "PUT", "/admin/rules?set=team", rulesText("c"), "If-Match", first.Get("ETag"))
	if e, _ := answer["error"].(map[string]any); e["id"] != "precondition_failed" || e["code"] != 412.0 {
		t.Errorf("%v", answer)
	}
	a.want(200, "PUT", "/admin/rules?set=team", rulesText("c"), "If-Match", second.Get("ETag"))
	_, header := a.want(200, "GET", "/admin/rules/c", "")
	a.want(412, "PUT", "/admin/rules/c", ruleText("c", "/else"), "If-Match", `"other"`)
	a.want(200, "PUT", "/admin/rules/c", ruleText("c", "/else"), "If-Match", header.Get("ETag"))
	a.want(412, "DELETE", "/admin/rules/c", "", "If-Match", header.Get("ETag"))
}

func TestOneRuleByTheAPI(t *testing.T) {
	a := newAdmin(t)
	a.want(201, "POST", "/admin/rules", ruleText("a", "/a"))
	a.want(409, "POST", "/admin/rules", ruleText("a", "/a"))
	a.want(201, "PUT", "/admin/rules/b", ruleText("b", "/b"))
	a.want(200, "PUT", "/admin/rules/b", ruleText("b", "/c"))
	a.want(400, "PUT", "/admin/rules/b", ruleText("other", "/b"))
	a.want(400, "POST", "/admin/rules", rulesText("x", "y"))
	a.want(400, "POST", "/admin/rules", ruleText("file", "/f")) // an id of another source
	a.want(201, "PUT", "/admin/rules/with%2Fslash", ruleText("with/slash", "/s"))
	a.want(204, "DELETE", "/admin/rules/with%2Fslash", "")
	if got := ids(a.engine); got != "file a b" {
		t.Errorf("in force are %q", got)
	}
}

func TestBadRulesAreRefusedWithAllTheirFaults(t *testing.T) {
	a := newAdmin(t)
	a.want(200, "PUT", "/admin/rules", rulesText("a"))
	bad := strings.ReplaceAll(rulesText("b", "c"), `"allow"`, `"unheard-of"`)
	for _, call := range []string{"PUT /admin/rules", "POST /admin/rules/check"} {
		method, path, _ := strings.Cut(call, " ")
		answer, _ := a.want(400, method, path, bad)
		e, _ := answer["error"].(map[string]any)
		details, _ := e["details"].(map[string]any)
		faults, _ := details["faults"].([]any)
		if e["id"] != "rules_refused" || len(faults) != 2 || !strings.Contains(fmt.Sprint(e["reason"]), "rule b") {
			t.Errorf("%s: %v", call, answer)
		}
	}
	for body, status := range map[string]int{"": 400, "  ": 400, "[{": 400, `[{"id":"x","nonsense":1}]`: 400, `"text"`: 400} {
		a.want(status, "PUT", "/admin/rules", body)
	}
	a.want(415, "PUT", "/admin/rules", rulesText("b"), "Content-Type", "text/plain")
	a.want(415, "PUT", "/admin/rules", rulesText("b"), "Content-Type", "")
	a.want(400, "PUT", "/admin/rules?set=No+Name", rulesText("b"))
	if got := ids(a.engine); got != "file a" {
		t.Errorf("in force are %q", got)
	}
}

func TestRulesMayBeYAML(t *testing.T) {
	a := newAdmin(t)
	a.want(200, "PUT", "/admin/rules", `
- id: a
  match: {url: "https://app.example.com/a", methods: [GET]}
  authenticators: [{handler: noop}]
  authorizer: {handler: allow}
  mutators: [{handler: tell}]
`, "Content-Type", "application/yaml; charset=utf-8")
	if got := ids(a.engine); got != "file a" {
		t.Errorf("in force are %q", got)
	}
}

func TestACheckChangesNothing(t *testing.T) {
	a := newAdmin(t)
	a.want(200, "PUT", "/admin/rules", rulesText("a"))
	answer, _ := a.want(200, "POST", "/admin/rules/check", rulesText("b", "c"))
	if answer["valid"] != true || answer["rules"] != 2.0 || answer["report"] == nil || ids(a.engine) != "file a" {
		t.Errorf("%v; in force are %q", answer, ids(a.engine))
	}
	a.want(409, "POST", "/admin/rules/check?set=other", rulesText("a"))
}

// Who may act for every tenant sees the sources of all, anybody else those of the tenant.
func TestSourcesOfAllAreForWhoActsForAll(t *testing.T) {
	c := fast(inline(rulesText("file")))
	c.Sources = []source.Config{{URL: inline("[]"), Tenant: "acme"}}
	b, e, _ := bookOf(t, c)
	a := &Admin{Book: b, Engine: e}
	for everywhere, want := range map[bool]int{false: 1, true: 2} {
		ctx := actor.With(tenant.With(t.Context(), "acme"), actor.Actor{Kind: actor.AdminKey, Everywhere: everywhere})
		list, err := a.status(ctx, struct{}{})
		if err != nil || len(list) != want || list[want-1].Tenant != "acme" {
			t.Errorf("%t: %+v, %v", everywhere, list, err)
		}
	}
	s := SourceStatus{Kind: kindAPI, State: SourceUnreachable, Error: "the stored access rule secret of tenant other cannot be opened"}
	if s.only("acme"); strings.Contains(s.Error, "other") || s.Error == "" {
		t.Error(s.Error)
	}
}

func TestSourcesAreShown(t *testing.T) {
	a := newAdmin(t)
	a.want(200, "PUT", "/admin/rules", rulesText("a", "b"))
	w := a.call("GET", "/admin/rule-sources", "")
	var list []SourceStatus
	if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil || len(list) != 2 {
		t.Fatalf("%s %v", w.Body, err)
	}
	if list[0].Kind != "inline" || list[0].Rules != 1 || list[1].Name != "api" || list[1].Rules != 2 || list[1].State != SourceLoaded || list[1].LoadedAt.IsZero() {
		t.Errorf("%+v", list)
	}
}

func TestARequestIsTested(t *testing.T) {
	a := newAdmin(t)
	answer, _ := a.want(200, "POST", "/admin/rules/test", `{"method":"get","url":"https://APP.example.com:443/file?x=1","headers":{"x-y":"z"},"remote_ip":"203.0.113.7"}`)
	rule, _ := answer["rule"].(map[string]any)
	up, _ := answer["upstream"].(map[string]any)
	headers, _ := up["headers"].(map[string]any)
	if answer["allowed"] != true || answer["status"] != 200.0 || rule["id"] != "file" || answer["source"] != "inline://" || answer["subject"] != "nobody" ||
		up["url"] != "https://backend.example.com/base/file?x=1" || up["host"] != "backend.example.com" || headers["X-User"] != "nobody" {
		t.Errorf("%v", answer)
	}
	if headers["Authorization"] != "Bearer [hidden]" {
		t.Errorf("a credential is shown: %v", headers)
	}
	if steps, _ := answer["steps"].([]any); len(steps) < 4 {
		t.Errorf("%v", steps)
	}
	answer, _ = a.want(200, "POST", "/admin/rules/test", `{"url":"https://app.example.com/file","token":"bad"}`)
	if answer["allowed"] != false || answer["status"] != 401.0 || answer["upstream"] != nil {
		t.Errorf("%v", answer)
	}
	answer, _ = a.want(200, "POST", "/admin/rules/test", `{"url":"https://app.example.com/nowhere"}`)
	if answer["allowed"] != false || answer["status"] != 404.0 || answer["rule"] != nil {
		t.Errorf("%v", answer)
	}
	// What refuses may answer otherwise than the error's own status.
	elsewhere := strings.Replace(ruleText("elsewhere", "/elsewhere"), `"upstream"`, `"errors":[{"handler":"redirect","config":{"to":"https://id.example.com/login","return_to_query_param":"to"}}],"upstream"`, 1)
	a.want(200, "PUT", "/admin/rules?set=elsewhere", "["+elsewhere+"]")
	answer, _ = a.want(200, "POST", "/admin/rules/test", `{"url":"https://app.example.com/elsewhere","token":"bad"}`)
	if answer["status"] != 302.0 || answer["location"] != "https://id.example.com/login?to=https%3A%2F%2Fapp.example.com%2Felsewhere" {
		t.Errorf("%v", answer)
	}
	// No door lets a client say this.
	said := strings.Replace(ruleText("said", "/said"), `"methods"`, `"headers":{"X-Original-Url":"/x"},"methods"`, 1)
	a.want(200, "PUT", "/admin/rules", "["+said+"]")
	if answer, _ = a.want(200, "POST", "/admin/rules/test", `{"url":"https://app.example.com/said","headers":{"x-original-url":"/x"}}`); answer["status"] != 404.0 {
		t.Errorf("%v", answer)
	}
	for _, body := range []string{
		`{}`, `{"url":"/relative"}`, `{"url":"ftp://example.com/"}`, `{"url":"https://user:pw@example.com/"}`, `{"url":"https://example.com/","method":"G T"}`,
		`{"url":"https://example.com/","remote_ip":"nowhere"}`, `{"url":"https://example.com/","headers":{"a b":"c"}}`,
		`{"url":"https://example.com/","token":"a\r\nb"}`, `{"url":"https://example.com/","unknown":1}`, `{"url":"https://app.example.com/a%2fb"}`,
	} {
		a.want(400, "POST", "/admin/rules/test", body)
	}
}

// A tested request has the body that is given. Without one, it is as when a proxy asks that keeps the body to itself.
func TestTheTestedBody(t *testing.T) {
	unseen, err := trial{URL: "https://example.com"}.request(t.Context(), "sess")
	if err != nil || !unseen.Unseen {
		t.Errorf("%+v, %v", unseen, err)
	}
	r, err := trial{URL: "https://example.com", Body: new("please")}.request(t.Context(), "sess")
	if err != nil || r.Unseen {
		t.Fatalf("%+v, %v", r, err)
	}
	if body, err := r.Body(6); string(body) != "please" || err != nil {
		t.Errorf("%q, %v", body, err)
	}
	if _, err := r.Body(5); !errors.Is(err, access.ErrBodyTooLarge) {
		t.Error(err)
	}
}

func TestTheTestedSessionStandsInItsCookie(t *testing.T) {
	r, err := trial{URL: "https://example.com", Session: "value", Headers: map[string]string{"cookie": "a=b"}}.request(t.Context(), "sess")
	if err != nil || r.Header.Get("Cookie") != "a=b; sess=value" || r.Target.Path != "/" || r.Method != "GET" {
		t.Errorf("%+v, %v", r, err)
	}
}

// Ids that rules of other sets have are all named, so that whoever keeps a set can do without them.
func TestIDsOfOtherSetsAreNamed(t *testing.T) {
	a := newAdmin(t)
	a.want(http.StatusOK, http.MethodPut, "/admin/rules?set=one", rulesText("a", "b"))
	for _, request := range [][2]string{{http.MethodPut, "/admin/rules?set=two"}, {http.MethodPost, "/admin/rules/check?set=two"}} {
		answer, _ := a.want(http.StatusConflict, request[0], request[1], rulesText("a", "b", "c"))
		text, err := json.Marshal(answer["error"])
		if err != nil || strings.Count(string(text), `belongs to a rule of the set`) != 3 || !strings.Contains(string(text), `"rule":"b"`) { // once in the reason
			t.Errorf("%s", text)
		}
	}
}

// Two rules that match the same requests are both named where programs look.
func TestBothRulesOfAConflictAreNamed(t *testing.T) {
	a := newAdmin(t)
	answer, _ := a.want(http.StatusBadRequest, http.MethodPut, "/admin/rules", "["+ruleText("a", "/x")+","+ruleText("b", "/<.>")+"]")
	if text, _ := json.Marshal(answer["error"]); !strings.Contains(string(text), `"rule":"a"`) || !strings.Contains(string(text), `"other":"b"`) {
		t.Errorf("%s", text)
	}
	if list := a.call(http.MethodGet, "/admin/rules", ""); list.Header().Get("Gatehouse-Matching-Strategy") != "regexp" {
		t.Errorf("the list does not say how patterns are read: %v", list.Header())
	}
}

// What comes or goes in front of other rules of a set has none of them written anew; what changes places does.
func TestRulesKeepTheirPlaces(t *testing.T) {
	was := []*storedRule{}
	for i, id := range []string{"a", "b", "c", "d"} {
		r := access.Rule{ID: id}
		was = append(was, &storedRule{rule: r, set: "s", position: int64(i), document: documentOf(r)})
	}
	for _, test := range []struct{ order, written, removed string }{
		{"abcd", "", ""}, {"bcd", "", "a"}, {"abd", "", "c"}, {"abcde", "e", ""}, {"bcde", "e", "a"}, {"", "", "abcd"},
		{"acbd", "bd", ""}, {"eabcd", "eabcd", ""},
	} {
		have := &tenantRules{rules: map[string]*storedRule{}}
		for _, r := range was {
			have.rules[r.rule.ID] = r
		}
		var rules []access.Rule
		for _, id := range test.order {
			rules = append(rules, access.Rule{ID: string(id)})
		}
		c, done := &change{}, &Change{}
		if err := have.replace(was, "s", rules, c, done); err != nil {
			t.Fatal(err)
		}
		written, order := "", ""
		for _, r := range c.write {
			written += r.rule.ID
		}
		for _, r := range have.set("s") {
			order += r.rule.ID
		}
		if written != test.written || strings.Join(done.Removed, "") != test.removed || order != test.order {
			t.Errorf("%s: written %s, removed %v, and then they are %s", test.order, written, done.Removed, order)
		}
	}
}
