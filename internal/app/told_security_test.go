package app

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
)

var sixDigits = regexp.MustCompile(`\b[0-9]{6}\b`)

// mailed is the code in the newest message of a template.
func (c *caller) mailed(template string) string {
	c.Helper()
	var messages []struct {
		Template string `json:"template_type"`
		Body     string
	}
	if err := json.NewDecoder(c.do(1, http.MethodGet, "/admin/courier/messages", "", "").Body).Decode(&messages); err != nil {
		c.Fatal(err)
	}
	for _, m := range messages {
		if m.Template == template {
			return sixDigits.FindString(m.Body)
		}
	}
	c.Fatalf("no %s was sent", template)
	return ""
}

// flow begins a flow of self-service, as an app does, and gives where it is submitted.
func (c *caller) flow(kind string) string {
	c.Helper()
	clear(c.cookies)
	f := c.read(c.do(0, http.MethodGet, "/self-service/"+kind+"/api", "", ""), http.StatusOK)
	return "/self-service/" + kind + "?flow=" + url.QueryEscape(text(c.T, f, "id"))
}

func (c *caller) submit(to, body string, want int) map[string]any {
	c.Helper()
	return c.read(c.do(0, http.MethodPost, to, "application/json", body), want)
}

// answer answers a step of the authorization that the application begins, and follows it.
func (c *caller) answer(to *url.URL, step, verdict, body string) *url.URL {
	c.Helper()
	challenge := to.Query().Get(step + "_challenge")
	next := c.call(http.MethodPut, "/admin/oauth2/auth/requests/"+step+"/"+verdict+"?"+step+"_challenge="+url.QueryEscape(challenge), body, http.StatusOK)
	return c.follow(text(c.T, next, "redirect_to"))
}

// Every security event is in the activity log: of what, and who did it.
func TestSecurityEventsAreTold(t *testing.T) {
	a := newApp(t, "secrets: {admin: ["+rootKey+"]}\nlimits: {lockout: {failures: 3}}\n")
	c := newCaller(t, a)
	c.key = rootKey
	var want []activity.Event
	expect := func(action activity.Action, actor, subject string) {
		want = append(want, activity.Event{Action: action, Actor: activity.Party{Kind: actor}, Subject: activity.Party{Kind: subject}})
	}
	person := text(t, c.call(http.MethodPost, "/admin/identities", `{"schema_id":"default","traits":{"email":"`+personsMail+`"},
		"credentials":{"password":{"config":{"password":"`+personsPassword+`"}}}}`, http.StatusCreated), "id")

	access, refresh := c.tokens(person)
	expect(activity.LoginSucceeded, "identity", "identity") // at the login app
	expect(activity.ConsentGranted, "identity", "client")
	expect(activity.TokenRevoked, "client", "token")
	c.do(0, http.MethodPost, "/oauth2/revoke", "application/x-www-form-urlencoded", url.Values{"token": {access}, "client_id": {c.client}}.Encode())
	expect(activity.TokenFamilyRevoked, "client", "token_family")
	c.do(0, http.MethodPost, "/oauth2/revoke", "application/x-www-form-urlencoded", url.Values{"token": {refresh}, "client_id": {c.client}}.Encode())
	clear(c.cookies)
	expect(activity.LoginRefused, "admin_key", "client")
	c.answer(c.ask(), "login", "reject", `{"error":"access_denied"}`)
	expect(activity.ConsentDenied, "identity", "client")
	c.answer(c.answer(c.ask(), "login", "accept", `{"subject":"`+person+`"}`), "consent", "reject", `{"error":"access_denied"}`)
	made := c.call(http.MethodPost, "/admin/clients", `{"grant_types":["client_credentials"]}`, http.StatusCreated)
	expect(activity.ClientFailed, "", "client")
	c.headers = map[string]string{"Authorization": basic(text(t, made, "client_id"), "not its secret")}
	c.do(0, http.MethodPost, "/oauth2/token", "application/x-www-form-urlencoded", "grant_type=client_credentials")
	c.headers = nil

	if n := count(logged(c, ""), activity.LoginSucceeded); n != 2 {
		t.Errorf("of two people who signed in elsewhere, %d are told", n)
	}
	token := c.login()
	if n := count(logged(c, ""), activity.LoginSucceeded); n != 3 {
		t.Errorf("after another one here, %d are told", n)
	}
	settings := c.with(token, func() string { return c.flow("settings") })
	expect(activity.CredentialChanged, "identity", "identity")
	c.with(token, func() string {
		c.submit(settings, `{"method":"password","password":"another-quiet-harbour-48"}`, http.StatusOK)
		return ""
	})
	expect(activity.Logout, "identity", "identity")
	c.read(c.do(0, http.MethodDelete, "/self-service/logout/api", "application/json", `{"session_token":"`+token+`"}`), http.StatusNoContent)

	verification := c.flow("verification")
	c.submit(verification, `{"method":"code","email":"`+personsMail+`"}`, http.StatusOK)
	expect(activity.IdentityVerified, "identity", "identity")
	c.submit(verification, `{"method":"code","code":"`+c.mailed("verification_code_valid")+`"}`, http.StatusOK)
	recovery := c.flow("recovery")
	c.submit(recovery, `{"method":"code","email":"`+personsMail+`"}`, http.StatusOK)
	expect(activity.RecoveryFailed, "", "identity")
	c.submit(recovery, `{"method":"code","code":"000000"}`, http.StatusOK) // what was sent is another one, but for one time in a million
	expect(activity.IdentityRecovered, "identity", "identity")
	c.submit(recovery, `{"method":"code","code":"`+c.mailed("recovery_code_valid")+`"}`, http.StatusOK)

	expect(activity.LoginFailed, "", "identity")
	expect(activity.LoginLocked, "", "identifier")
	for range 8 {
		c.do(0, http.MethodPost, c.flow("login"), "application/json", `{"method":"password","identifier":"`+personsMail+`","password":"a-wrong-guess-of-mine"}`)
	}
	expect(activity.IdentityRegistered, "identity", "identity")
	c.submit(c.flow("registration"), `{"method":"password","password":"`+personsPassword+`","traits":{"email":"grace@example.com"}}`, http.StatusOK)

	viewer := text(t, c.call(http.MethodPost, "/admin/admin-keys", `{"name":"looks","role":"viewer"}`, http.StatusCreated), "key")
	expect(activity.AdminKeyUsed, "admin_key", "admin_key")
	expect(activity.AdminRefused, "admin_key", "")
	as(t, a, viewer).call(http.MethodPost, "/admin/clients", "{}", http.StatusForbidden)

	events := logged(c, "")
	for _, w := range want {
		var seen []activity.Event
		if !slices.ContainsFunc(events, func(e activity.Event) bool {
			if e.Action == w.Action {
				seen = append(seen, e)
			}
			return e.Action == w.Action && (w.Actor.Kind == "" || e.Actor.Kind == w.Actor.Kind) && e.Subject.Kind == w.Subject.Kind && e.Address == "192.0.2.1" && e.RequestID != ""
		}) {
			t.Errorf("%s by %q of %q is not told; there are %+v", w.Action, w.Actor.Kind, w.Subject.Kind, seen)
		}
	}
}

// with does something as whoever has a session's token.
func (c *caller) with(token string, do func() string) string {
	c.Helper()
	c.headers = map[string]string{"X-Session-Token": token}
	defer func() { c.headers = nil }()
	return do()
}

func count(events []activity.Event, action activity.Action) (n int) {
	for _, e := range events {
		if e.Action == action {
			n++
		}
	}
	return n
}
