package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

type answer struct {
	status int
	header http.Header
	body   map[string]any
	list   []map[string]any
}

func call(t testing.TB, method, address, body string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := (&http.Client{Timeout: time.Minute}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{status: res.StatusCode, header: res.Header}
	if strings.HasPrefix(string(raw), "[") {
		err = json.Unmarshal(raw, &a.list)
	} else if len(raw) > 0 {
		err = json.Unmarshal(raw, &a.body)
	}
	if err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return a
}

func TestAdminAPI(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "oauth"))
	base := f.serve(t)
	made := call(t, "POST", base+"/admin/clients", `{"client_id":"app","client_name":"App","grant_types":["client_credentials"],"metadata":{"k":[1]}}`)
	if made.status != 201 || made.header.Get("Location") != "/admin/clients/app" {
		t.Fatalf("create: %d %s", made.status, made.header.Get("Location"))
	}
	secret, _ := made.body["client_secret"].(string)
	if len(secret) != 43 {
		t.Errorf("a made secret has 256 bits: %q", secret)
	}
	got := call(t, "GET", base+"/clients/app", "")
	if got.status != 200 || got.body["client_secret"] != nil || got.body["client_name"] != "App" {
		t.Errorf("get: %d %v", got.status, got.body)
	}
	if strings.Contains(fmt.Sprint(got.body), "gh-hmac") {
		t.Error("what is kept of the secret is shown")
	}
	put := call(t, "PUT", base+"/admin/clients/app", `{"client_name":"Renamed"}`)
	if put.status != 200 || put.body["client_name"] != "Renamed" || put.body["metadata"] != nil || put.body["client_secret"] != nil {
		t.Errorf("put: %d %v", put.status, put.body)
	}
	if put.body["created_at"] != made.body["created_at"] {
		t.Error("put changed created_at")
	}
	f.mustAuthenticate(t, "app", secret) // the secret stays
	patched := call(t, "PATCH", base+"/admin/clients/app", `[{"op":"replace","path":"/client_name","value":"Again"},{"op":"add","path":"/contacts/-","value":"a@example.com"}]`)
	if patched.status != 200 || patched.body["client_name"] != "Again" {
		t.Errorf("patch: %d %v", patched.status, patched.body)
	}
	if r := call(t, "DELETE", base+"/admin/clients/app", ""); r.status != 204 {
		t.Errorf("delete: %d", r.status)
	}
	if r := call(t, "GET", base+"/admin/clients/app", ""); r.status != 404 || r.body["error"] != "Not Found" {
		t.Errorf("after delete: %d %v", r.status, r.body)
	}
}

func (f *fixture) mustAuthenticate(t testing.TB, id, secret string) {
	t.Helper()
	if _, err := f.auth.Verify(f.ctx, client.Credentials{Method: oauth.AuthSecretBasic, ID: id, Secret: secret}); err != nil {
		t.Errorf("secret %q of %s: %v", secret, id, err)
	}
}

func (f *fixture) mustNotAuthenticate(t testing.TB, id, secret string) {
	t.Helper()
	if _, err := f.auth.Verify(f.ctx, client.Credentials{Method: oauth.AuthSecretBasic, ID: id, Secret: secret}); err == nil {
		t.Errorf("secret %q of %s was accepted", secret, id)
	}
}

