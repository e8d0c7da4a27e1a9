package kubesecret

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var today = time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC)

func TestParseWants(t *testing.T) {
	got, err := ParseWants([]string{"a=system,cookie", "b=password"}, []string{"b=db,db.iam.svc,127.0.0.1", "c=admin.iam.svc"}, []string{"d=controller,test"})
	want := []Want{
		{Name: "a", Random: []string{"system", "cookie"}},
		{Name: "b", Random: []string{"password"}, Hosts: []string{"db", "db.iam.svc", "127.0.0.1"}},
		{Name: "c", Hosts: []string{"admin.iam.svc"}},
		{Name: "d", Clients: []string{"controller", "test"}},
	}
	if err != nil || cmp.Diff(want, got) != "" {
		t.Errorf("%v\n%s", err, cmp.Diff(want, got))
	}
	for _, text := range []string{"", "a", "a=", "a=b,", "../a=b", "A=b", "a=b/c", "a=b c"} {
		if _, err := ParseWants([]string{text}, nil, nil); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
	if _, err := ParseWants(nil, nil, []string{"a=a/b"}); err == nil {
		t.Error("a client whose name is no key is taken")
	}
	if _, err := ParseWants(nil, []string{"a=b"}, []string{"a=c"}); err == nil || !strings.Contains(err.Error(), "are for two Secrets") {
		t.Errorf("two authorities in one Secret: %v", err)
	}
}

func TestMissing(t *testing.T) {
	w := Want{Name: "a", Random: []string{"system", "cookie"}, Hosts: []string{"admin.iam.svc", "localhost", "127.0.0.1"}}
	made, err := Missing(w, []string{"cookie", "other"}, today, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(maps.Keys(made)); cmp.Diff([]string{"ca.crt", "system", "tls.crt", "tls.key"}, got) != "" {
		t.Fatalf("made %v", got)
	}
	if secret, err := base64.StdEncoding.DecodeString(string(made["system"])); err != nil || len(secret) != 32 {
		t.Errorf("a secret of %d bytes, %v", len(secret), err)
	}
	pair, err := tls.X509KeyPair(made["tls.crt"], made["tls.key"])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(made["ca.crt"])
	for host, fits := range map[string]bool{"admin.iam.svc": true, "localhost": true, "127.0.0.1": true, "admin.other.svc": false} {
		_, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: host, CurrentTime: today.AddDate(9, 0, 0)})
		if (err == nil) != fits {
			t.Errorf("for %s: %v", host, err)
		}
	}
	if pair.Leaf.IsCA {
		t.Error("the certificate may sign others")
	}
	if made, err := Missing(w, []string{"cookie", "system", "ca.crt", "tls.crt", "tls.key"}, today, rand.Reader); err != nil || len(made) != 0 {
		t.Errorf("of a whole Secret is missing %v, %v", made, err)
	}
	if _, err := Missing(w, []string{"tls.crt"}, today, rand.Reader); err == nil || !strings.Contains(err.Error(), "holds tls.crt and not ca.crt, tls.key") {
		t.Errorf("half a certificate: %v", err)
	}
}

// Clients have an authority in common, by which a server knows them, each by its own name; none may pass for a server.
func TestMissingClients(t *testing.T) {
	w := Want{Name: "a", Clients: []string{"controller", "test"}}
	made, err := Missing(w, nil, today, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(made["ca.crt"])
	for _, name := range w.Clients {
		pair, err := tls.X509KeyPair(made[name+".crt"], made[name+".key"])
		if err != nil {
			t.Fatal(err)
		}
		for usage, fits := range map[x509.ExtKeyUsage]bool{x509.ExtKeyUsageClientAuth: true, x509.ExtKeyUsageServerAuth: false} {
			_, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name, CurrentTime: today.AddDate(9, 0, 0), KeyUsages: []x509.ExtKeyUsage{usage}})
			if (err == nil) != fits || len(pair.Leaf.DNSNames) != 1 {
				t.Errorf("%s: %v, names %v", name, err, pair.Leaf.DNSNames)
			}
		}
	}
	have := slices.Collect(maps.Keys(made))
	if again, err := Missing(w, have, today, rand.Reader); err != nil || len(again) != 0 || len(have) != 5 {
		t.Errorf("of %v is missing %v, %v", have, again, err)
	}
	w.Clients = append(w.Clients, "third")
	if _, err := Missing(w, have, today, rand.Reader); err == nil || !strings.Contains(err.Error(), "and not third.crt, third.key") {
		t.Errorf("a client more: %v", err)
	}
}

