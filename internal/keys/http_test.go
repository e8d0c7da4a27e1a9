package keys

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	hydra "github.com/ory/hydra-client-go/v2"

	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// site is a server on both listeners' routes.
type site struct {
	*Keys
	t     *testing.T
	clock *testkit.Clock
	url   string
	ory   *hydra.APIClient
}

func newSite(t *testing.T, change ...func(*Options)) *site {
	t.Helper()
	clock := new(testkit.Clock)
	k := newServer(t, testkit.SQLite(t, "oauth"), clock, change...)
	m := web.NewMux(web.OAuthErrors, web.Options{})
	k.MountPublic(m)
	k.MountAdmin(m)
	server := httptest.NewServer(m)
	t.Cleanup(server.Close)
	c := hydra.NewConfiguration()
	c.Servers = hydra.ServerConfigurations{{URL: server.URL}}
	return &site{Keys: k, t: t, clock: clock, url: server.URL, ory: hydra.NewAPIClient(c)}
}

// do sends a request and returns status, headers and body.
func (s *site) do(method, path, body string, header ...string) (int, http.Header, string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	must(s.t, err)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	must(s.t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	must(s.t, err)
	return res.StatusCode, res.Header, string(text)
}

func kidsOf(set *hydra.JsonWebKeySet) (ids []string) {
	for _, k := range set.Keys {
		ids = append(ids, k.Kid)
	}
	return ids
}

// Ory's own client goes through the whole API on a set of its own.
func TestOrysClientOnAnOrdinarySet(t *testing.T) {
	s, ctx := newSite(t), t.Context()
	api := s.ory.JwkAPI
	for _, alg := range []string{"RS256", "ES256", "ES512", "EdDSA", "HS256", "HS512"} {
		made, res, err := api.CreateJsonWebKeySet(ctx, "mine").CreateJsonWebKeySet(*hydra.NewCreateJsonWebKeySet(alg, "k-"+alg, "sig")).Execute()
		must(t, err)
		if res.StatusCode != http.StatusCreated || res.Header.Get("Location") != "/admin/keys/mine" {
			t.Errorf("%s: %s, Location %q", alg, res.Status, res.Header.Get("Location"))
		}
		if len(made.Keys) != 1 || made.Keys[0].Kid != "k-"+alg || made.Keys[0].Alg != alg || made.Keys[0].Use != "sig" || made.Keys[0].D == nil && made.Keys[0].K == nil {
			t.Errorf("%s: made %+v", alg, made.Keys)
		}
		s.clock.Advance(time.Second)
	}

	all, _, err := api.GetJsonWebKeySet(ctx, "mine").Execute()
	must(t, err)
	if diff := cmp.Diff([]string{"k-HS512", "k-HS256", "k-EdDSA", "k-ES512", "k-ES256", "k-RS256"}, kidsOf(all)); diff != "" {
		t.Errorf("newest first (-want +got):\n%s", diff)
	}
	one, _, err := api.GetJsonWebKey(ctx, "mine", "k-ES256").Execute()
	must(t, err)
	if len(one.Keys) != 1 || one.Keys[0].Kid != "k-ES256" || one.Keys[0].GetCrv() != "P-256" || one.Keys[0].D == nil {
		t.Errorf("one key is %+v", one.Keys)
	}

	// A key is stored under the kid of the body, whatever the path says.
	own := one.Keys[0]
	own.Kid = "renamed"
	s.clock.Advance(time.Second)
	stored, _, err := api.SetJsonWebKey(ctx, "mine", "ignored").JsonWebKey(own).Execute()
	must(t, err)
	if stored.Kid != "renamed" || stored.GetD() != own.GetD() {
		t.Errorf("stored as %+v", stored)
	}
	set, _, err := api.SetJsonWebKeySet(ctx, "mine").JsonWebKeySet(hydra.JsonWebKeySet{Keys: []hydra.JsonWebKey{all.Keys[3], own}}).Execute()
	must(t, err)
	if diff := cmp.Diff([]string{"k-ES512", "renamed"}, kidsOf(set)); diff != "" {
		t.Errorf("replaced set (-want +got):\n%s", diff)
	}
	if set, _, err = api.GetJsonWebKeySet(ctx, "mine").Execute(); err != nil || len(set.Keys) != 2 {
		t.Errorf("the replaced set reads %v, %v", set, err)
	}

	res, err := api.DeleteJsonWebKey(ctx, "mine", "renamed").Execute()
	must(t, err)
	if res.StatusCode != http.StatusNoContent {
		t.Errorf("delete: %s", res.Status)
	}
	if _, res, err := api.GetJsonWebKey(ctx, "mine", "renamed").Execute(); err == nil || res.StatusCode != http.StatusNotFound {
		t.Errorf("a deleted key is there: %v", res)
	}
	_, err = api.DeleteJsonWebKeySet(ctx, "mine").Execute()
	must(t, err)
	if _, res, err := api.GetJsonWebKeySet(ctx, "mine").Execute(); err == nil || res.StatusCode != http.StatusNotFound {
		t.Errorf("a deleted set is there: %v", res)
	}
}

// On a well-known set the same calls never leave the server without a key, and new keys are published before they sign.
func TestOrysClientOnAWellKnownSet(t *testing.T) {
	s, ctx := newSite(t), t.Context()
	api := s.ory.JwkAPI
	first, _, err := api.GetJsonWebKeySet(ctx, AccessToken).Execute()
	must(t, err)
	if len(first.Keys) == 0 || first.Keys[0].D == nil {
		t.Fatal("a well-known set has no key")
	}
	made, _, err := api.CreateJsonWebKeySet(ctx, AccessToken).CreateJsonWebKeySet(*hydra.NewCreateJsonWebKeySet("EdDSA", "", "sig")).Execute()
	must(t, err)
	public, _, err := s.ory.WellknownAPI.DiscoverJsonWebKeys(ctx).Execute()
	must(t, err)
	if !strings.Contains(strings.Join(kidsOf(public), " "), made.Keys[0].Kid) {
		t.Error("the new key is not published")
	}
	for _, k := range public.Keys {
		if k.D != nil || k.K != nil {
			t.Error("a private key is published")
		}
	}
	if alg := s.Alg(testkit.Context(t), AccessToken); alg != "ES256" {
		t.Errorf("the new key signs at once: %s", alg)
	}

	_, err = api.DeleteJsonWebKeySet(ctx, AccessToken).Execute()
	must(t, err)
	after, _, err := api.GetJsonWebKeySet(ctx, AccessToken).Execute()
	must(t, err)
	if len(after.Keys) == 0 || after.Keys[0].Kid == first.Keys[0].Kid {
		t.Errorf("after deleting the set it is %v", kidsOf(after))
	}
	for _, k := range after.Keys {
		_, err = api.DeleteJsonWebKey(ctx, AccessToken, k.Kid).Execute()
		must(t, err)
	}
	if _, err := s.Sign(testkit.Context(t), AccessToken, TypeAccessToken, claimsExample); err != nil {
		t.Errorf("nothing can be signed: %v", err)
	}
}

func TestAdminRefuses(t *testing.T) {
	s := newSite(t)
	ctx := testkit.Context(t)
	_, err := s.Create(ctx, "mine", NewKey{Algorithm: "ES256", ID: "there"})
	must(t, err)
	es, err := json.Marshal(testKeys["ES256"])
	must(t, err)
	hs, err := json.Marshal(testKeys["HS256"])
	must(t, err)
	with := func(raw []byte, change func(map[string]any)) string {
		var m map[string]any
		must(t, json.Unmarshal(raw, &m))
		change(m)
		out, err := json.Marshal(m)
		must(t, err)
		return string(out)
	}
	tests := map[string]struct {
		method, path, body string
		status             int
		says               string
	}{
		"unknown algorithm":        {"POST", "/admin/keys/mine", `{"alg":"none","kid":"x","use":"sig"}`, 400, "HS256"},
		"no algorithm":             {"POST", "/admin/keys/mine", `{"kid":"x","use":"sig"}`, 400, "alg"},
		"unknown use":              {"POST", "/admin/keys/mine", `{"alg":"ES256","kid":"x","use":"both"}`, 400, "use"},
		"kid that is there":        {"POST", "/admin/keys/mine", `{"alg":"ES256","kid":"there","use":"sig"}`, 409, "kid"},
		"kid with a blank":         {"POST", "/admin/keys/mine", `{"alg":"ES256","kid":"a b","use":"sig"}`, 400, "kid"},
		"kid that is too long":     {"POST", "/admin/keys/mine", `{"alg":"ES256","kid":"` + strings.Repeat("k", 192) + `","use":"sig"}`, 400, "191"},
		"set with a line break":    {"POST", "/admin/keys/a%0Ab", `{"alg":"ES256","kid":"x","use":"sig"}`, 400, "set"},
		"secret in a public set":   {"POST", "/admin/keys/" + IDToken, `{"alg":"HS256","kid":"x","use":"sig"}`, 400, "others check"},
		"encryption key there":     {"POST", "/admin/keys/" + IDToken, `{"alg":"RS256","kid":"x","use":"enc"}`, 400, "use sig"},
		"no JSON":                  {"POST", "/admin/keys/mine", `{`, 400, ""},
		"no set":                   {"GET", "/admin/keys/none", ``, 404, "Unable to locate the requested resource"},
		"no key":                   {"GET", "/admin/keys/mine/none", ``, 404, "Unable to locate the requested resource"},
		"PUT of nonsense":          {"PUT", "/admin/keys/mine/x", `{"kty":"EC"}`, 400, "JSON Web Key"},
		"PUT without kid":          {"PUT", "/admin/keys/mine/x", with(es, func(m map[string]any) { delete(m, "kid") }), 400, "kid"},
		"PUT without alg":          {"PUT", "/admin/keys/mine/x", with(es, func(m map[string]any) { delete(m, "alg") }), 400, "alg"},
		"PUT of another alg":       {"PUT", "/admin/keys/mine/x", with(es, func(m map[string]any) { m["alg"] = "ES512" }), 400, "ES512"},
		"PUT of halves of two":     {"PUT", "/admin/keys/mine/x", with(es, func(m map[string]any) { m["d"] = "LoyiAXavcwPdRiu3NDdNpKeZC2BtQgmgNW1cdMy8nn0" }), 400, "belong"},
		"PUT of a short secret":    {"PUT", "/admin/keys/mine/x", with(hs, func(m map[string]any) { m["k"] = "c2hvcnQ" }), 400, "32 bytes"},
		"PUT of a secret":          {"PUT", "/admin/keys/" + AccessToken + "/x", string(hs), 400, "others check"},
		"PUT of a set with a hole": {"PUT", "/admin/keys/mine", `{"keys":[` + string(es) + `,{}]}`, 400, "keys[1]"},
		"PUT of a kid twice":       {"PUT", "/admin/keys/mine", `{"keys":[` + string(es) + `,` + string(es) + `]}`, 400, "twice"},
		"PUT of too many":          {"PUT", "/admin/keys/mine", `{"keys":[` + strings.Repeat("{},", maxKeys) + `{}]}`, 400, "100"},
		"rotation of nothing":      {"POST", "/admin/keys/none/rotate", ``, 404, ""},
		"rotation, no yes or no":   {"POST", "/admin/keys/mine/rotate?emergency=now", ``, 400, "emergency"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			status, _, body := s.do(tt.method, tt.path, tt.body)
			if status != tt.status || !strings.Contains(body, tt.says) {
				t.Errorf("%d %s, want %d and %q", status, body, tt.status, tt.says)
			}
			var e struct {
				Error     string `json:"error"`
				RequestID string `json:"request_id"`
			}
			if err := json.Unmarshal([]byte(body), &e); err != nil || e.Error == "" || e.RequestID == "" {
				t.Errorf("the body is not the admin API's error: %s", body)
			}
			if d := testKeys["ES256"]; strings.Contains(body, privatePart(t, d)) {
				t.Error("the answer repeats the key")
			}
		})
	}
}

