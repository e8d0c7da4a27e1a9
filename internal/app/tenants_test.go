package app

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestATenantIsReachedUnderItsOwnName: what a person of the second tenant gets to see, in pages and mails, leads to the host
// under which that tenant is reached, and never to what a Host header makes up.
func TestATenantIsReachedUnderItsOwnName(t *testing.T) {
	const key = "0a1s2d3f4g5h6j7k8l9q0w1e2r3t4y5u6i"
	a := newApp(t, "secrets: {admin: ["+key+"]}\ntenants:\n- {id: first, hosts: [localhost, 127.0.0.1]}\n- {id: second, hosts: [login.acme.example, www.acme.example]}\n")
	base := a.features.people.flows.Base.Of(t.Context())
	for host, want := range map[string]string{
		"127.0.0.1": base.Origin(), "login.acme.example": strings.Replace(base.Origin(), base.Host(), "login.acme.example:0", 1),
		"www.acme.example": strings.Replace(base.Origin(), base.Host(), "login.acme.example:0", 1),
	} {
		c := newCaller(t, a)
		c.host, c.key = host, key
		leads := func(what, address string) {
			t.Helper()
			if !strings.HasPrefix(address, want+"/") {
				t.Errorf("%s: %s leads to %q, not to %s", host, what, address, want)
			}
		}
		page := c.follow("/self-service/recovery/browser")
		leads("the page", page.String())
		answer := c.do(0, http.MethodGet, "/self-service/recovery/flows?id="+page.Query().Get("flow"), "", "")
		flow := c.read(answer, http.StatusOK)
		leads("the flow's address", text(t, flow, "request_url"))
		leads("the form", text(t, flow, "ui", "action"))

		c.client = c.register()
		leads("an application's login", c.ask().String())
		id := c.person("ada@" + host + ".example.com")
		issued := c.call(http.MethodPost, "/admin/recovery/code", `{"identity_id":"`+id+`"}`, http.StatusCreated)
		leads("the link of an administrator", text(t, issued, "recovery_link"))

		to := c.follow("/self-service/registration/browser")
		flow = c.read(c.do(0, http.MethodGet, "/self-service/registration/flows?id="+to.Query().Get("flow"), "", ""), http.StatusOK)
		action, err := url.Parse(text(t, flow, "ui", "action"))
		if err != nil {
			t.Fatal(err)
		}
		values := url.Values{"method": {"password"}, "traits.email": {"bob@" + host + ".example.com"}, "password": {"a long enough Passw0rd, with words"}}
		values.Set("csrf_token", csrfOf(t, flow))
		done := c.do(0, http.MethodPost, action.RequestURI(), "application/x-www-form-urlencoded", values.Encode())
		leads("the way on", done.Header.Get("Location"))
		mails, err := io.ReadAll(c.do(1, http.MethodGet, "/admin/courier/messages", "", "").Body)
		if err != nil || !strings.Contains(string(mails), want+"/self-service/verification?") {
			t.Errorf("%s: the mail does not lead to %s: %s %v", host, want, mails, err)
		}
	}
	stranger := &caller{T: t, app: a, host: "evil.example.com", cookies: map[string]string{}}
	if answer := stranger.do(0, http.MethodGet, "/self-service/recovery/browser", "", ""); answer.StatusCode != http.StatusNotFound {
		t.Errorf("a host that is nobody's: %d", answer.StatusCode)
	}
}

// text finds a text in a document.
func text(t *testing.T, in map[string]any, path ...string) string {
	t.Helper()
	for _, name := range path[:len(path)-1] {
		in, _ = in[name].(map[string]any)
	}
	found, ok := in[path[len(path)-1]].(string)
	if !ok {
		t.Fatalf("there is no %v", path)
	}
	return found
}

// csrfOf finds the token in the form of a flow.
func csrfOf(t *testing.T, flow map[string]any) string {
	t.Helper()
	nodes, _ := json.Marshal(flow["ui"])
	var ui struct {
		Nodes []struct {
			Attributes struct {
				Name  string `json:"name"`
				Value any    `json:"value"`
			} `json:"attributes"`
		} `json:"nodes"`
	}
	if err := json.Unmarshal(nodes, &ui); err != nil {
		t.Fatal(err)
	}
	for _, n := range ui.Nodes {
		if token, ok := n.Attributes.Value.(string); ok && n.Attributes.Name == "csrf_token" {
			return token
		}
	}
	t.Fatal("the form has no token")
	return ""
}