// cluster answers as the API does for Secrets.
type cluster struct {
	mu      sync.Mutex
	secrets map[string]map[string]string
	version int
	// meanwhile runs once, before the next write.
	meanwhile func(c *cluster)
	refuse    int
	owned     bool // each Secret belongs to something else
	calls     []string
}

func (c *cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	name := strings.TrimPrefix(r.URL.Path, "/api/v1/namespaces/iam/secrets/")
	c.calls = append(c.calls, r.Method+" "+name)
	body, _ := io.ReadAll(r.Body)
	var sent struct {
		Metadata struct{ Name, Namespace, ResourceVersion string }
		Data     map[string]string
	}
	if r.Method == http.MethodPatch {
		if err := json.Unmarshal(body, &sent); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if c.meanwhile != nil {
			c.meanwhile(c)
			c.meanwhile = nil
		}
	}
	held, there := c.secrets[name]
	apply := r.Header.Get("Content-Type") == "application/apply-patch+yaml"
	switch {
	case r.Header.Get("Authorization") != "Bearer token":
		w.WriteHeader(http.StatusUnauthorized)
	case c.refuse != 0:
		w.WriteHeader(c.refuse)
		_, _ = w.Write([]byte(`{"kind":"Status","message":"what was sent","reason":"Forbidden"}`))
	case r.Method == http.MethodGet && !there:
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{"kind":"Status","reason":"NotFound"}`))
	case r.Method == http.MethodPatch && apply && (there || sent.Metadata.Name != name || r.URL.Query().Get("fieldManager") != "run"),
		r.Method == http.MethodPatch && !apply && sent.Metadata.ResourceVersion != strconv.Itoa(c.version):
		w.WriteHeader(http.StatusConflict)
	default:
		if r.Method == http.MethodPatch {
			if held == nil {
				held = map[string]string{}
			}
			maps.Copy(held, sent.Data)
			c.secrets[name] = held
			c.version++
		}
		metadata := map[string]any{"resourceVersion": strconv.Itoa(c.version)}
		if c.owned {
			metadata["ownerReferences"] = []map[string]any{{"apiVersion": "hydra.ory.sh/v1alpha1", "kind": "OAuth2Client", "name": "squatter", "controller": true}}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"metadata": metadata, "data": held})
	}
}

func newCluster(t *testing.T) (*cluster, *Cluster, *bytes.Buffer) {
	t.Helper()
	c := &cluster{secrets: map[string]map[string]string{}}
	s := httptest.NewServer(c)
	t.Cleanup(s.Close)
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("token\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out := &bytes.Buffer{}
	return c, &Cluster{
		URL: s.URL, Token: token, Namespace: "iam", Instance: "gatehouse", Writer: "run", HTTP: s.Client(),
		Now: func() time.Time { return today }, Random: rand.Reader, Out: out,
	}, out
}

// S0-07, W06, W08: made once, completed where something is missing, never changed, and nothing of it is printed.
func TestSecretsAreMadeOnce(t *testing.T) {
	api, c, out := newCluster(t)
	wants := []Want{{Name: "a", Random: []string{"system", "cookie"}}, {Name: "b", Random: []string{"password"}, Hosts: []string{"db"}}}
	if err := c.Ensure(t.Context(), wants); err != nil {
		t.Fatal(err)
	}
	first := maps.Clone(api.secrets["a"])
	if len(first) != 2 || len(api.secrets["b"]) != 4 {
		t.Fatalf("made %v", slices.Sorted(maps.Keys(api.secrets["b"])))
	}
	for range 3 {
		if err := c.Ensure(t.Context(), wants); err != nil {
			t.Fatal(err)
		}
	}
	if cmp.Diff(first, api.secrets["a"]) != "" {
		t.Error("an upgrade changed what was there")
	}
	delete(api.secrets["a"], "cookie")
	if err := c.Ensure(t.Context(), wants); err != nil {
		t.Fatal(err)
	}
	if api.secrets["a"]["system"] != first["system"] || api.secrets["a"]["cookie"] == "" || api.secrets["a"]["cookie"] == first["cookie"] {
		t.Error("a Secret was not completed, or was changed")
	}
	for _, held := range api.secrets {
		for key, encoded := range held {
			plain, err := base64.StdEncoding.DecodeString(encoded)
			if err != nil || strings.Contains(out.String(), encoded) || strings.Contains(out.String(), string(plain)) {
				t.Errorf("%s is printed, or no base64: %v", key, err)
			}
		}
	}
}

// Somebody else, another run or an operator, may be a moment faster: what he wrote stays.
func TestSomebodyElseWrites(t *testing.T) {
	api, c, _ := newCluster(t)
	api.meanwhile = func(c *cluster) { c.secrets["a"], c.version = map[string]string{"system": "dGhlaXJz"}, 7 }
	if err := c.Ensure(t.Context(), []Want{{Name: "a", Random: []string{"system", "cookie"}}}); err != nil {
		t.Fatal(err)
	}
	if api.secrets["a"]["system"] != "dGhlaXJz" || api.secrets["a"]["cookie"] == "" {
		t.Errorf("it holds %v", slices.Sorted(maps.Keys(api.secrets["a"])))
	}
	if cmp.Diff([]string{"GET a", "PATCH a", "GET a", "PATCH a"}, api.calls) != "" {
		t.Errorf("calls %v", api.calls)
	}
}

// Whoever may make a resource of which a Secret is made could take the name first: with the resource, the cluster would delete the Secret,
// and all that is sealed would be lost.
func TestSecretsOfOthersAreLeftAlone(t *testing.T) {
	api, c, _ := newCluster(t)
	api.owned, api.secrets["a"] = true, map[string]string{"CLIENT_ID": "YQ=="}
	want := []Want{{Name: "a", Random: []string{"system"}}}
	err := c.Ensure(t.Context(), want)
	if err == nil || !strings.Contains(err.Error(), "it lacks system and belongs to OAuth2Client squatter") || len(api.secrets["a"]) != 1 {
		t.Errorf("%v, it holds %v", err, slices.Sorted(maps.Keys(api.secrets["a"])))
	}
	api.secrets["a"]["system"] = "YQ=="
	if err := c.Ensure(t.Context(), want); err != nil {
		t.Error(err)
	}
}

// The token, and what a Secret is to hold, goes nowhere but to the API that was named, whoever redirects.
func TestNoRedirectIsFollowed(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("%s %s was sent elsewhere, with %d header fields", r.Method, r.URL.Path, len(r.Header))
	}))
	t.Cleanup(elsewhere.Close)
	for _, status := range []int{http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		_, c, _ := newCluster(t)
		api := httptest.NewServer(http.RedirectHandler(elsewhere.URL, status))
		t.Cleanup(api.Close)
		c.URL = api.URL
		if err := c.Ensure(t.Context(), []Want{{Name: "a", Random: []string{"system"}}}); err == nil || !strings.Contains(err.Error(), "answered "+strconv.Itoa(status)) {
			t.Errorf("%d: %v", status, err)
		}
		if done, err := c.write(t.Context(), "a", "1", map[string][]byte{"system": []byte("c2VjcmV0")}); err == nil {
			t.Errorf("%d: written %t", status, done)
		}
	}
}

func TestRefusals(t *testing.T) {
	for status, want := range map[int]string{
		http.StatusForbidden: "the Secret a in namespace iam: the cluster does not allow it", http.StatusInternalServerError: "answered 500", http.StatusUnprocessableEntity: "answered 422", http.StatusNotFound: "answered 404",
	} {
		api, c, _ := newCluster(t)
		api.refuse = status
		err := c.Ensure(t.Context(), []Want{{Name: "a", Random: []string{"system"}}})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "what was sent") {
			t.Errorf("%d: %v", status, err)
		}
	}
}

func TestOutsideOfAPod(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	if _, err := Reach(Place{}); err == nil || !strings.Contains(err.Error(), "no pod") {
		t.Error(err)
	}
}
