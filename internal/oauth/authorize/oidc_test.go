package authorize_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/oauth/authorize"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

var rememberAlice = object{"subject": "alice", "remember": true}

// hint signs a browser in as the subject and gives the ID token that the client gets.
func (b *browser) hint(v string, login object) string {
	b.s.t.Helper()
	code := answerOf(b.s.t, b.through(request(v), login, nil)).Get("code")
	_, tokens := b.s.redeem(v, code)
	text, _ := tokens["id_token"].(string)
	return text
}

func TestOIDCCore_3_1_2_1_RedirectURIIsRequired(t *testing.T) {
	_, b := endpoint(t)
	wantShown(t, b.auth(request("shop", "redirect_uri", "")), http.StatusBadRequest)
}

func TestOIDCCore_3_1_2_1_Prompt(t *testing.T) {
	s, b := endpoint(t)
	for _, bad := range []string{"none login", "none consent", "login none", "whatever", "login whatever", "None"} {
		wantError(t, b.auth(request("shop", "prompt", bad)), "invalid_request")
	}
	b.through(request("shop"), rememberAlice, nil)
	for _, asks := range []string{"login", "select_account", "registration", "create", "login consent"} {
		if _, lr := s.get("login", challengeOf(t, b.auth(request("shop", "prompt", asks)), "login")); lr["skip"] != false {
			t.Errorf("prompt=%s does not ask", asks)
		}
	}
}

func TestOIDCCore_3_1_2_1_PromptRegistration(t *testing.T) {
	_, b := endpoint(t, func(p *authorize.Policy) { p.URLs.Registration = "https://login.example.com/register?x=y" })
	to := location(t, b.auth(request("shop", "prompt", "registration")))
	if !strings.HasPrefix(to.String(), "https://login.example.com/register?x=y&login_challenge=") {
		t.Errorf("sent to %s", to)
	}
	if to := location(t, b.auth(request("shop"))); to.Path != "/login" {
		t.Errorf("sent to %s", to)
	}
}

func TestOIDCCore_3_1_2_3_PromptNone(t *testing.T) {
	s, b := endpoint(t)
	wantError(t, b.auth(request("shop", "prompt", "none")), "login_required")
	b.through(request("shop"), rememberAlice, nil) // the login is remembered, the consent is not
	to := s.accept("login", challengeOf(t, b.auth(request("shop", "prompt", "none")), "login"), alice)
	wantError(t, b.get(to), "consent_required")
}

func TestOIDCCore_3_1_2_1_MaxAge(t *testing.T) {
	s, b := endpoint(t)
	for _, bad := range []string{"-1", "x", "1.5", "99999999999999999999"} {
		wantError(t, b.auth(request("shop", "max_age", bad)), "invalid_request")
	}
	b.through(request("shop"), rememberAlice, nil)
	s.clock.Advance(time.Minute)
	for maxAge, skip := range map[string]bool{"0": false, "59": false, "61": true, "9223372036854775807": true} {
		if _, lr := s.get("login", challengeOf(t, b.auth(request("shop", "max_age", maxAge)), "login")); lr["skip"] != skip {
			t.Errorf("max_age=%s: skip is %v", maxAge, lr["skip"])
		}
	}
	wantError(t, b.auth(request("shop", "max_age", "59", "prompt", "none")), "login_required")
}

func TestOIDCCore_3_1_2_1_ReauthenticationMovesAuthTime(t *testing.T) {
	s, b := endpoint(t)
	b.through(request("shop"), rememberAlice, nil)
	_, lr := s.get("login", challengeOf(t, b.auth(request("shop", "prompt", "login")), "login"))
	s.clock.Advance(time.Minute)
	now := s.clock.Now()
	claims := claimsOf(t, func() string {
		code := answerOf(t, b.through(request("shop", "prompt", "login"), rememberAlice, nil)).Get("code")
		_, tokens := s.redeem("shop", code)
		return tokens["id_token"].(string)
	}())
	if claims["auth_time"] != float64(now.Unix()) {
		t.Errorf("auth_time is %v, want %d", claims["auth_time"], now.Unix())
	}
	if claims["sid"] != lr["session_id"] {
		t.Error("the same person's session does not go on")
	}
	s.clock.Advance(time.Second)
	if _, lr := s.get("login", challengeOf(t, b.auth(request("shop", "max_age", "30")), "login")); lr["skip"] != true {
		t.Error("the session does not know of the new login")
	}
}

