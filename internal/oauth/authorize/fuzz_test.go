package authorize

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

func fuzzChallenges(t testing.TB) Challenges {
	t.Helper()
	ring, err := secret.NewRing([]secret.String{"a secret that tests alone may know"})
	if err != nil {
		t.Fatal(err)
	}
	return NewChallenges(ring)
}

func FuzzChallenge(f *testing.F) {
	c := fuzzChallenges(f)
	id := NewFlowID()
	good := c.Make(LoginChallenge, tenant.Default, id)
	for _, seed := range []string{"", good, good[:62], good + "A", strings.Repeat("A", 63), strings.Repeat("_", 63), id} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := c.Open(LoginChallenge, tenant.Default, text)
		if ok && c.Make(LoginChallenge, tenant.Default, got) != text {
			t.Errorf("%q is taken for a challenge of ours", text)
		}
		for _, p := range []Purpose{LoginVerifier, ConsentChallenge, ConsentVerifier, LogoutChallenge, LogoutVerifier} {
			if _, other := c.Open(p, tenant.Default, text); ok && other {
				t.Errorf("%q serves two purposes", text)
			}
		}
	})
}

func TestChallenges(t *testing.T) {
	c := fuzzChallenges(t)
	seen := map[string]bool{}
	last := ""
	for range 1000 {
		id := NewFlowID()
		if id < last {
			t.Errorf("%s comes after %s: ids are not in the order of time", id, last)
		}
		last = id
		text := c.Make(ConsentChallenge, "blue", id)
		if len(text) >= 64 || seen[text] {
			t.Fatalf("challenge %q", text)
		}
		seen[text] = true
		if got, ok := c.Open(ConsentChallenge, "blue", text); !ok || got != id {
			t.Fatalf("%s came back as %q, %t", id, got, ok)
		}
		if _, ok := c.Open(ConsentChallenge, "red", text); ok {
			t.Fatal("a challenge of one tenant opens a flow of another")
		}
	}
	if c.Make(LoginChallenge, "blue", "not an id") != "" || c.Make(LoginChallenge, "blue", secret.Random(16)) != "" {
		t.Error("what is no id of ours gets a challenge")
	}
	old, err := secret.NewRing([]secret.String{"another secret of sixteen characters"})
	if err != nil {
		t.Fatal(err)
	}
	both, err := secret.NewRing([]secret.String{"the secret that came afterwards", "another secret of sixteen characters"})
	if err != nil {
		t.Fatal(err)
	}
	text := NewChallenges(old).Make(LoginChallenge, "blue", last)
	if _, ok := NewChallenges(both).Open(LoginChallenge, "blue", text); !ok {
		t.Error("a challenge does not survive the rotation of the secret")
	}
	if _, ok := c.Open(LoginChallenge, "blue", text); ok {
		t.Error("a challenge under a foreign secret is understood")
	}
}

func FuzzClaims(f *testing.F) {
	for _, seed := range []string{"", "{}", "null", `{"id_token":{"sub":{"value":"alice"},"acr":{"essential":true,"values":["a",1]}}}`,
		`{"userinfo":null}`, `{"id_token":{"acr":{"essential":true,"value":{}}}}`, "{", "[{}]", `{"id_token":{"a":null}} x`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, compact, err := parseClaims(text)
		if err != nil || text == "" {
			return
		}
		if !json.Valid(compact) || len(compact) > maxClaims {
			t.Errorf("kept as %q", compact)
		}
		again, _, err := parseClaims(string(compact))
		if err != nil || again.subject() != c.subject() || !slices.Equal(again.essentialACR(), c.essentialACR()) {
			t.Errorf("what is kept of %q means something else: %v", text, err)
		}
	})
}

