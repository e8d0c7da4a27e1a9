package browser

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// application is a client of the server: a shop that lets people sign in.
type application struct {
	t        *testing.T
	site     *site
	id       string
	secret   string
	base     string
	verifier string
	came     chan url.Values
}

// newApplication registers an application and serves the page that people come back to.
func newApplication(t *testing.T, s *site) *application {
	t.Helper()
	a := &application{t: t, site: s, verifier: rand.Text() + rand.Text(), came: make(chan url.Values, 10)}
	mux := http.NewServeMux()
	page := func(title string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = fmt.Fprintf(w, `<!doctype html><html lang="en"><title>Shop</title><link rel="icon" href="data:,"><h1>%s</h1>`, title)
			if r.URL.Path == "/callback" {
				a.came <- r.URL.Query()
			}
		}
	}
	mux.Handle("GET /callback", page("Welcome to the shop"))
	mux.Handle("GET /bye", page("Bye"))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	a.base = server.URL
	made := s.administers(t, "/admin/clients", map[string]any{
		"client_name": "The Corner Shop", "scope": "openid email", "grant_types": []string{"authorization_code"},
		"response_types": []string{"code"}, "redirect_uris": []string{a.base + "/callback"},
		"post_logout_redirect_uris": []string{a.base + "/bye"}, "token_endpoint_auth_method": "client_secret_post",
	})
	a.id, a.secret = made["client_id"].(string), made["client_secret"].(string)
	return a
}

// begins is the address to which the shop sends people to sign in.
func (a *application) begins() string {
	challenge := sha256.Sum256([]byte(a.verifier))
	return a.site.Public + "/oauth2/auth?" + url.Values{
		"client_id": {a.id}, "response_type": {"code"}, "scope": {"openid email"}, "redirect_uri": {a.base + "/callback"},
		"state": {"a state of the shop"}, "code_challenge_method": {"S256"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])},
	}.Encode()
}

// callback is with what somebody came back to the shop.
func (a *application) callback(ctx context.Context) url.Values {
	a.t.Helper()
	select {
	case q := <-a.came:
		if q.Get("state") != "a state of the shop" {
			a.t.Fatalf("came back with %v", q)
		}
		return q
	case <-ctx.Done():
		a.t.Fatal("nobody came back to the shop")
		return nil
	}
}

// answers asks the server something and gives its document.
func (a *application) answers(req *http.Request, err error) map[string]any {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(resp.Body)
	answer := map[string]any{}
	if err := json.Unmarshal(body, &answer); err != nil || resp.StatusCode != http.StatusOK {
		a.t.Fatalf("%s answers %d %s (%v)", req.URL.Path, resp.StatusCode, body, err)
	}
	return answer
}

// redeems gets tokens for a code.
func (a *application) redeems(code string) map[string]any {
	a.t.Helper()
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {a.base + "/callback"},
		"client_id": {a.id}, "client_secret": {a.secret}, "code_verifier": {a.verifier},
	}
	req, err := http.NewRequestWithContext(a.t.Context(), http.MethodPost, a.site.Public+"/oauth2/token", strings.NewReader(form.Encode()))
	if err == nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return a.answers(req, err)
}

// knows asks who the owner of a token is.
func (a *application) knows(accessToken string) map[string]any {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), http.MethodGet, a.site.Public+"/userinfo", nil)
	if err == nil {
		req.Header.Set("Authorization", "Bearer "+accessToken)
	}
	return a.answers(req, err)
}