func TestOIDCCore_3_1_2_1_IDTokenHint(t *testing.T) {
	s, b := endpoint(t)
	hint := b.hint("shop", rememberAlice)
	for _, bad := range []string{"x", "a.b.c", hint + "x", hint[:strings.LastIndexByte(hint, '.')] + ".", strings.Repeat("A", 100)} {
		wantError(t, b.auth(request("shop", "id_token_hint", bad)), "invalid_request")
	}
	s.clock.Advance(2 * time.Hour) // expired is as good as fresh
	login := challengeOf(t, b.auth(request("shop", "id_token_hint", hint)), "login")
	_, lr := s.get("login", login)
	if lr["skip"] != true {
		t.Error("the one who is hinted at is signed in, and asked all the same")
	}
	oidc, _ := lr["oidc_context"].(object)
	if claims, _ := oidc["id_token_hint_claims"].(object); claims["sub"] != "alice" {
		t.Errorf("the login app is not told the claims: %v", lr["oidc_context"])
	}

	bob := s.browser()
	bob.through(request("shop"), object{"subject": "bob", "remember": true}, nil)
	wantError(t, bob.auth(request("shop", "id_token_hint", hint, "prompt", "none")), "login_required")
	login = challengeOf(t, bob.auth(request("shop", "id_token_hint", hint)), "login")
	if _, lr := s.get("login", login); lr["skip"] != false {
		t.Error("bob is signed in where alice is wanted")
	}
	wantError(t, bob.get(s.accept("login", login, object{"subject": "bob"})), "login_required")
}

func TestOIDCCore_3_1_2_1_DisplayAndNonce(t *testing.T) {
	_, b := endpoint(t)
	wantError(t, b.auth(request("shop", "display", "hologram")), "invalid_request")
	wantError(t, b.auth(request("shop", "nonce", "1234567")), "insufficient_entropy")
	challengeOf(t, b.auth(request("shop", "nonce", "")), "login") // optional for code
}

func TestOIDCCore_3_1_2_6_UnsupportedByName(t *testing.T) {
	_, b := endpoint(t)
	wantError(t, b.auth(request("shop", "request", "eyJhbGciOiJub25lIn0.e30.")), "request_not_supported")
	wantError(t, b.auth(request("shop", "request_uri", "https://app.example.com/request")), "request_uri_not_supported")
	wantError(t, b.auth(request("shop", "registration", "{}")), "registration_not_supported")
}

func TestOIDCCore_3_2_2_1_NonceIsRequired(t *testing.T) {
	_, b := endpoint(t)
	for _, responseType := range []string{"id_token", "id_token token", "code id_token", "code id_token token"} {
		wantError(t, b.auth(request("shop", "response_type", responseType, "nonce", "")), "invalid_request")
	}
}

func TestOIDCCore_3_2_2_1_ScopeOpenID(t *testing.T) {
	s, b := endpoint(t)
	wantError(t, b.auth(request("shop", "response_type", "id_token", "scope", "read")), "invalid_request")
	consent := b.signIn(request("shop", "response_type", "id_token"), alice)
	wantError(t, b.get(s.accept("consent", consent, object{"grant_scope": []string{"read"}})), "access_denied")
}