// fuzzClient has redirect URIs of every kind.
func fuzzClient() *client.Client {
	return &client.Client{
		ID: "shop", Scope: "openid offline read", TokenEndpointAuthMethod: oauth.AuthNone,
		GrantTypes:    []string{oauth.GrantAuthorizationCode, oauth.GrantImplicit},
		ResponseTypes: []string{oauth.ResponseCode, oauth.ResponseToken, oauth.ResponseCodeIDTokenToken, oauth.ResponseIDToken},
		RedirectURIs:  []string{"https://app.example.com/cb", "http://127.0.0.1/cb", "http://[::1]:1/cb?x=y", "com.example.app:/cb"},
	}
}

// registered tells, by other means than the code under test, whether a redirect URI is one of the client's.
func registered(c *client.Client, uri string) bool {
	if slices.Contains(c.RedirectURIs, uri) {
		return true
	}
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "http" || u.User != nil || u.Fragment != "" {
		return false
	}
	u.Host = u.Hostname()
	if strings.Contains(u.Host, ":") {
		u.Host = "[" + u.Host + "]"
	}
	return u.String() == "http://127.0.0.1/cb" || u.String() == "http://[::1]/cb?x=y"
}

func FuzzRedirectURI(f *testing.F) {
	for _, seed := range []string{"https://app.example.com/cb", "http://127.0.0.1:8080/cb", "http://[::1]:65536/cb?x=y", "http://127.0.0.1:1@evil/cb",
		"com.example.app:/cb", "http://127.0.0.1:/cb", "http://127.0.0.1:8\\@evil/cb", "https://app.example.com/cb\n"} {
		f.Add(seed)
	}
	c := fuzzClient()
	f.Fuzz(func(t *testing.T, uri string) {
		got, err := findTarget(readParams(url.Values{"redirect_uri": {uri}, "response_type": {"code"}}), c)
		if err == nil && (got.RedirectURI != uri || !registered(c, uri)) {
			t.Errorf("%q leads to %q", uri, got.RedirectURI)
		}
	})
}

// FuzzQuery throws whole query strings at the rules: they never panic, and never find another target than a registered
// one; what passes them is what was asked.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{
		"client_id=shop&response_type=code&scope=openid&redirect_uri=https://app.example.com/cb&state=12345678&nonce=12345678&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256",
		"response_type=code+id_token+token&response_mode=form_post&redirect_uri=http://127.0.0.1:9/cb&scope=openid&prompt=none&max_age=0&claims={}&audience=a&audience=b",
		"response_type=token&response_mode=query&redirect_uri=com.example.app:/cb&state=a&state=b", "%zz", "a=b;c=d", "redirect_uri=&redirect_uri=",
	} {
		f.Add(seed)
	}
	c := fuzzClient()
	policy := Policy{Config: oauth.Defaults(), Development: true}
	f.Fuzz(func(t *testing.T, query string) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		p := readParams(values)
		to, err := findTarget(p, c)
		if err != nil {
			return
		}
		if !registered(c, to.RedirectURI) {
			t.Fatalf("%q leads to %q", query, to.RedirectURI)
		}
		r, err := check(p, to, c, policy)
		a := newAnswer(to, "https://id.example.com")
		if err != nil {
			a = failed(to, "https://id.example.com", err)
		} else {
			checkInvariants(t, r, c)
		}
		if !strings.HasPrefix(a.Location(), to.RedirectURI) {
			t.Errorf("the answer goes to %q", a.Location())
		}
		if strings.ContainsAny(a.Location(), "\r\n \"") {
			t.Errorf("the answer's address is no URI: %q", a.Location())
		}
	})
}