func privatePart(t *testing.T, k jose.JSONWebKey) string {
	t.Helper()
	raw, err := json.Marshal(k)
	must(t, err)
	var m struct{ D string }
	must(t, json.Unmarshal(raw, &m))
	return m.D
}

func TestAdminAnswersAreNotKept(t *testing.T) {
	s := newSite(t)
	if _, h, _ := s.do("GET", "/admin/keys/"+IDToken, ""); h.Get("Cache-Control") != "no-store" {
		t.Errorf("private keys are sent with Cache-Control %q", h.Get("Cache-Control"))
	}
}

// Names may hold what has a meaning in a path.
func TestNamesAreEscaped(t *testing.T) {
	s := newSite(t)
	path := "/admin/keys/" + url.PathEscape("https://jwt.example.com/a") + "/" + url.PathEscape("k/1")
	_, err := s.Create(testkit.Context(t), "https://jwt.example.com/a", NewKey{Algorithm: "ES256", ID: "k/1"})
	must(t, err)
	if status, _, body := s.do("GET", path, ""); status != http.StatusOK || !strings.Contains(body, `"kid":"k/1"`) {
		t.Errorf("%d %s", status, body)
	}
}

func TestPublicKeySet(t *testing.T) {
	s := newSite(t, func(o *Options) { o.Config.Broadcast = []string{"shared", "absent"} })
	ctx := testkit.Context(t)
	_, err := s.Create(ctx, "shared", NewKey{Algorithm: "ES512", ID: "shown", Use: "enc"})
	must(t, err)
	_, err = s.Create(ctx, "shared", NewKey{Algorithm: "HS256", ID: "secret"})
	must(t, err)
	_, err = s.Create(ctx, "private", NewKey{Algorithm: "ES256", ID: "hidden"})
	must(t, err)

	status, h, body := s.do("GET", Path, "")
	if status != http.StatusOK || h.Get("Cache-Control") != "public, max-age=3600" || !strings.HasPrefix(h.Get("Content-Type"), "application/json") {
		t.Errorf("%d %v", status, h)
	}
	var set jose.JSONWebKeySet
	must(t, json.Unmarshal([]byte(body), &set))
	if len(set.Keys) != 3 || len(set.Key("shown")) != 1 || strings.Contains(body, "secret") || strings.Contains(body, "hidden") || strings.Contains(body, `"d"`) {
		t.Errorf("the public key set is %s", body)
	}

	etag := h.Get("ETag")
	for _, match := range []string{etag, `"other", W/` + etag, "*"} {
		if status, h, body := s.do("GET", Path, "", "If-None-Match", match); status != http.StatusNotModified || body != "" || h.Get("ETag") != etag || h.Get("Cache-Control") == "" {
			t.Errorf("If-None-Match %s: %d %v %s", match, status, h, body)
		}
	}
	must(t, s.Step(ctx)) // makes the next keys
	status, h, _ = s.do("GET", Path, "", "If-None-Match", etag)
	if status != http.StatusOK || h.Get("ETag") == etag {
		t.Errorf("after a change: %d, ETag %s", status, h.Get("ETag"))
	}
	if status, _, _ := s.do("POST", Path, ""); status != http.StatusMethodNotAllowed {
		t.Errorf("POST gives %d", status)
	}
}