// Somebody comes from an application, makes an account, lets the application know who it is, comes again without being asked
// anything, and signs out from there.
func TestApplication(t *testing.T) {
	everywhere(t, func(t *testing.T, s *site, d device) {
		a, p, address := newApplication(t, s), newPerson(t, s, d), mailbox("hedy", d)
		p.opens(a.begins())
		p.at("application login", "Sign in")
		p.sees("The Corner Shop")
		p.follows("Create an account")
		p.at("application registration", "Create your account")
		p.sees("The Corner Shop")
		p.fills("E-mail address", address)
		p.presses("Continue")
		p.fills("Password", password)
		p.presses("Create account")
		p.at("application verification", "Enter the code")
		p.fills("Verification code", s.post.code(t, address))
		p.presses("Continue")
		p.at("application consent", "Allow The Corner Shop access?")
		p.sees(address)
		p.ticks("Don’t ask me again")
		p.presses("Allow")
		tokens := a.redeems(a.callback(p.ctx).Get("code"))
		if who := a.knows(tokens["access_token"].(string)); who["email"] != address || who["sub"] == "" {
			t.Errorf("the application learns %v", who)
		}

		p.opens(a.begins())
		if code := a.callback(p.ctx).Get("code"); code == "" || !strings.HasPrefix(p.address(), a.base) {
			t.Errorf("the second time the person is at %s", p.address())
		}

		out := s.Public + "/oauth2/sessions/logout?" + url.Values{
			"id_token_hint": {tokens["id_token"].(string)}, "post_logout_redirect_uri": {a.base + "/bye"},
		}.Encode()
		p.opens(out)
		p.at("application logout", "Sign out?")
		p.sees("The Corner Shop")
		p.presses("Sign out")
		if !strings.HasPrefix(p.address(), a.base+"/bye") {
			t.Errorf("after signing out the person is at %s", p.address())
		}
		p.opens(s.Public + "/account/")
		p.at("login", "Sign in")
	})
}

// Where accounts may be used before their address is proven, somebody who makes one has no time to look for the mail, and gets to
// the application all the same.
func TestApplicationNow(t *testing.T) {
	everywhereWith(t, `selfservice:
  account_enumeration: {mitigate: false}
  flows: {registration: {after: {password: {hooks: [{hook: session}, {hook: show_verification_ui}]}}}}
`, func(t *testing.T, s *site, d device) {
		a, p, address := newApplication(t, s), newPerson(t, s, d), mailbox("emmy", d)
		p.opens(a.begins())
		p.follows("Create an account")
		p.fills("E-mail address", address)
		p.presses("Continue")
		p.fills("Password", password)
		p.presses("Create account")
		p.follows("Skip for now")
		p.at("application consent", "Allow The Corner Shop access?")
		p.presses("Allow")
		if code := a.callback(p.ctx).Get("code"); code == "" {
			t.Error("the application gets no code")
		}
	})
}

// What a person does not allow, the application does not get; and the next person at the same browser is somebody else.
func TestConsent(t *testing.T) {
	everywhere(t, func(t *testing.T, s *site, d device) {
		a, p := newApplication(t, s), newPerson(t, s, d)
		address, friend := mailbox("lise", d), mailbox("otto", d)
		s.account(t, address)
		s.account(t, friend)
		p.opens(a.begins())
		p.signsIn(address, password)
		p.at("consent", "Allow The Corner Shop access?")
		p.presses("Deny")
		if q := a.callback(p.ctx); q.Get("error") != "access_denied" || q.Get("code") != "" {
			t.Errorf("after denying the application gets %v", q)
		}

		p.opens(a.begins())
		p.ticks("See your e-mail address")
		p.presses("Allow")
		tokens := a.redeems(a.callback(p.ctx).Get("code"))
		if who := a.knows(tokens["access_token"].(string)); who["email"] != nil || tokens["scope"] != "openid" {
			t.Errorf("the application learns %v by %v", who, tokens["scope"])
		}

		p.opens(a.begins())
		p.at("consent again", "Allow The Corner Shop access?")
		p.presses("Not you?")
		p.at("consent login", "Sign in")
		p.signsIn(friend, password)
		p.at("consent of a friend", "Allow The Corner Shop access?")
		p.sees(friend)
		p.presses("Allow")
		tokens = a.redeems(a.callback(p.ctx).Get("code"))
		if who := a.knows(tokens["access_token"].(string)); who["email"] != friend {
			t.Errorf("the application learns %v", who)
		}
	})
}