// checkInvariants holds what is true of every request that passed.
func checkInvariants(t *testing.T, r *Request, c *client.Client) {
	t.Helper()
	switch {
	case oauth.FrontChannelTokens(r.ResponseType) && r.ResponseMode == oauth.ModeQuery:
		t.Error("tokens go into the query")
	case wants(r.ResponseType, "code") && r.CodeChallenge == "":
		t.Error("a public client gets a code without PKCE")
	case wants(r.ResponseType, "id_token") && (len(r.Nonce) < minEntropy || !r.openID()):
		t.Error("an ID token without a nonce or without openid")
	case r.State != "" && len(r.State) < minEntropy:
		t.Error("a short state")
	case r.has("none") && len(r.Prompt) > 1:
		t.Error("prompt=none with others")
	}
	if err := c.AllowedScope(oauth.ScopeWildcard, r.Scope); err != nil {
		t.Error(err)
	}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var again Request
	if err := json.Unmarshal(text, &again); err != nil {
		t.Errorf("the request cannot be read back: %v", err)
	}
}

func FuzzHintAudience(f *testing.F) {
	for _, seed := range []string{`"a"`, `["a","b"]`, `null`, `1`, ``} {
		f.Add(seed)
	}
	f.Fuzz(func(_ *testing.T, text string) {
		var o oneOrMany
		_ = json.Unmarshal([]byte(text), &o) // must not panic
	})
}

func TestDecideLogin(t *testing.T) {
	now := time.Date(2026, time.March, 4, 5, 6, 7, 0, time.UTC)
	ago := func(d time.Duration) *known { return &known{Subject: "alice", AuthTime: now.Add(-d), ACR: "aal1"} }
	maxAge := func(n int64) *int64 { return &n }
	same := func(subject string) string { return subject }
	for name, c := range map[string]struct {
		r    Request
		s    *known
		skip bool
		err  bool
	}{
		"nobody":                      {Request{}, nil, false, false},
		"nobody, silently":            {Request{Prompt: []string{"none"}}, nil, false, true},
		"somebody":                    {Request{}, ago(time.Hour), true, false},
		"somebody, silently":          {Request{Prompt: []string{"none"}}, ago(time.Hour), true, false},
		"asked to sign in":            {Request{Prompt: []string{"login"}}, ago(0), false, false},
		"asked to choose":             {Request{Prompt: []string{"select_account"}}, ago(0), false, false},
		"only consent is asked":       {Request{Prompt: []string{"consent"}}, ago(0), true, false},
		"too old":                     {Request{MaxAge: maxAge(59)}, ago(time.Minute), false, false},
		"as old as allowed":           {Request{MaxAge: maxAge(60)}, ago(time.Minute), false, false},
		"young enough":                {Request{MaxAge: maxAge(61)}, ago(time.Minute), true, false},
		"too old, silently":           {Request{MaxAge: maxAge(0), Prompt: []string{"none"}}, ago(0), false, true},
		"another by hint":             {Request{HintSubject: "bob"}, ago(0), false, false},
		"another by claims":           {Request{WantSubject: "bob"}, ago(0), false, false},
		"another by claims, silently": {Request{WantSubject: "bob", Prompt: []string{"none"}}, ago(0), false, true},
		"the same by both":            {Request{WantSubject: "alice", HintSubject: "alice"}, ago(0), true, false},
		"weak":                        {Request{EssentialACR: []string{"aal2"}}, ago(0), false, false},
		"strong enough":               {Request{EssentialACR: []string{"aal2", "aal1"}}, ago(0), true, false},
	} {
		skip, err := decideLogin(&c.r, c.s, same, now)
		if skip != c.skip || (err != nil) != c.err {
			t.Errorf("%s: skip %t, %v", name, skip, err)
		}
	}
}

func TestWithPrompt(t *testing.T) {
	if got := withPrompt("https://a/oauth2/auth?client_id=x&prompt=none", "login"); got != "https://a/oauth2/auth?client_id=x&prompt=login" {
		t.Error(got)
	}
	if got := withPrompt("https://a/oauth2/auth?prompt=consent+login", "login"); got != "https://a/oauth2/auth?prompt=consent+login" {
		t.Error(got)
	}
}

func TestNothingRunsWithoutATenant(t *testing.T) {
	if here(context.Background()) != "" {
		t.Error("a context without a tenant has one")
	}
}
