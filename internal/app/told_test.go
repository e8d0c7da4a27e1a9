package app

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// silent are the routes of the admin listener that are no GET and leave no event of their own, and why.
var silent = map[string]string{
	"POST /admin/oauth2/introspect":                  "reads",
	"POST /admin/rules/check":                        "looks at what it is sent",
	"POST /admin/rules/test":                         "looks at what it is sent",
	"POST /admin/data/secrets":                       "TestSecretsThatNothingElseHas",
	"PUT /admin/oauth2/auth/requests/login/accept":   "told of who signed in: see TestSecurityEventsAreTold",
	"PUT /admin/oauth2/auth/requests/consent/accept": "told when the browser brings it back: see TestSecurityEventsAreTold",
	"PUT /admin/oauth2/auth/requests/logout/accept":  "told when the browser brings it back: see TestSecurityEventsAreTold",
	"PUT /admin/oauth2/auth/requests/logout/reject":  "nothing changes",
	"PUT /admin/oauth2/auth/requests/consent/reject": "TestSecurityEventsAreTold",
	"PUT /admin/oauth2/auth/requests/login/reject":   "TestSecurityEventsAreTold",
}

// witness makes changes by the admin API and remembers the requests that made them.
type witness struct {
	*caller
	routes *http.ServeMux
	tried  map[string]bool
	want   []told
}

// told is an event that must be in the log.
type told struct{ request, action, route string }

func newWitness(c *caller) *witness {
	w := &witness{caller: c, routes: http.NewServeMux(), tried: map[string]bool{}}
	for _, r := range c.app.listeners[1].Handler.(*web.Mux).Routes() {
		w.routes.HandleFunc(r.Pattern, func(http.ResponseWriter, *http.Request) {})
	}
	return w
}

// change makes a change that is to be told, and gives the answer.
func (w *witness) change(method, address, body string, status int, action activity.Action) map[string]any {
	w.Helper()
	r, err := http.NewRequestWithContext(w.Context(), method, address, nil)
	if err != nil {
		w.Fatal(err)
	}
	_, route := w.routes.Handler(r)
	answer := w.do(1, method, address, "application/json", body)
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != status {
		w.Errorf("%s %s answers %d, not %d: %s %v", method, address, answer.StatusCode, status, text, err)
	}
	w.tried[route] = true
	w.want = append(w.want, told{answer.Header.Get("X-Request-Id"), string(action), route})
	var out map[string]any
	_ = json.Unmarshal(text, &out) // some answer with nothing, or with a list
	return out
}

// logged are the events of a log, the newest first.
func logged(c *caller, prefix string) (all []activity.Event) {
	c.Helper()
	move(c.T, c.app)
	for next := prefix + "/admin/activity?page_size=500"; next != ""; {
		answer := c.do(1, http.MethodGet, next, "", "")
		var page []activity.Event
		if err := json.NewDecoder(answer.Body).Decode(&page); err != nil {
			c.Fatal(err)
		}
		all, next = append(all, page...), ""
		for link := range strings.SplitSeq(answer.Header.Get("Link"), ",") {
			if address, rel, _ := strings.Cut(link, ">"); strings.Contains(rel, `rel="next"`) {
				next = strings.TrimPrefix(strings.TrimSpace(address), "<")
			}
		}
	}
	return all
}