// half is the left half of a hash (Core §3.1.3.6).
func half(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

func TestOIDCCore_3_2_2_5_ImplicitAnswer(t *testing.T) {
	_, b := endpoint(t)
	w := b.through(request("shop", "response_type", "id_token"), alice, nil)
	got := answerOf(t, w)
	if location(t, w).RawQuery != "" || got.Has("access_token") || got.Has("code") || got.Get("state") != "state-0123456789" {
		t.Errorf("answer: %v", got)
	}
	claims := claimsOf(t, got.Get("id_token"))
	if claims["nonce"] != "nonce-0123456789" || claims["sub"] != "alice" || claims["at_hash"] != nil {
		t.Errorf("claims: %v", claims)
	}
	got = answerOf(t, b.through(request("shop", "response_type", "id_token token"), alice, nil))
	if claims := claimsOf(t, got.Get("id_token")); claims["at_hash"] != half(got.Get("access_token")) {
		t.Errorf("at_hash is %v", claims["at_hash"])
	}
}

func TestOIDCCore_3_3_2_5_HybridAnswer(t *testing.T) {
	s, b := endpoint(t)
	got := answerOf(t, b.through(request("shop", "response_type", "code id_token token"), alice, nil))
	claims := claimsOf(t, got.Get("id_token"))
	if claims["c_hash"] != half(got.Get("code")) || claims["at_hash"] != half(got.Get("access_token")) {
		t.Errorf("claims: %v", claims)
	}
	if status, answer := s.redeem("shop", got.Get("code")); status != http.StatusOK {
		t.Errorf("the code does not work: %v", answer)
	}
	got = answerOf(t, b.through(request("shop", "response_type", "code token"), alice, nil))
	if !got.Has("code") || !got.Has("access_token") || got.Has("id_token") {
		t.Errorf("code token: %v", got)
	}
}

func TestOIDCCore_5_5_ClaimsParameter(t *testing.T) {
	_, b := endpoint(t)
	for _, bad := range []string{"{", "[]", "null", `"x"`, "{} {}", `{"id_token":1}`, `{"id_token":{"a":{"essential":"yes"}}}`, "{" + strings.Repeat(" ", 5000) + "}"} {
		wantError(t, b.auth(request("shop", "claims", bad)), "invalid_request")
	}
	many := strings.Repeat(`"c0000000":null,`, 1)
	for i := range 70 {
		many += `"c` + string(rune('a'+i%26)) + strings.Repeat("x", i) + `":null,`
	}
	wantError(t, b.auth(request("shop", "claims", `{"userinfo":{`+strings.TrimSuffix(many, ",")+`}}`)), "invalid_request")
	challengeOf(t, b.auth(request("shop", "claims", `{"userinfo":{"email":null},"id_token":{"name":{"essential":true}},"other":1}`)), "login")
}

func TestOIDCCore_5_5_1_RequestedSubject(t *testing.T) {
	s, b := endpoint(t)
	v := request("shop", "claims", `{"id_token":{"sub":{"value":"alice"}}}`)
	wantError(t, b.get(s.accept("login", challengeOf(t, b.auth(v), "login"), object{"subject": "bob"})), "login_required")
	if got := answerOf(t, b.through(v, alice, nil)); got.Get("code") == "" {
		t.Errorf("answer: %v", got)
	}
}

func TestOIDCCore_5_5_1_1_EssentialACR(t *testing.T) {
	s, b := endpoint(t)
	v := request("shop", "claims", `{"id_token":{"acr":{"essential":true,"values":["aal2","aal3"]}}}`)
	login := challengeOf(t, b.auth(v), "login")
	_, lr := s.get("login", login)
	if oidc, _ := lr["oidc_context"].(object); !has(oidc["acr_values"], "aal3") {
		t.Errorf("the login app is not told: %v", lr["oidc_context"])
	}
	wantError(t, b.get(s.accept("login", login, object{"subject": "alice", "acr": "aal1", "remember": true})), "unmet_authentication_requirements")
	b.through(request("shop"), object{"subject": "alice", "acr": "aal1", "remember": true}, nil)
	if _, lr := s.get("login", challengeOf(t, b.auth(v), "login")); lr["skip"] != false {
		t.Error("a weaker login is taken for a stronger one")
	}
	wantError(t, b.auth(with(v, "prompt", "none")), "login_required")
	b.through(v, object{"subject": "alice", "acr": "aal2", "remember": true}, nil)
	if _, lr := s.get("login", challengeOf(t, b.auth(v), "login")); lr["skip"] != true {
		t.Error("the step up is not remembered")
	}
}

func TestOIDCCore_8_1_PairwiseSubjects(t *testing.T) {
	s, b := endpoint(t, func(p *authorize.Policy) {
		p.Pairwise.Enabled, p.Pairwise.Salt = true, "some-salt"
	})
	pairwise := func(c *client.Client) { c.SubjectType = "pairwise" }
	s.register("one", pairwise)
	s.register("two", pairwise, func(c *client.Client) { c.RedirectURIs = []string{"https://two.example.com/cb"} })
	hint := b.hint("one", rememberAlice)
	sum := sha256.Sum256([]byte("app.example.com" + "alice" + "some-salt"))
	if got, want := claimsOf(t, hint)["sub"], hex.EncodeToString(sum[:]); got != want {
		t.Errorf("sub is %v, want %s", got, want)
	}
	// The hint names the subject as the client knows it.
	if _, lr := s.get("login", challengeOf(t, b.auth(request("one", "id_token_hint", hint)), "login")); lr["skip"] != true {
		t.Error("the hint of a pairwise client is not understood")
	}
	wantError(t, s.browser().auth(request("one", "id_token_hint", hint, "prompt", "none")), "login_required")

	forced := s.browser().hint("one", object{"subject": "alice", "force_subject_identifier": "alice-for-one"})
	if got := claimsOf(t, forced)["sub"]; got != "alice-for-one" {
		t.Errorf("the forced subject is %v", got)
	}
	public := s.browser().hint("shop", object{"subject": "alice", "force_subject_identifier": "ignored"})
	if got := claimsOf(t, public)["sub"]; got != "alice" {
		t.Errorf("the subject for a client without pairwise subjects is %v", got)
	}
}

func TestOIDCCore_3_1_2_3_SomebodyElseGetsAnotherSession(t *testing.T) {
	s, b := endpoint(t)
	alices := claimsOf(t, b.hint("shop", rememberAlice))["sid"]
	code := answerOf(t, b.through(request("shop", "prompt", "login"), object{"subject": "bob"}, nil)).Get("code")
	_, tokens := s.redeem("shop", code)
	if bobs := claimsOf(t, tokens["id_token"].(string))["sid"]; bobs == alices {
		t.Error("bob has the session of alice")
	}
	if _, lr := s.get("login", challengeOf(t, b.auth(request("shop")), "login")); lr["skip"] != false {
		t.Errorf("alice is still signed in where bob was last: %v", lr)
	}
}

// A client that sees pairwise subjects must not find out by trying whether it is the person that another client knows.
func TestOIDCCore_8_1_PairwiseSubjectsCannotBeProbed(t *testing.T) {
	s := start(t, testkit.SQLite(t, "oauth"), func(p *authorize.Policy) { p.Pairwise.Enabled, p.Pairwise.Salt = true, "0123456789" })
	s.register("shop")
	s.register("mail", func(c *client.Client) { c.SubjectType = "pairwise" })
	b := s.browser()
	hint := b.hint("shop", object{"subject": "alice", "remember": true})
	own := b.hint("mail", alice)
	silently := func(pairs ...string) *httptest.ResponseRecorder {
		return b.auth(request("mail", append([]string{"prompt", "none"}, pairs...)...))
	}
	wantError(t, silently("id_token_hint", hint), "login_required")
	wantError(t, silently("claims", `{"id_token":{"sub":{"value":"alice"}}}`), "login_required")
	challengeOf(t, silently("id_token_hint", own), "login") // its own subject it may name
}

func TestOIDCCore_3_1_2_6_SilentMeansSilent(t *testing.T) {
	s, b := endpoint(t)
	b.through(request("shop"), object{"subject": "alice", "remember": true}, nil)
	login := challengeOf(t, b.auth(request("shop", "prompt", "none")), "login")
	// Somebody else is at the login app: asking him is what prompt=none forbids.
	wantError(t, b.get(s.accept("login", login, object{"subject": "bob"})), "login_required")
}
