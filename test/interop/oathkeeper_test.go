package interop

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-iam/gatehouse/test/process"
)

// oathkeeperServices are those that the documentation's handlers ask: a session store, an OAuth server, Keto, and two that know more.
func oathkeeperServices(t *testing.T, keys jose.JSONWebKeySet) (address string) {
	t.Helper()
	says := func(w http.ResponseWriter, allowed bool, otherwise int, answer string) {
		if !allowed {
			w.WriteHeader(otherwise)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, answer)
	}
	m := http.NewServeMux()
	m.HandleFunc("/session", func(w http.ResponseWriter, r *http.Request) {
		c, _ := r.Cookie("sessionid")
		known := c != nil && c.Value == "abc" && r.Method == http.MethodPost || r.Header.Get("Authorization") == "Bearer custom_token_prefix_1" || r.URL.Query().Get("auth-token") == "valid"
		says(w, known, http.StatusUnauthorized, `{"subject":"peter","extra":{"some":{"arbitrary":{"data":"data"}}}}`)
	})
	m.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		id, secret, _ := r.BasicAuth()
		known := id == "peter" && secret == "somesecret" && r.FormValue("scope") == "scope-a scope-b" || id == "some_id" && secret == "some_secret" && r.FormValue("scope") == "introspect"
		says(w, known && r.FormValue("grant_type") == "client_credentials", http.StatusUnauthorized, `{"access_token":"for-`+id+`","token_type":"bearer","expires_in":60}`)
	})
	m.HandleFunc("POST /introspect", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer for-some_id" || r.Header.Get("X-Foo") != "bar" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		says(w, true, 0, map[string]string{
			"valid.access.token.from.peter": `{"active":true,"sub":"peter","username":"peter","scope":"photo profile","aud":["example_audience"],"iss":"https://my-website.com/"}`,
			"without-a-scope":               `{"active":true,"sub":"peter","scope":"photo","aud":["example_audience"],"iss":"https://my-website.com/"}`,
			"for-others":                    `{"active":true,"sub":"peter","scope":"photo profile","aud":["others"],"iss":"https://my-website.com/"}`,
		}[r.FormValue("token")]+strings.Repeat(`{"active":false}`, map[bool]int{true: 1}[r.FormValue("token") == "invalid-token"]))
	})
	m.HandleFunc("/jwks.json", func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(keys) })
	m.HandleFunc("POST /engines/acp/ory/exact/allowed", func(w http.ResponseWriter, r *http.Request) {
		var q struct{ Action, Resource, Subject string }
		_ = json.NewDecoder(r.Body).Decode(&q)
		says(w, true, 0, fmt.Sprintf(`{"allowed":%t}`, q.Action == "my:action:1234" && q.Resource == "my:resource:foobar:foo:1234" && q.Subject == "guest"))
	})
	m.HandleFunc("POST /remote", func(w http.ResponseWriter, r *http.Request) {
		var q struct{ Subject, Resource string }
		_ = json.NewDecoder(r.Body).Decode(&q)
		w.Header().Set("X-Foo", "from the service")
		says(w, q.Subject == "guest" && q.Resource == "42", http.StatusForbidden, "{}")
	})
	m.HandleFunc("POST /hydrate", func(w http.ResponseWriter, r *http.Request) {
		var q map[string]any
		_ = json.NewDecoder(r.Body).Decode(&q)
		q["extra"] = map[string]any{"foo": fmt.Sprintf("bar of %v", q["subject"])}
		_ = json.NewEncoder(w).Encode(q)
	})
	s := httptest.NewServer(m)
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// oathkeeper is a server with the rules of a file, and what the documentation configures besides.
type oathkeeper struct {
	t                *testing.T
	decisions, proxy string
}

