package discovery

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

func facts(change ...func(*Facts)) Facts {
	f := Facts{Issuer: "https://id.example.com", Public: func(path string) string { return "https://id.example.com/auth" + path },
		Config: oauth.Defaults(), GrantTypes: []string{"refresh_token", "authorization_code", "client_credentials"}, IDTokenAlgs: []string{"ES256"}}
	for _, c := range change {
		c(&f)
	}
	return f
}

func TestOIDCDiscovery_3_TellsTheTruth(t *testing.T) {
	d := New(facts())
	if d.AuthorizationEndpoint != "https://id.example.com/auth/oauth2/auth" || d.EndSessionEndpoint != "https://id.example.com/auth/oauth2/sessions/logout" {
		t.Errorf("endpoints: %+v", d)
	}
	if !slices.Equal(d.ResponseTypes, []string{"code"}) || slices.Contains(d.GrantTypes, "implicit") {
		t.Errorf("tokens in the front channel are promised in production: %v, %v", d.ResponseTypes, d.GrantTypes)
	}
	if !slices.Equal(d.GrantTypes, []string{"authorization_code", "client_credentials", "refresh_token"}) {
		t.Errorf("grant types: %v", d.GrantTypes)
	}
	if !slices.Equal(d.CodeChallenges, []string{"S256"}) || !slices.Equal(d.SubjectTypes, []string{"public"}) {
		t.Errorf("%v, %v", d.CodeChallenges, d.SubjectTypes)
	}
	if d.Request || d.RequestURI || d.BackchannelLogout || d.FrontchannelLogout || !d.ClaimsParameter {
		t.Errorf("promises: %+v", d)
	}
	if !slices.Equal(d.IDTokenAlgs, []string{"ES256"}) || !slices.Equal(d.UserinfoAlgs, []string{"none"}) {
		t.Errorf("algorithms: %v, %v", d.IDTokenAlgs, d.UserinfoAlgs)
	}
	if slices.Contains(d.IntrospectionAuthMethods, "none") || !slices.Contains(d.TokenAuthMethods, "none") {
		t.Errorf("authentication: %v, %v", d.IntrospectionAuthMethods, d.TokenAuthMethods)
	}
	for name, f := range map[string]Facts{
		"development":  facts(func(f *Facts) { f.Development = true }),
		"named client": facts(func(f *Facts) { f.Config.FrontChannelTokens.Clients = []string{"legacy"} }),
	} {
		if d := New(f); len(d.ResponseTypes) != 7 || !slices.Contains(d.GrantTypes, "implicit") {
			t.Errorf("%s: %v, %v", name, d.ResponseTypes, d.GrantTypes)
		}
	}
	d = New(facts(func(f *Facts) { f.Config.Pairwise.Enabled = true; f.IDTokenAlgs = []string{"RS256"} }))
	if !slices.Contains(d.SubjectTypes, "pairwise") || !slices.Contains(d.UserinfoAlgs, "RS256") {
		t.Errorf("%v, %v", d.SubjectTypes, d.UserinfoAlgs)
	}
}

func TestRFC9207_3_Discovery(t *testing.T) {
	if !New(facts()).IssParameter {
		t.Error("the iss parameter is not announced")
	}
}

func TestOIDCDiscovery_4_Served(t *testing.T) {
	algs := []string{"RS256"}
	h := &Handler{Facts: facts(), Public: func(_ context.Context, path string) string { return "https://id.example.com/auth" + path }, Issuer: func(context.Context) string { return "https://id.example.com" }, Algs: func(context.Context) []string { return algs }}
	m := web.NewMux(web.OAuthErrors, web.Options{})
	h.MountPublic(m)
	get := func(path, etag string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(testkit.Context(t), http.MethodGet, path, nil)
		if etag != "" {
			r.Header.Set("If-None-Match", etag)
		}
		w := httptest.NewRecorder()
		m.ServeHTTP(w, r)
		return w
	}
	first := get(PathOpenID, "")
	var d map[string]any
	if err := json.Unmarshal(first.Body.Bytes(), &d); err != nil || first.Code != http.StatusOK {
		t.Fatalf("%d %s %v", first.Code, first.Body, err)
	}
	for _, name := range []string{"request_uri_parameter_supported", "id_token_signed_response_alg", "userinfo_signed_response_alg", "device_authorization_endpoint", "registration_endpoint"} {
		if _, there := d[name]; there != !strings.HasSuffix(name, "_endpoint") {
			t.Errorf("%s: there %t", name, there)
		}
	}
	header := first.Header()
	if !strings.Contains(header.Get("Cache-Control"), "max-age") || header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("headers: %v", header)
	}
	if second := get(PathOAuth, ""); second.Body.String() != first.Body.String() {
		t.Error("the two addresses tell different things")
	}
	etag := header.Get("ETag")
	if again := get(PathOpenID, etag); again.Code != http.StatusNotModified || again.Body.Len() != 0 {
		t.Errorf("asked again: %d", again.Code)
	}
	algs = []string{"RS256", "ES256"} // a rotation to another algorithm
	if changed := get(PathOpenID, etag); changed.Code != http.StatusOK || changed.Header().Get("ETag") == etag {
		t.Errorf("after a change: %d", changed.Code)
	}
}

func BenchmarkServe(b *testing.B) {
	h := &Handler{Facts: facts(), Public: func(_ context.Context, path string) string { return "https://id.example.com/auth" + path }, Issuer: func(context.Context) string { return "https://id.example.com" }, Algs: func(context.Context) []string { return []string{"RS256"} }}
	m := web.NewMux(web.OAuthErrors, web.Options{})
	h.MountPublic(m)
	r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, PathOpenID, nil)
	b.ReportAllocs()
	for b.Loop() {
		m.ServeHTTP(httptest.NewRecorder(), r)
	}
}
