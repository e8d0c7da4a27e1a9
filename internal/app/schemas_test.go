package app

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// schemaWith has people sign in with a trait of that name and title.
func schemaWith(trait, title string) string {
	return fmt.Sprintf(`{"type":"object","properties":{"traits":{"type":"object","properties":{%q:{"type":"string","title":%q,
		"ory.sh/kratos":{"credentials":{"password":{"identifier":true}}}}},"required":[%[1]q],"additionalProperties":false}}}`, trait, title)
}

// fields lists the traits that a document with a form asks for.
func fields(t *testing.T, flow map[string]any) (names []string) {
	t.Helper()
	text, err := json.Marshal(flow)
	if err != nil {
		t.Fatal(err)
	}
	var of struct {
		UI struct {
			Nodes []struct {
				Attributes struct {
					Name string `json:"name"`
				} `json:"attributes"`
			} `json:"nodes"`
		} `json:"ui"`
	}
	if err := json.Unmarshal(text, &of); err != nil {
		t.Fatal(err)
	}
	for _, n := range of.UI.Nodes {
		if trait, ok := strings.CutPrefix(n.Attributes.Name, "traits."); ok && !slices.Contains(names, trait) {
			names = append(names, trait)
		}
	}
	return names
}

// TestTenantsHaveSchemasOfTheirOwn: one gives its own by the admin API, one by the configuration, one has the installation's. Forms,
// pages, imports and the public documents are each tenant's own, and end with it.
func TestTenantsHaveSchemasOfTheirOwn(t *testing.T) {
	configured := base64.StdEncoding.EncodeToString([]byte(schemaWith("badge", "Number of your badge")))
	a := newApp(t, "tenants:\n- {id: main, hosts: [127.0.0.1]}\n- id: staff\n  hosts: [staff.example.com]\n  brand: {name: The staff, accent: \"#802020\"}\n  identity:\n    default_schema_id: staff\n    schemas: [{id: staff, url: \"base64://"+configured+"\"}]\n")
	boss := manage(t, a)
	boss.call(http.MethodPost, "/admin/tenants", `{"id":"acme","hosts":["login.acme.example"]}`, http.StatusCreated)
	worlds := map[string]*visitor{
		"customer": visit(t, a, "login.acme.example", "", "acme"), "staff": visit(t, a, "staff.example.com", "", "staff"), "default": visit(t, a, "127.0.0.1", "", "main"),
	}
	acme := worlds["customer"]
	acme.adminCall(http.MethodPut, "/admin/schemas/customer", `{"schema":`+schemaWith("number", "Number of a customer")+`}`, http.StatusCreated)
	worlds["staff"].adminCall(http.MethodPut, "/admin/schemas/customer", `{"schema":`+schemaWith("number", "")+`}`, http.StatusConflict)
	traits := map[string][]string{"customer": {"number"}, "staff": {"badge"}, "default": {"email", "name.first", "name.last"}}
	for own, v := range worlds {
		for other := range worlds {
			want := http.StatusNotFound
			if other == own || other == "default" { // people who came before may follow the installation's
				want = http.StatusOK
			}
			for _, id := range []string{other, base64.RawURLEncoding.EncodeToString([]byte(other))} {
				if answer := v.do(0, http.MethodGet, "/schemas/"+id, "", ""); answer.StatusCode != want {
					t.Errorf("schema %s of %s: %d", other, own, answer.StatusCode)
				}
			}
		}
		var list []map[string]any
		body, err := io.ReadAll(v.do(0, http.MethodGet, "/schemas", "", "").Body)
		if err := json.Unmarshal(body, &list); err != nil || len(list) != 1 || list[0]["id"] != own {
			t.Errorf("%s lists %s: %v", own, body, err)
		}
		flow := v.read(v.do(0, http.MethodGet, "/self-service/registration/api", "", ""), http.StatusOK)
		if got := fields(t, flow); err != nil || !slices.Equal(got, traits[own]) {
			t.Errorf("%s asks for %v", own, got)
		}
		if own == "default" {
			continue
		}
		// A person comes in, by the form and by import, is asked for their own traits, and changes one.
		trait := traits[own][0]
		in := `{"method":"password","password":"a long enough Passw0rd, with words","traits":{"` + trait + `":"4711"}}`
		action, err := url.Parse(text(t, flow, "ui", "action"))
		if err != nil {
			t.Fatal(err)
		}
		made := v.read(v.do(0, http.MethodPost, action.RequestURI(), "application/json", in), http.StatusOK)
		who, _ := made["identity"].(map[string]any)
		if at := text(t, who, "schema_url"); who["schema_id"] != own || !strings.HasPrefix(at, a.features.people.flows.Base.OfTenant(tenant.ID(strings.TrimPrefix(v.admin, "/t/"))).String()) {
			t.Errorf("%s made %v", own, who)
		} else if u, err := url.Parse(at); err != nil || v.do(0, http.MethodGet, u.RequestURI(), "", "").StatusCode != http.StatusOK {
			t.Errorf("schema_url leads nowhere: %s", at)
		}
		v.adminCall(http.MethodPost, "/admin/identities", `{"traits":{"`+trait+`":"4712"}}`, http.StatusCreated)
		v.adminCall(http.MethodPost, "/admin/identities", `{"traits":{"email":"ann@example.com"}}`, http.StatusBadRequest)
		page := v.do(0, http.MethodGet, v.follow("/self-service/registration/browser").RequestURI(), "", "")
		html, err := io.ReadAll(page.Body)
		title := map[string]string{"customer": "Number of a customer", "staff": "Number of your badge"}[own]
		if err != nil || !strings.Contains(string(html), title) || own == "staff" != strings.Contains(string(html), "The staff") {
			t.Errorf("the page of %s has not %q: %s", own, title, html)
		}
		session, _ := made["session_token"].(string)
		v.headers, v.cookies = map[string]string{"X-Session-Token": session}, map[string]string{}
		settings := v.read(v.do(0, http.MethodGet, "/self-service/settings/api", "", ""), http.StatusOK)
		if got := fields(t, settings); !slices.Equal(got, traits[own]) {
			t.Errorf("the settings of %s ask for %v", own, got)
		}
		v.headers = nil
	}
	answer := acme.do(1, http.MethodDelete, "/t/acme/admin/schemas/customer", "", "")
	if body, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode == http.StatusNoContent {
		t.Errorf("a schema that is followed is removed: %d %s", answer.StatusCode, body)
	}
	boss.call(http.MethodDelete, "/admin/tenants/acme?confirm=acme", "", http.StatusAccepted)
	worlds["staff"].adminCall(http.MethodGet, "/admin/schemas/staff", "", http.StatusOK)
}