func newOathkeeper(t *testing.T, rules, settings string) *oathkeeper {
	t.Helper()
	o := &oathkeeper{t: t, decisions: process.FreeAddress(t), proxy: process.FreeAddress(t)}
	s := process.Configure(t, process.Options{Config: settings})
	file := filepath.Join(s.Dir, "rules.yaml")
	if err := os.WriteFile(file, []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Override(fmt.Sprintf("serve: {decisions: {enabled: true, address: %q}, proxy: {enabled: true, address: %q}}\naccess: {rules: {repositories: [%q]}}\n", o.decisions, o.proxy, "file://"+file))
	s.Run()
	t.Cleanup(s.Stop)
	return o
}

// ask asks the decision API about a request as Oathkeeper's users do; headers are name, value, ….
func (o *oathkeeper) ask(method, address string, headers ...string) *http.Response {
	o.t.Helper()
	scheme, rest, _ := strings.Cut(address, "://")
	host, path, _ := strings.Cut(rest, "/")
	return o.send(method, "http://"+o.decisions+"/decisions", host, append(headers,
		"X-Forwarded-Method", method, "X-Forwarded-Proto", scheme, "X-Forwarded-Host", host, "X-Forwarded-Uri", "/"+path)...)
}

func (o *oathkeeper) send(method, at, host string, headers ...string) *http.Response {
	o.t.Helper()
	req, err := http.NewRequestWithContext(o.t.Context(), method, at, nil)
	if err != nil {
		o.t.Fatal(err)
	}
	req.Host = host
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	by := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := by.Do(req)
	if err != nil {
		o.t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(strings.NewReader(string(body)))
	return resp
}

// signed gives a JWT of the documentation, with the claims that a test changes.
func signed(t *testing.T, key *rsa.PrivateKey, change map[string]any) string {
	t.Helper()
	claims := map[string]any{
		"sub": "peter", "iss": "https://my-issuer.com/", "aud": []string{"https://my-service.com/api/users", "https://my-service.com/api/devices"},
		"scp": []string{"scope-a", "scope-b"}, "exp": time.Now().Add(time.Hour).Unix(),
	}
	maps.Copy(claims, change)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: "one"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(claims)
	s, err := signer.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := s.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

const oathkeeperSettings = `access:
  authenticators: {anonymous: {enabled: true, config: {subject: guest}}}
  authorizers: {keto_engine_acp_ory: {enabled: true, config: {base_url: "http://SERVICES/"}}}
  errors:
    fallback: [redirect, json]
    handlers:
      json: {enabled: true}
      redirect: {enabled: true, config: {to: "http://mywebsite/login", when: [{request: {header: {accept: ["text/*"]}}}]}}
`

// The examples of Oathkeeper's documentation decide as it says.
func TestOathkeeperExamples(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	services := oathkeeperServices(t, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "one", Algorithm: "RS256", Use: "sig"}}})
	text, err := os.ReadFile("testdata/oathkeeper.rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	at := strings.NewReplacer("SERVICES", services, "UPSTREAM", echo(t))
	o := newOathkeeper(t, at.Replace(string(text)), at.Replace(oathkeeperSettings))
	basic := func(who string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(who)) }
	jwt := func(change map[string]any) string { return "Bearer " + signed(t, key, change) }
	for _, c := range []struct {
		story, method, address string
		headers                []string
		want                   int
		field, value           string // of the answer
	}{
		{"a header that the rule wants", "GET", "http://my-app/api/v1/users", []string{"Content-Type", "application+v2.json"}, 200, "", ""},
		{"without it", "GET", "http://my-app/api/v1/users", nil, 404, "", ""},
		{"another method", "DELETE", "http://my-app/api/v1/users", []string{"Content-Type", "application+v2.json"}, 404, "", ""},
		{"a literal", "GET", "https://one.mydomain.com/", nil, 200, "", ""},
		{"a literal, further", "GET", "https://one.mydomain.com/foo", nil, 404, "", ""},
		{"groups", "GET", "http://two.mydomain.com/foo", nil, 200, "X-Groups", "http foo http://two.mydomain.com/foo"},
		{"groups, nothing", "GET", "https://two.mydomain.com/", nil, 200, "X-Groups", "https  https://two.mydomain.com/"},
		{"another domain", "GET", "https://other-domain.com/", nil, 404, "", ""},
		{"digits", "GET", "http://three.mydomain.com/123", nil, 200, "", ""},
		{"no digits", "GET", "http://three.mydomain.com/abc", nil, 404, "", ""},
		{"not protected", "GET", "http://four.mydomain.com/resource", nil, 200, "", ""},
		{"protected", "GET", "http://four.mydomain.com/protected", nil, 404, "", ""},

		{"unauthorized", "GET", "http://my-app/unauthorized", nil, 401, "", ""},
		{"anonymous", "GET", "http://my-app/anonymous", nil, 200, "X-User", "guest"},
		{"anonymous, no data", "GET", "http://my-app/anonymous", nil, 200, "X-Some-Arbitrary-Data", ""},
		{"anonymous, the rule's settings", "GET", "http://my-app/anon", nil, 200, "X-User", "anon"},
		{"anonymous with a credential", "GET", "http://my-app/anonymous", []string{"Authorization", "Bearer foobar"}, 401, "", ""},
		{"a cookie", "GET", "http://my-app/cookie", []string{"Cookie", "sessionid=abc"}, 200, "X-User", "peter"},
		{"a cookie's data", "GET", "http://my-app/cookie", []string{"Cookie", "sessionid=abc"}, 200, "X-Some-Arbitrary-Data", "data"},
		{"a bad cookie", "GET", "http://my-app/cookie", []string{"Cookie", "sessionid=def"}, 401, "", ""},
		{"another cookie", "GET", "http://my-app/cookie-or-not", []string{"Cookie", "a=b"}, 200, "X-User", "guest"},
		{"a token", "GET", "http://my-app/bearer", []string{"Authorization", "Bearer custom_token_prefix_1"}, 200, "X-User", "peter"},
		{"a bad token", "GET", "http://my-app/bearer", []string{"Authorization", "Bearer custom_token_prefix_2"}, 401, "", ""},
		{"a token in the query", "GET", "http://my-app/query?auth-token=valid", nil, 200, "X-User", "peter"},
		{"no client", "GET", "http://my-app/client", nil, 401, "", ""},
		{"an unknown client", "GET", "http://my-app/client", []string{"Authorization", basic("idonotexist:whatever")}, 401, "", ""},
		{"a client", "GET", "http://my-app/client", []string{"Authorization", basic("peter:somesecret")}, 200, "X-User", "peter"},
		{"nothing to introspect", "GET", "http://my-app/introspection", nil, 401, "", ""},
		{"an invalid token", "GET", "http://my-app/introspection", []string{"Authorization", "Bearer invalid-token"}, 401, "", ""},
		{"a valid token", "GET", "http://my-app/introspection", []string{"Authorization", "Bearer valid.access.token.from.peter"}, 200, "X-User", "peter"},
		{"a token without a scope", "GET", "http://my-app/introspection", []string{"Authorization", "Bearer without-a-scope"}, 403, "", ""},
		{"a token for others", "GET", "http://my-app/introspection", []string{"Authorization", "Bearer for-others"}, 403, "", ""},
		{"a JWT", "GET", "http://my-app/jwt", []string{"Authorization", jwt(nil)}, 200, "X-User", "peter"},
		{"a JWT of another issuer", "GET", "http://my-app/jwt", []string{"Authorization", jwt(map[string]any{"iss": "https://not-my-issuer.com/"})}, 401, "", ""},
		{"a JWT for less", "GET", "http://my-app/jwt", []string{"Authorization", jwt(map[string]any{"aud": []string{"https://my-service.com/api/users"}})}, 401, "", ""},
		{"a JWT without a scope", "GET", "http://my-app/jwt", []string{"Authorization", jwt(map[string]any{"scp": []string{"not-scope-a", "scope-b"}})}, 403, "", ""},

		{"deny", "GET", "http://my-app/deny", nil, 403, "", ""},
		{"Keto allows", "GET", "http://my-app/api/users/1234/foobar", nil, 200, "", ""},
		{"Keto does not", "GET", "http://my-app/api/users/1235/foobar", nil, 403, "", ""},
		{"a remote service allows", "GET", "http://my-app/remote/42", nil, 200, "X-Foo", "from the service"},
		{"a remote service does not", "GET", "http://my-app/remote/43", nil, 403, "", ""},

		{"cookies", "GET", "http://my-app/cookies", nil, 200, "Cookie", `some-arbitrary-data=; user=guest`},
		{"hydrated", "GET", "http://my-app/hydrated", nil, 200, "X-Foo", "bar of guest"},

		{"a redirect", "GET", "http://my-website/settings", []string{"Accept", "text/html"}, 301, "Location", "http://my-website/login?return_to=http%3A%2F%2Fmy-website%2Fsettings"},
		{"a realm", "GET", "http://my-website/basic", nil, 401, "WWW-Authenticate", `Basic realm="Please enter your username and password"`},
		{"conditions that hold", "POST", "http://my-website/when", []string{"Accept", "text/html", "Content-Type", "multipart/form-data"}, 302, "Location", "http://my-website/login"},
		{"conditions half of which hold", "POST", "http://my-website/when", []string{"Accept", "application/json", "Content-Type", "multipart/form-data"}, 403, "", ""},
		{"a browser, by the fallback", "GET", "http://my-website/fallback", []string{"Accept", "text/html,application/xhtml+xml"}, 302, "Location", "http://mywebsite/login"},
		{"a program, by the fallback", "GET", "http://my-website/fallback", []string{"Accept", "application/json"}, 401, "", ""},
	} {
		resp := o.ask(c.method, c.address, c.headers...)
		if resp.StatusCode != c.want || c.field != "" && resp.Header.Get(c.field) != c.value {
			body, _ := io.ReadAll(resp.Body)
			t.Errorf("%s: %d %s=%q\n%s", c.story, resp.StatusCode, c.field, resp.Header.Get(c.field), body)
		}
	}
	o.signs()
	o.forwards()
}

