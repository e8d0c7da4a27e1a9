package testkit

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Issuer is an OpenID provider that signs in whoever it is told to, and lies where it is told to. It does check what a provider
// has to: the client's secret, that a code is used once, and its proof key.
type Issuer struct {
	// URL is the issuer. ClientID and Secret are those of its one client.
	URL, ClientID, Secret string
	// Configuration, Token and Answer change what is said in the configuration document, in ID tokens, and in what the browser
	// brings back. They may be nil.
	Configuration, Token func(map[string]any)
	Answer               func(url.Values)
	// Key signs ID tokens; Published is what the key set shows. They are one key, unless a test changes that.
	Key, Published *ecdsa.PrivateKey
	// UserInfo is what the userinfo endpoint says.
	UserInfo map[string]any
	// Down has every endpoint answer 503. Asked counts the requests by path.
	Down  bool
	Asked map[string]int

	t      testing.TB
	now    func() time.Time
	mu     sync.Mutex
	claims map[string]any
	codes  map[string]url.Values
}

// NewIssuer starts a provider that ends with the test.
func NewIssuer(t testing.TB, now func() time.Time) *Issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &Issuer{t: t, now: now, ClientID: "gatehouse", Secret: "the client's secret", Key: key, Published: key, codes: map[string]url.Values{}, Asked: map[string]int{}}
	mux := http.NewServeMux()
	for path, answer := range map[string]http.HandlerFunc{
		"/.well-known/openid-configuration": p.configuration, "/authorize": p.authorize, "/token": p.token, "/keys": p.keys, "/userinfo": p.userinfo,
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.Asked[path]++
			if p.Down {
				http.Error(w, "down", http.StatusServiceUnavailable)
				return
			}
			answer(w, r)
		})
	}
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	p.URL = s.URL
	return p
}

// SignIn has the next who comes be the one of these claims; sub is among them.
func (p *Issuer) SignIn(claims map[string]any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.claims = claims
}

func (p *Issuer) say(w http.ResponseWriter, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		p.t.Error(err)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(text) // the client may be gone
}

func (p *Issuer) configuration(w http.ResponseWriter, _ *http.Request) {
	doc := map[string]any{
		"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
		"userinfo_endpoint": p.URL + "/userinfo", "id_token_signing_alg_values_supported": []string{"ES256"},
		"code_challenge_methods_supported": []string{"S256"}, "response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
	}
	if p.Configuration != nil {
		p.Configuration(doc)
	}
	p.say(w, doc)
}

// authorize sends the browser back at once, with a code.
func (p *Issuer) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	code := rand.Text()
	p.codes[code] = q
	back := url.Values{"code": {code}, "state": {q.Get("state")}}
	if p.Answer != nil {
		p.Answer(back)
	}
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound)
}

func (p *Issuer) token(w http.ResponseWriter, r *http.Request) {
	refuse := func(code string) {
		w.WriteHeader(http.StatusBadRequest)
		p.say(w, map[string]string{"error": code, "error_description": "not told"})
	}
	id, secret, basic := r.BasicAuth()
	if !basic {
		id, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	if id, _ = url.QueryUnescape(id); id != p.ClientID {
		refuse("invalid_client")
		return
	}
	if secret, _ = url.QueryUnescape(secret); secret != p.Secret && r.PostFormValue("client_secret") != p.Secret {
		refuse("invalid_client")
		return
	}
	asked, ok := p.codes[r.PostFormValue("code")]
	delete(p.codes, r.PostFormValue("code"))
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	challenge := asked.Get("code_challenge")
	if !ok || asked.Get("redirect_uri") != r.PostFormValue("redirect_uri") || challenge != "" && challenge != base64.RawURLEncoding.EncodeToString(sum[:]) {
		refuse("invalid_grant")
		return
	}
	p.say(w, map[string]any{"access_token": "access", "refresh_token": "refresh", "token_type": "Bearer", "expires_in": 60, "id_token": p.IDToken(asked.Get("nonce"))})
}

// IDToken signs an ID token for who is signed in.
func (p *Issuer) IDToken(nonce string) string {
	claims := map[string]any{"iss": p.URL, "aud": p.ClientID, "iat": p.now().Unix(), "exp": p.now().Add(time.Minute).Unix(), "nonce": nonce}
	maps.Copy(claims, p.claims)
	if p.Token != nil {
		p.Token(claims)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: p.Key}, nil)
	if err != nil {
		p.t.Error(err)
		return ""
	}
	text, err := json.Marshal(claims)
	if err != nil {
		p.t.Error(err)
		return ""
	}
	signed, err := signer.Sign(text)
	if err != nil {
		p.t.Error(err)
		return ""
	}
	raw, err := signed.CompactSerialize()
	if err != nil {
		p.t.Error(err)
	}
	return raw
}

func (p *Issuer) keys(w http.ResponseWriter, _ *http.Request) {
	p.say(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.Published.Public(), KeyID: "", Algorithm: "ES256", Use: "sig"}}})
}

func (p *Issuer) userinfo(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer access" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	p.say(w, p.UserInfo)
}
