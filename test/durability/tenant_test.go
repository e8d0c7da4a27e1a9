package durability

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/apiclient"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/test/process"
)

// worlds is the configuration of servers on which hosts that are no tenant's lead nowhere.
const worlds = replicated + "tenants: [{id: main, hosts: [main.example.com]}]\n"

// apart is that with four databases, each of its own.
func apart(dsn func() string) string {
	return worlds + fmt.Sprintf("databases: {management: %q, oauth: %q, activity: %q, flow: %q}\n", dsn(), dsn(), dsn(), dsn())
}

// world asks a server about one tenant: on the public listener by its host, on the admin listener by its id.
type world struct {
	t    *testing.T
	s    *process.Server
	name string
}

func (w world) host() string { return w.name + ".example.com" }

func (w world) ask(method, address, contentType, body string, headers ...string) (int, []byte) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if strings.HasPrefix(address, w.s.Public) {
		req.Host = w.host()
	}
	req.Header.Set("Content-Type", contentType)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode, text
}

// must makes a call that is answered as wanted, and reads the answer into v where that is not nil.
func (w world) must(method, address, contentType, body string, want int, v any, headers ...string) {
	w.t.Helper()
	code, text := w.ask(method, address, contentType, body, headers...)
	if code != want {
		w.t.Fatalf("%s %s answers %d, not %d: %s", method, address, code, want, text)
	}
	if v != nil {
		if err := json.Unmarshal(text, v); err != nil {
			w.t.Fatalf("%s: %v", text, err)
		}
	}
}

func (w world) admin() string { return w.s.Admin + "/t/" + w.name + "/admin" }

// its is what a tenant has that must stay what it is.
type its struct {
	people         int
	token, session string
}

const (
	jsonType = "application/json"
	formType = "application/x-www-form-urlencoded"
	batches  = 3 // of a thousand people
)

// populate makes the tenant with thousands of people, a client with a token, and a session.
func (w world) populate() its {
	w.t.Helper()
	w.must(http.MethodPost, w.s.Admin+"/admin/tenants", jsonType, fmt.Sprintf(`{"id":%q,"hosts":[%q]}`, w.name, w.host()), http.StatusCreated, nil)
	for b := range batches {
		var list []string
		for i := range 1000 {
			list = append(list, fmt.Sprintf(`{"create":{"traits":{"email":"p%d-%d@example.com","name":{"first":"P%[1]d","last":"Q%d"}}}}`, b, i, i))
		}
		w.must(http.MethodPatch, w.admin()+"/identities", jsonType, `{"identities":[`+strings.Join(list, ",")+`]}`, http.StatusOK, nil)
	}
	w.must(http.MethodPost, w.admin()+"/identities", jsonType,
		`{"traits":{"email":"ann@example.com"},"credentials":{"password":{"config":{"password":"quiet-harbour-lantern-47"}}}}`, http.StatusCreated, nil)
	var client struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	w.must(http.MethodPost, w.admin()+"/clients", jsonType, `{"grant_types":["client_credentials"],"token_endpoint_auth_method":"client_secret_post"}`, http.StatusCreated, &client)
	var issued struct {
		Token string `json:"access_token"`
	}
	w.must(http.MethodPost, w.s.Public+"/oauth2/token", formType,
		url.Values{"grant_type": {"client_credentials"}, "client_id": {client.ID}, "client_secret": {client.Secret}}.Encode(), http.StatusOK, &issued)
	return its{people: batches*1000 + 1, token: issued.Token, session: w.signIn()}
}

// signIn signs the one person in who has a password.
func (w world) signIn() string {
	w.t.Helper()
	var flow struct{ ID string }
	w.must(http.MethodGet, w.s.Public+"/self-service/login/api", "", "", http.StatusOK, &flow)
	var in struct {
		Token string `json:"session_token"`
	}
	w.must(http.MethodPost, w.s.Public+"/self-service/login?flow="+url.QueryEscape(flow.ID), jsonType,
		`{"method":"password","identifier":"ann@example.com","password":"quiet-harbour-lantern-47"}`, http.StatusOK, &in)
	return in.Token
}

// whole holds that nothing of the tenant is gone.
func (w world) whole(has its) {
	w.t.Helper()
	people, after := 0, ""
	for {
		var page []struct{ ID string }
		w.must(http.MethodGet, w.admin()+"/identities?page_size=500&page_token="+after, "", "", http.StatusOK, &page)
		people += len(page)
		if len(page) < 500 {
			break
		}
		after = w.next("/identities?page_size=500&page_token=" + after)
	}
	if people != has.people {
		w.t.Errorf("%s has %d people of %d", w.name, people, has.people)
	}
	var token struct{ Active bool }
	w.must(http.MethodPost, w.admin()+"/oauth2/introspect", formType, url.Values{"token": {has.token}}.Encode(), http.StatusOK, &token)
	if !token.Active {
		w.t.Errorf("a token of %s is gone", w.name)
	}
	w.must(http.MethodGet, w.s.Public+"/sessions/whoami", "", "", http.StatusOK, nil, "X-Session-Token", has.session)
	w.must(http.MethodGet, w.s.Public+"/.well-known/jwks.json", "", "", http.StatusOK, nil)
	w.signIn()
}