// signs looks at what the mutator id_token makes, with the keys that upstreams read.
func (o *oathkeeper) signs() {
	text := o.verified("http://my-app/signed", jose.ES256)
	var claims struct {
		Issuer   string   `json:"iss"`
		Subject  string   `json:"sub"`
		Audience []string `json:"aud"`
		Def      *string  `json:"def"`
		Issued   int64    `json:"iat"`
		Expires  int64    `json:"exp"`
	}
	if err := json.Unmarshal(text, &claims); err != nil || claims.Issuer != "https://my-oathkeeper/" || claims.Subject != "guest" || len(claims.Audience) != 1 ||
		claims.Def == nil || *claims.Def != "" || claims.Expires-claims.Issued != 60 {
		o.t.Errorf("the claims are %s", text)
	}
}

// verified gives the claims of the token that the application at an address is sent.
func (o *oathkeeper) verified(address string, by jose.SignatureAlgorithm) []byte {
	o.t.Helper()
	token, _ := strings.CutPrefix(o.ask("GET", address).Header.Get("Authorization"), "Bearer ")
	var keys jose.JSONWebKeySet
	if err := json.NewDecoder(o.send("GET", "http://"+o.decisions+"/.well-known/jwks.json", "").Body).Decode(&keys); err != nil {
		o.t.Fatal(err)
	}
	s, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{by})
	if err != nil {
		o.t.Fatalf("%v: %q", err, token)
	}
	text, err := s.Verify(keys)
	if err != nil {
		o.t.Fatal(err)
	}
	return text
}