// The copy that others keep must be renewed well before a key that is published today signs.
func TestMaxAgeIsShorterThanPublishAhead(t *testing.T) {
	for _, ahead := range []time.Duration{time.Minute, time.Hour, 24 * time.Hour} {
		c := DefaultConfig()
		c.PublishAhead = ahead
		if age := c.maxAge(); age <= 0 || age > ahead/2 {
			t.Errorf("publish_ahead %s: max-age %s", ahead, age)
		}
	}
}

func TestRotateOverHTTP(t *testing.T) {
	s := newSite(t)
	rotate := func(query string) (view setView) {
		t.Helper()
		status, _, body := s.do("POST", "/admin/keys/"+AccessToken+"/rotate"+query, "")
		if status != http.StatusOK || strings.Contains(body, `"d"`) {
			t.Fatalf("%d %s", status, body)
		}
		must(t, json.Unmarshal([]byte(body), &view))
		return view
	}
	count := func(v setView) map[State]int {
		n := map[State]int{}
		for _, k := range v.Keys {
			n[k.State]++
		}
		return n
	}
	if diff := cmp.Diff(map[State]int{Active: 1, Scheduled: 1, Retired: 1}, count(rotate(""))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[State]int{Active: 1, Scheduled: 1}, count(rotate("?emergency=true"))); diff != "" {
		t.Error(diff)
	}

	status, _, body := s.do("GET", "/admin/keys", "")
	var list []setView
	must(t, json.Unmarshal([]byte(body), &list))
	if status != http.StatusOK || len(list) != 2 || list[0].Set != AccessToken || list[1].Set != IDToken || strings.Contains(body, `"x"`) {
		t.Errorf("%d %s", status, body)
	}
}