// next is the page token behind a page.
func (w world) next(page string) string {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.admin()+page, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	query, err := apiclient.NextPage(resp.Header)
	if err != nil || query == nil {
		w.t.Fatalf("a full page has none behind it: %v", err)
	}
	return url.QueryEscape(query.Get("page_token"))
}

// told is what the admin API says of a tenant.
type told struct {
	State    string
	Deletion struct{ Rows map[string]int }
}

func (t told) rows() (n int) {
	for _, rows := range t.Deletion.Rows {
		n += rows
	}
	return n
}

func (w world) told() (of told) {
	w.t.Helper()
	w.must(http.MethodGet, w.s.Admin+"/admin/tenants/"+w.name, "", "", http.StatusOK, &of)
	return of
}

// nowhere holds that a tenant is served no more and that its name and host are nobody else's yet.
func (w world) nowhere() {
	w.t.Helper()
	for _, path := range []string{"/.well-known/jwks.json", "/self-service/login/api", "/account/"} {
		w.must(http.MethodGet, w.s.Public+path, "", "", http.StatusNotFound, nil)
	}
	w.must(http.MethodGet, w.admin()+"/identities", "", "", http.StatusNotFound, nil)
	w.must(http.MethodPost, w.s.Admin+"/admin/tenants?reuse=true", jsonType, fmt.Sprintf(`{"id":%q}`, w.name), http.StatusConflict, nil)
	w.must(http.MethodPost, w.s.Admin+"/admin/tenants", jsonType, fmt.Sprintf(`{"id":"other","hosts":[%q]}`, w.host()), http.StatusConflict, nil)
}

// A server is killed in the midst of the deletion of a tenant: another one, or the same after a restart, ends it. Meanwhile nothing is
// served of the tenant and nobody gets its name or host, and of another tenant nothing is gone.
func TestKilledWhileDeletingATenant(t *testing.T) {
	for name, config := range map[string]func(*testing.T) string{
		"sqlite":   func(*testing.T) string { return worlds },
		"postgres": func(t *testing.T) string { return apart(func() string { return testkit.Postgres(t) }) },
		"mariadb":  func(t *testing.T) string { return apart(func() string { return testkit.MariaDB(t) }) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings := config(t)
			s := process.Start(t, process.Options{Config: settings})
			next := s
			if name != "sqlite" { // where one server has the database alone
				next = process.Start(t, process.Options{Config: settings})
			}
			gone, stays := world{t, s, "gone"}, world{t, s, "stays"}
			gone.populate()
			has := stays.populate()
			gone.must(http.MethodDelete, s.Admin+"/admin/tenants/gone?confirm=gone", "", "", http.StatusAccepted, nil)
			s.Eventually(func() bool { return gone.told().rows() > 0 })
			s.Kill()
			if next == s {
				s.Run()
			}
			gone.s, stays.s = next, next
			var half told
			next.Eventually(func() bool { // another server hears of it within a second
				half = gone.told()
				return half.State != "active"
			})
			switch half.State {
			case "deleting":
				gone.nowhere()
			case "deleted": // all before the server was dead: on a busy machine the kill comes late
			default:
				t.Errorf("half deleted it is %s", half.State)
			}
			stays.whole(has)
			next.Eventually(func() bool { return gone.told().State == "deleted" })
			whole := gone.told()
			for table, rows := range map[string]int{"management.identity": has.people, "oauth.oauth_client": 1, "oauth.oauth_token": 1, "management.session": 1} {
				// A batch that a killed server had deleted and not yet written down counts for nothing.
				if got := whole.Deletion.Rows[table]; got > rows || got < rows-2000 {
					t.Errorf("%d rows of %s have gone, of %d", got, table, rows)
				}
			}
			stays.whole(has)
			gone.must(http.MethodPost, next.Admin+"/admin/tenants", jsonType, `{"id":"gone"}`, http.StatusConflict, nil)
			gone.must(http.MethodPost, next.Admin+"/admin/tenants?reuse=true", jsonType, `{"id":"gone","hosts":["gone.example.com"]}`, http.StatusCreated, nil)
			var people []any
			gone.must(http.MethodGet, gone.admin()+"/identities", "", "", http.StatusOK, &people)
			if len(people) != 0 {
				t.Errorf("a new tenant of the name has %d people", len(people))
			}
			t.Logf("%d rows had gone when the server was killed, %d in the end", half.rows(), whole.rows())
		})
	}
}