// Applications that know no other algorithm are sent RS256, as docs/doors.md has it.
func TestOathkeeperRS256(t *testing.T) {
	page, err := os.ReadFile("../../docs/doors.md")
	if err != nil {
		t.Fatal(err)
	}
	const setting = "keys: {sets: [{name: gatehouse.access.id-token, algorithm: RS256}]}"
	if !strings.Contains(string(page), "`"+setting+"`") {
		t.Errorf("docs/doors.md does not say %s", setting)
	}
	o := newOathkeeper(t, "- {id: one, match: {url: \"http://my-app/one\", methods: [GET]}, authenticators: [{handler: anonymous}], authorizer: {handler: allow}, "+
		"mutators: [{handler: id_token, config: {issuer_url: \"https://my-oathkeeper/\"}}]}\n", setting+"\n")
	if text := o.verified("http://my-app/one", jose.RS256); !strings.Contains(string(text), `"sub":"anonymous"`) {
		t.Errorf("%s", text)
	}
}

// forwards looks at what the proxy makes of strip_path.
func (o *oathkeeper) forwards() {
	body, _ := io.ReadAll(o.send("GET", "http://"+o.proxy+"/api/v1/users?a=b", "my-app", "Content-Type", "application+v2.json").Body)
	if !strings.HasPrefix(string(body), "GET /users?a=b ") {
		o.t.Errorf("the upstream got %s", body)
	}
}

// Globs, where the configuration says so.
func TestOathkeeperGlobs(t *testing.T) {
	rule := func(id, address string) string {
		return fmt.Sprintf("- {id: %s, match: {url: %q, methods: [GET]}, authenticators: [{handler: noop}], authorizer: {handler: allow}, mutators: [{handler: noop}]}\n", id, address)
	}
	o := newOathkeeper(t, rule("one", "https://one.mydomain.com/<m?n>")+rule("two", "https://two.mydomain.com/<{foo*,bar*}>"), "access: {matching_strategy: glob}\n")
	for address, want := range map[string]int{
		"https://one.mydomain.com/man": 200, "https://one.mydomain.com/foo": 404, "http://one.mydomain.com/man": 404,
		"https://two.mydomain.com/foo": 200, "https://two.mydomain.com/bar": 200, "https://two.mydomain.com/any": 404,
	} {
		if resp := o.ask("GET", address); resp.StatusCode != want {
			t.Errorf("%s: %d", address, resp.StatusCode)
		}
	}
}