func TestErrorsOfTheAdminAPI(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "oauth"))
	base := f.serve(t) + "/admin/clients"
	f.add(t, basicClient("there"), "")
	f.add(t, &client.Client{ID: "public", TokenEndpointAuthMethod: "none"}, "")
	for _, tc := range []struct {
		name, method, path, body string
		status                   int
		code, hint               string
	}{
		{"no JSON", "POST", "", `{`, 400, "invalid_request", "JSON"},
		{"a list", "POST", "", `[]`, 400, "invalid_client_metadata", "object"},
		{"a field of the wrong kind", "POST", "", `{"redirect_uris":"https://a/"}`, 400, "invalid_client_metadata", "redirect_uris"},
		{"a bad redirect URI", "POST", "", `{"redirect_uris":["https://a/#"]}`, 400, "invalid_redirect_uri", "fragment"},
		{"an id that is taken", "POST", "", `{"client_id":"there"}`, 409, "conflict", "PUT"},
		{"a short secret", "POST", "", `{"client_secret":"abcde"}`, 400, "invalid_client_metadata", "client_secret"},
		{"a long secret", "POST", "", `{"client_secret":"` + strings.Repeat("x", 1025) + `"}`, 400, "invalid_client_metadata", "client_secret"},
		{"a secret of a public client", "POST", "", `{"client_secret":"abcdefgh","token_endpoint_auth_method":"none"}`, 400, "invalid_client_metadata", "leave it out"},
		{"a secret that has expired already", "POST", "", `{"client_secret_expires_at":1}`, 400, "invalid_client_metadata", "client_secret_expires_at"},
		{"replace what is not there", "PUT", "/nobody", `{}`, 404, "Not Found", ""},
		{"replace by another id", "PUT", "/there", `{"client_id":"other"}`, 400, "invalid_client_metadata", "client_id"},
		{"patch what is not there", "PATCH", "/nobody", `[]`, 404, "Not Found", ""},
		{"patch the id", "PATCH", "/there", `[{"op":"replace","path":"/client_id","value":"other"}]`, 400, "invalid_client_metadata", "client_id"},
		{"remove the id", "PATCH", "/there", `[{"op":"remove","path":"/client_id"}]`, 400, "invalid_client_metadata", "client_id"},
		{"patch that is no list", "PATCH", "/there", `{"op":"add"}`, 400, "invalid_client_metadata", "JSON Patch"},
		{"patch of nothing known", "PATCH", "/there", `[{"op":"add","path":"/client_nmae","value":"x"}]`, 400, "invalid_client_metadata", "client_nmae"},
		{"patch of the whole", "PATCH", "/there", `[{"op":"replace","path":"","value":{}}]`, 400, "invalid_client_metadata", "path"},
		{"patch with an unknown operation", "PATCH", "/there", `[{"op":"spoil","path":"/owner"}]`, 400, "invalid_client_metadata", ""},
		{"patch whose test fails", "PATCH", "/there", `[{"op":"test","path":"/owner","value":"x"}]`, 400, "invalid_client_metadata", "test"},
		{"patch into a bad state", "PATCH", "/there", `[{"op":"add","path":"/grant_types/-","value":"password"}]`, 400, "invalid_client_metadata", "password"},
		{"remove what is not there", "PATCH", "/there", `[{"op":"remove","path":"/metadata/x"}]`, 400, "invalid_client_metadata", "missing"},
		{"lifespans of nobody", "PUT", "/nobody/lifespans", `{}`, 404, "Not Found", ""},
		{"lifespan without unit", "PUT", "/there/lifespans", `{"implicit_grant_id_token_lifespan":"7"}`, 400, "invalid_client_metadata", "units"},
		{"rotate nobody's secret", "POST", "/nobody/secrets/rotate", ``, 404, "Not Found", ""},
		{"rotate a public client's secret", "POST", "/public/secrets/rotate", ``, 400, "invalid_client_metadata", "no secret"},
		{"end nobody's secrets", "DELETE", "/nobody/secrets/rotate", ``, 404, "Not Found", ""},
		{"delete nobody", "DELETE", "/nobody", ``, 404, "Not Found", ""},
		{"an impossible id", "GET", "/a%00b", ``, 404, "Not Found", ""},
		{"a page token of another's making", "GET", "?page_token=abc", ``, 400, "invalid_request", "page_token"},
		{"a negative page size", "GET", "?page_size=-1", ``, 400, "invalid_request", "page_size"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := call(t, tc.method, base+tc.path, tc.body)
			if got.status != tc.status || got.body["error"] != tc.code {
				t.Fatalf("%d %v", got.status, got.body)
			}
			if hint, _ := got.body["error_description"].(string); !strings.Contains(hint, tc.hint) {
				t.Errorf("%q does not tell about %q", hint, tc.hint)
			}
		})
	}
}

func TestSecretsRotate(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "oauth"))
	base := f.serve(t) + "/admin/clients/app/secrets/rotate"
	secrets := []string{f.add(t, basicClient("app"), "").Secret}
	for range 7 {
		got := call(t, "POST", base, "")
		next, _ := got.body["client_secret"].(string)
		if got.status != 200 || next == "" {
			t.Fatalf("%d %v", got.status, got.body)
		}
		secrets = append(secrets, next)
	}
	for i, s := range secrets {
		if i < len(secrets)-6 {
			f.mustNotAuthenticate(t, "app", s) // five are kept besides the current one
		} else {
			f.mustAuthenticate(t, "app", s)
		}
	}
	if got := call(t, "DELETE", base, ""); got.status != 200 || got.body["client_secret"] != nil {
		t.Errorf("%d %v", got.status, got.body)
	}
	f.mustAuthenticate(t, "app", secrets[7])
	f.mustNotAuthenticate(t, "app", secrets[6])
	if got := call(t, "DELETE", base, ""); got.status != 200 {
		t.Errorf("the second time: %d", got.status)
	}
}