// Every change that somebody makes by the admin API is in the activity log: who made it, from where, and by which request. A route that
// is added is tried here, or says why not.
func TestEveryChangeByTheAdminAPIIsTold(t *testing.T) {
	const first, second = "the first secret of this test", "the second secret of this test"
	dir := t.TempDir()
	closeApp(t, openApp(t, dir, seals(first)))
	a := openApp(t, dir, seals(second, first)+"selfservice: {methods: {link: {enabled: true}}}\n")
	t.Cleanup(func() { closeApp(t, a) })
	c := newCaller(t, a)
	old := a.features.seals.System.KeyIDs()[1]
	c.key = text(t, c.call(http.MethodPost, "/admin/admin-keys", `{"name":"root","role":"admin","tenant":"*"}`, http.StatusCreated), "key")
	w := newWitness(c)

	w.change(http.MethodPost, "/admin/clients", `{"client_id":"shop","client_secret":"a long enough secret of it","grant_types":["client_credentials"]}`, 201, activity.ClientCreated)
	w.change(http.MethodPut, "/admin/clients/shop", `{"client_name":"Shop","grant_types":["client_credentials"]}`, 200, activity.ClientUpdated)
	w.change(http.MethodPatch, "/admin/clients/shop", `[{"op":"replace","path":"/client_name","value":"The shop"}]`, 200, activity.ClientUpdated)
	w.change(http.MethodPut, "/admin/clients/shop/lifespans", `{"client_credentials_grant_access_token_lifespan":"90m"}`, 200, activity.ClientUpdated)
	w.change(http.MethodPost, "/admin/clients/shop/secrets/rotate", "", 200, activity.ClientUpdated)
	w.change(http.MethodDelete, "/admin/clients/shop/secrets/rotate", "", 200, activity.ClientUpdated)
	w.change(http.MethodDelete, "/admin/clients/shop", "", 204, activity.ClientDeleted)

	person := text(t, w.change(http.MethodPost, "/admin/identities", `{"schema_id":"default","traits":{"email":"`+personsMail+`"},
		"credentials":{"password":{"config":{"password":"`+personsPassword+`"}},"oidc":{"config":{"providers":[{"provider":"acme","subject":"ada"}]}}}}`, 201, activity.IdentityCreated), "id")
	who := "/admin/identities/" + person
	w.change(http.MethodPatch, "/admin/identities", `{"identities":[{"create":{"schema_id":"default","traits":{"email":"grace@example.com"}}}]}`, 200, activity.IdentityImported)
	w.change(http.MethodPut, who, `{"schema_id":"default","state":"active","traits":{"email":"`+personsMail+`","name":{"first":"Ada"}}}`, 200, activity.IdentityUpdated)
	w.change(http.MethodPatch, who, `[{"op":"replace","path":"/state","value":"active"},{"op":"add","path":"/metadata_admin","value":{"a":1}}]`, 200, activity.IdentityUpdated)
	access, _ := c.tokens(person)
	if !c.active(access)[0] {
		t.Fatal("there is no token")
	}
	w.change(http.MethodDelete, "/admin/oauth2/tokens?client_id="+c.client, "", 204, activity.TokensDeleted)
	w.change(http.MethodDelete, "/admin/oauth2/auth/sessions/consent?all=true&subject="+person, "", 204, activity.ConsentRevoked)
	w.change(http.MethodDelete, "/admin/oauth2/auth/sessions/login?subject="+person, "", 204, activity.SessionRevoked)

	session := func() string {
		token := c.login()
		c.headers = map[string]string{"X-Session-Token": token}
		defer func() { c.headers = nil }()
		return text(t, c.read(c.do(0, http.MethodGet, "/sessions/whoami", "", ""), http.StatusOK), "id")
	}
	w.change(http.MethodPatch, "/admin/sessions/"+session()+"/extend", "", 200, activity.SessionExtended)
	w.change(http.MethodDelete, "/admin/sessions/"+session(), "", 204, activity.SessionRevoked)
	session()
	w.change(http.MethodPost, "/admin/sessions", `{"action":"disable","identities":["`+person+`"]}`, 200, activity.SessionsRevoked)
	session()
	w.change(http.MethodDelete, who+"/sessions", "", 204, activity.SessionsRevoked)
	w.change(http.MethodPost, "/admin/recovery/code", `{"identity_id":"`+person+`"}`, 201, activity.RecoveryIssued)
	w.change(http.MethodPost, "/admin/recovery/link", `{"identity_id":"`+person+`"}`, 200, activity.RecoveryIssued)

	flow := c.read(c.do(0, http.MethodGet, "/self-service/recovery/api", "", ""), http.StatusOK)
	c.read(c.do(0, http.MethodPost, "/self-service/recovery?flow="+url.QueryEscape(text(t, flow, "id")), "application/json",
		`{"method":"code","email":"`+personsMail+`"}`), http.StatusOK)
	management := a.databases.byName["management"]
	if _, err := management.AllTenants().Exec(t.Context(), `UPDATE courier_message SET status = 'abandoned'`); err != nil {
		t.Fatal(err)
	}
	var message string
	if err := management.AllTenants().QueryRow(t.Context(), `SELECT id FROM courier_message`).Scan(&message); err != nil {
		t.Fatal(err)
	}
	w.change(http.MethodPost, "/admin/courier/messages/"+message+"/requeue", "", 200, activity.MessageRequeued)
	if _, err := management.AllTenants().Exec(t.Context(), `DELETE FROM identity_handle WHERE identity_id = ?`, person); err != nil {
		t.Fatal(err)
	}
	w.change(http.MethodPost, "/admin/identities/reindex", `{}`, 200, activity.IdentityUpdated)
	w.change(http.MethodDelete, who+"/credentials/password", "", 204, activity.CredentialRemoved)
	w.change(http.MethodDelete, who, "", 204, activity.IdentityDeleted)

	made := w.change(http.MethodPost, "/admin/admin-keys", `{"name":"dashboards","role":"viewer"}`, 201, activity.AdminKeyCreated)
	fresh := w.change(http.MethodPost, "/admin/admin-keys/"+text(t, made, "id")+"/rotate", "{}", 201, activity.AdminKeyCreated)
	w.change(http.MethodDelete, "/admin/admin-keys/"+text(t, fresh, "id"), "", 204, activity.AdminKeyRevoked)

	set := w.change(http.MethodPost, "/admin/keys/partners", `{"alg":"ES256","use":"sig","kid":"one"}`, 201, activity.KeyCreated)
	raw, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	one, err := json.Marshal(set["keys"].([]any)[0])
	if err != nil {
		t.Fatal(err)
	}
	w.change(http.MethodDelete, "/admin/keys/partners/one", "", 204, activity.KeyWithdrawn)
	w.change(http.MethodPut, "/admin/keys/partners/one", string(one), 200, activity.KeyCreated)
	w.change(http.MethodDelete, "/admin/keys/partners", "", 204, activity.KeyWithdrawn)
	w.change(http.MethodPut, "/admin/keys/partners", string(raw), 200, activity.KeyCreated)
	w.change(http.MethodPost, "/admin/keys/hydra.openid.id-token/rotate", "", 200, activity.KeyRotated)

	const rule = `{"id":"rule","match":{"url":"http://app.example.com/","methods":["GET"]},"authenticators":[{"handler":"anonymous"}],"authorizer":{"handler":"allow"},"mutators":[{"handler":"noop"}]}`
	w.change(http.MethodPost, "/admin/rules", `[`+rule+`]`, 201, activity.RulesChanged)
	w.change(http.MethodPut, "/admin/rules", `[`+strings.Replace(rule, "GET", "PUT", 1)+`]`, 200, activity.RulesChanged)
	w.change(http.MethodPut, "/admin/rules/rule", rule, 200, activity.RulesChanged)
	w.change(http.MethodDelete, "/admin/rules/rule", "", 204, activity.RulesChanged)

	w.change(http.MethodPut, "/admin/schemas/staff", `{"schema":`+schemaWith("badge", "Badge")+`}`, 201, activity.SchemaCreated)
	w.change(http.MethodDelete, "/admin/schemas/staff", "", 204, activity.SchemaDeleted)

	w.change(http.MethodPost, "/admin/data/freeze", `{"why":"a test"}`, 200, activity.DataFrozen)
	w.change(http.MethodDelete, "/admin/data/freeze", "", 200, activity.DataThawed)
	w.change(http.MethodPost, "/admin/data/backups", `{"fault":"it was interrupted"}`, 204, activity.BackupFailed)
	for done := map[string]any{}; done["done"] != true; {
		after, _ := done["after"].(string)
		done = w.change(http.MethodPost, "/admin/seal-keys/reseal", `{"limit":1000,"after":"`+after+`"}`, 200, activity.Resealed)
		if done["done"] != true {
			w.want = w.want[:len(w.want)-1] // it is told at the end
		}
	}
	w.change(http.MethodPost, "/admin/seal-keys/"+old+"/retire", "", 200, activity.SealKeyRetired)

	w.change(http.MethodPost, "/admin/tenants", `{"id":"acme","path_prefix":"/t/acme"}`, 201, activity.TenantCreated)
	w.change(http.MethodPatch, "/admin/tenants/acme", `{"name":"Acme"}`, 200, activity.TenantUpdated)
	w.change(http.MethodPost, "/admin/tenants/acme/suspend", "", 200, activity.TenantSuspended)
	w.change(http.MethodPost, "/admin/tenants/acme/resume", "", 200, activity.TenantResumed)
	w.change(http.MethodDelete, "/admin/tenants/acme?confirm=acme", "", 202, activity.TenantCondemned)

	events := logged(c, "")
	for _, want := range w.want {
		if !slices.ContainsFunc(events, func(e activity.Event) bool {
			return e.RequestID == want.request && string(e.Action) == want.action && e.Actor.Kind == "admin_key" && e.Actor.Name == "root" && e.Address == "192.0.2.1" && e.Tenant == tenant.Default
		}) {
			t.Errorf("%s is not told as %s of whom and from where; its request has told %v", want.route, want.action, of(events, want.request))
		}
	}
	for _, r := range a.listeners[1].Handler.(*web.Mux).Routes() {
		if method, _, _ := strings.Cut(r.Pattern, " "); method != http.MethodGet && !r.Open && !w.tried[r.Pattern] && silent[r.Pattern] == "" {
			t.Errorf("nobody knows what %s tells", r.Pattern)
		}
	}
}

// of are the events of a request, without what was before and after.
func of(events []activity.Event, request string) (all []activity.Event) {
	for _, e := range events {
		if e.RequestID == request {
			e.Before, e.After = nil, nil
			all = append(all, e)
		}
	}
	return all
}