func TestGivenSecrets(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "oauth"))
	base := f.serve(t) + "/admin/clients"
	made := call(t, "POST", base, `{"client_id":"app","client_secret":"a person's choice"}`)
	if made.body["client_secret"] != "a person's choice" {
		t.Errorf("%v", made.body)
	}
	f.mustAuthenticate(t, "app", "a person's choice")
	f.mustNotAuthenticate(t, "app", "a person's guess")

	rotated := call(t, "POST", base+"/app/secrets/rotate", "").body["client_secret"].(string)
	f.mustAuthenticate(t, "app", "a person's choice")

	// So is one that is given; where the client has it already, nothing is new.
	for i, want := range []any{"a third choice", nil} {
		got := call(t, "POST", base+"/app/secrets/rotate", `{"client_secret":"a third choice"}`)
		if got.status != 200 || got.body["client_secret"] != want {
			t.Errorf("%d: %d %v", i, got.status, got.body)
		}
		f.mustAuthenticate(t, "app", "a third choice")
		f.mustAuthenticate(t, "app", rotated)
		f.mustAuthenticate(t, "app", "a person's choice")
	}
	for _, wrong := range []string{`{"client_secret":"short"}`, `{"secret":"a fourth choice"}`, `[]`} {
		if got := call(t, "POST", base+"/app/secrets/rotate", wrong); got.status != 400 {
			t.Errorf("%s: %d %v", wrong, got.status, got.body)
		}
	}
	rotated = "a third choice"

	// The same secret sent again, as tools do that hold a client in a desired state, is no new secret.
	call(t, "PUT", base+"/app", `{"client_secret":"`+rotated+`"}`)
	f.mustAuthenticate(t, "app", "a person's choice")
	f.mustAuthenticate(t, "app", rotated)

	// A new one ends all others.
	got := call(t, "PATCH", base+"/app", `[{"op":"replace","path":"/client_secret","value":"another choice"}]`)
	if got.status != 200 || got.body["client_secret"] != "another choice" {
		t.Errorf("%d %v", got.status, got.body)
	}
	f.mustAuthenticate(t, "app", "another choice")
	f.mustNotAuthenticate(t, "app", rotated)
	f.mustNotAuthenticate(t, "app", "a person's choice")

	// Without a secret there is none to use, and with one again a new one is made.
	got = call(t, "PUT", base+"/app", `{"token_endpoint_auth_method":"none"}`)
	if got.status != 200 || got.body["client_secret"] != nil {
		t.Errorf("%d %v", got.status, got.body)
	}
	f.mustNotAuthenticate(t, "app", "another choice")
	got = call(t, "PUT", base+"/app", `{}`)
	fresh, _ := got.body["client_secret"].(string)
	f.mustAuthenticate(t, "app", fresh)
}

func TestSecretsExpire(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "oauth"))
	base := f.serve(t) + "/admin/clients"
	end := f.clock.Now().Add(time.Hour).Unix()
	made := call(t, "POST", base, fmt.Sprintf(`{"client_id":"app","client_secret_expires_at":%d}`, end))
	old, _ := made.body["client_secret"].(string)
	if made.body["client_secret_expires_at"] != float64(end) {
		t.Errorf("%v", made.body)
	}
	f.mustAuthenticate(t, "app", old)
	f.clock.Advance(2 * time.Hour)
	f.mustNotAuthenticate(t, "app", old)
	if got := call(t, "PUT", base+"/app", fmt.Sprintf(`{"client_secret_expires_at":%d}`, end)); got.status != 200 {
		t.Errorf("what is there already may be sent again: %d %v", got.status, got.body)
	}
	fresh := call(t, "POST", base+"/app/secrets/rotate", "")
	if fresh.body["client_secret_expires_at"] != 0.0 {
		t.Errorf("%v", fresh.body)
	}
	f.mustAuthenticate(t, "app", fresh.body["client_secret"].(string))
	f.mustNotAuthenticate(t, "app", old) // rotation does not revive it
}

func TestLifespansEndpoint(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "oauth"))
	base := f.serve(t) + "/admin/clients"
	call(t, "POST", base, `{"client_id":"app","client_name":"App","implicit_grant_id_token_lifespan":"1h"}`)
	got := call(t, "PUT", base+"/app/lifespans", `{"client_credentials_grant_access_token_lifespan":"90m"}`)
	want := map[string]any{"client_credentials_grant_access_token_lifespan": "1h30m0s", "implicit_grant_id_token_lifespan": nil, "client_name": "App"}
	for k, v := range want {
		if diff := cmp.Diff(v, got.body[k]); diff != "" {
			t.Errorf("%s: %s", k, diff)
		}
	}
}

func TestListPages(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "oauth"))
	base := f.serve(t)
	for i := range 5 {
		c := basicClient(fmt.Sprintf("c%d", i))
		c.Owner = "o&o"
		f.add(t, c, "")
	}
	f.add(t, basicClient("of-nobody"), "")
	next := regexp.MustCompile(`<([^>]+)>; rel="next"`)
	var ids []string
	at := "/admin/clients?page_size=2&owner=" + url.QueryEscape("o&o")
	first := at
	for pages := 0; at != ""; pages++ {
		got := call(t, "GET", base+at, "")
		link := got.header.Get("Link")
		if got.status != 200 || !strings.Contains(link, `rel="first"`) || pages > 3 {
			t.Fatalf("%d %q", got.status, link)
		}
		for _, c := range got.list {
			ids = append(ids, c["client_id"].(string))
			if c["client_secret"] != nil {
				t.Error("a list shows secrets")
			}
		}
		at = ""
		if m := next.FindStringSubmatch(link); m != nil {
			at = m[1]
		}
	}
	if diff := cmp.Diff([]string{"c0", "c1", "c2", "c3", "c4"}, ids); diff != "" {
		t.Error(diff)
	}
	link := next.FindStringSubmatch(call(t, "GET", base+first, "").header.Get("Link"))[1]
	if got := call(t, "GET", base+strings.Replace(link, "owner=o%26o", "owner=other", 1), ""); got.status != 400 {
		t.Errorf("a page token of another list: %d", got.status)
	}
	if got := call(t, "GET", base+"/admin/clients?owner=unknown", ""); got.status != 200 || got.list == nil || len(got.list) != 0 {
		t.Errorf("an empty list is a list: %d %v", got.status, got.list)
	}
	if got := call(t, "GET", base+"/admin/clients?page_size=100000", ""); got.status != 200 || !strings.Contains(got.header.Get("Link"), "page_size=500") {
		t.Errorf("a large page: %d %s", got.status, got.header.Get("Link"))
	}
}

func TestSectorIdentifier(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "oauth"))
	base := f.serve(t) + "/admin/clients"
	f.documents["https://sector.example.com/good"] = `["https://a.example.com/cb","https://b.example.com/cb"]`
	f.documents["https://sector.example.com/short"] = `["https://a.example.com/cb"]`
	f.documents["https://sector.example.com/bad"] = `{}`
	for name, want := range map[string]int{"good": 201, "short": 400, "bad": 400, "missing": 400} {
		body := `{"subject_type":"pairwise","redirect_uris":["https://a.example.com/cb","https://b.example.com/cb"],"sector_identifier_uri":"https://sector.example.com/` + name + `"}`
		if got := call(t, "POST", base, body); got.status != want {
			t.Errorf("%s: %d %v", name, got.status, got.body)
		}
	}
}

func TestDeleteForgetsWhatWasIssued(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "oauth"))
	var forgotten string
	f.register.Forget = forget(&forgotten)
	f.add(t, basicClient("app"), "")
	if err := f.register.Delete(f.ctx, "app"); err != nil || forgotten != "app" {
		t.Errorf("%q, %v", forgotten, err)
	}

	// When the client is gone and its tokens could not be ended, deleting it again ends them.
	f.add(t, basicClient("half"), "")
	f.register.Forget = func(context.Context, string) error { return errors.New("the database went away") }
	if err := f.register.Delete(f.ctx, "half"); err == nil {
		t.Fatal("what failed is called a success")
	}
	f.register.Forget = forget(&forgotten)
	if err := f.register.Delete(f.ctx, "half"); !errors.Is(err, client.ErrNotFound) || forgotten != "half" {
		t.Errorf("%q, %v", forgotten, err)
	}
}
