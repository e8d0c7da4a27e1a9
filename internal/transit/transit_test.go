package transit_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/transit"
)

func engine(t *testing.T, v *testkit.Transit, change func(*transit.Config)) *transit.Engine {
	t.Helper()
	c := transit.DefaultConfig()
	c.Address, c.Token, c.Namespace = v.URL+"/", secret.String(v.Token), v.Namespace
	if change != nil {
		change(&c)
	}
	if faults := c.Validate(); len(faults) > 0 {
		t.Fatal(faults)
	}
	e, err := transit.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

const plain = secret.String("a secret that is to be wrapped")

func TestWrapAndUnwrap(t *testing.T) {
	v := testkit.NewTransit(t)
	v.Namespace = "team"
	e := engine(t, v, nil)
	first, err := e.Wrap(t.Context(), plain)
	if err != nil || !transit.Wrapped(first) || strings.Contains(first.Reveal(), plain.Reveal()) {
		t.Fatalf("wrapped: %v, %v", transit.Wrapped(first), err)
	}
	// The engine's own key is rotated: what was wrapped before is unwrapped still.
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, v.URL+"/v1/transit/keys/gatehouse/rotate", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Vault-Token", v.Token)
	req.Header.Set("X-Vault-Namespace", v.Namespace)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	second, err := e.Wrap(t.Context(), plain)
	if err != nil || !strings.HasPrefix(second.Reveal(), "vault:v2:") {
		t.Fatalf("after the rotation: %v", err)
	}
	for _, wrapped := range []secret.String{first, second} {
		if got, err := e.Unwrap(t.Context(), wrapped); err != nil || got != plain {
			t.Errorf("unwrapped: %v, %v", got == plain, err)
		}
	}
}

// What goes wrong is told with the setting that mends it, and with nothing that was sent.
func TestRefusals(t *testing.T) {
	v := testkit.NewTransit(t)
	wrapped, err := engine(t, v, nil).Wrap(t.Context(), plain)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*transit.Config)
		says   string
	}{
		"token":       {func(c *transit.Config) { c.Token = "hvs.another" }, "secrets.transit.token"},
		"namespace":   {func(c *transit.Config) { c.Namespace = "other" }, "403"},
		"mount":       {func(c *transit.Config) { c.Mount = "elsewhere" }, "secrets.transit.mount"},
		"key":         {func(c *transit.Config) { c.Key = "another" }, "secrets.transit.key"},
		"unreachable": {func(c *transit.Config) { c.Address = "http://127.0.0.1:1" }, "secrets.transit.address"},
	} {
		_, err := engine(t, v, c.change).Unwrap(t.Context(), wrapped)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, hidden := range []string{wrapped.Reveal()[9:], v.Token, plain.Reveal()} {
			if strings.Contains(err.Error(), hidden) {
				t.Errorf("%s: the error shows what was sent", name)
			}
		}
	}
	v.Seal(true)
	if _, err := engine(t, v, nil).Unwrap(t.Context(), wrapped); err == nil || !strings.Contains(err.Error(), "unseal") {
		t.Errorf("sealed: %v", err)
	}
}

// What answers may be anything: the answer is bounded, and no redirect is followed with the token.
func TestOddAnswers(t *testing.T) {
	var asked []string
	mux := http.NewServeMux()
	mux.HandleFunc("/elsewhere", func(_ http.ResponseWriter, r *http.Request) { asked = append(asked, r.URL.Path) })
	for path, reply := range map[string]http.HandlerFunc{
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		},
		"page":    func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"nothing": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"data":{"plaintext":"*"}}`)) },
		"endless": func(w http.ResponseWriter, _ *http.Request) {
			for range 64 {
				_, _ = w.Write([]byte(strings.Repeat(" ", 1<<16)))
			}
		},
	} {
		mux.HandleFunc("/v1/"+path+"/", reply)
	}
	server := httptest.NewServer(mux)
	defer server.Close()
	for _, mount := range []string{"redirect", "page", "nothing", "endless"} {
		e, err := transit.New(transit.Config{Address: server.URL, Token: "t", Mount: mount, Key: "k"})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := e.Unwrap(t.Context(), "vault:v1:x"); err == nil || got != "" {
			t.Errorf("%s: %v", mount, err)
		}
		if got, err := e.Wrap(t.Context(), plain); err == nil || transit.Wrapped(got) {
			t.Errorf("%s: %v", mount, err)
		}
	}
	if asked != nil {
		t.Error("a redirect was followed")
	}
}

func TestValidate(t *testing.T) {
	if faults := transit.DefaultConfig().Validate(); faults != nil {
		t.Error(faults)
	}
	good := transit.Config{Address: "https://vault.example.com:8200", Token: "t", Mount: "team/transit", Key: "gatehouse"}
	for name, c := range map[string]struct {
		change func(*transit.Config)
		says   string
	}{
		"good":     {func(*transit.Config) {}, ""},
		"local":    {func(c *transit.Config) { c.Address = "http://127.0.0.1:8200" }, ""},
		"no URL":   {func(c *transit.Config) { c.Address = "vault" }, "address: must be a URL"},
		"clear":    {func(c *transit.Config) { c.Address = "http://vault.example.com" }, "address: must be https"},
		"user":     {func(c *transit.Config) { c.Address = "https://a:hidden@vault.example.com" }, "address: must have no user"},
		"no token": {func(c *transit.Config) { c.Token = "" }, "token: is missing"},
		"lines":    {func(c *transit.Config) { c.Token = "a\nb" }, "token: must be one line"},
		"mount":    {func(c *transit.Config) { c.Mount = "a/../b?" }, "mount: "},
		"key":      {func(c *transit.Config) { c.Key = "" }, "key: "},
	} {
		changed := good
		c.change(&changed)
		faults := changed.Validate()
		if c.says == "" && faults != nil || c.says != "" && (len(faults) != 1 || !strings.HasPrefix(faults[0].Error(), c.says) || strings.Contains(faults[0].Error(), "hidden")) {
			t.Errorf("%s: %v", name, faults)
		}
	}
	if _, err := transit.New(transit.Config{CAFile: "/does/not/exist"}); err == nil || !strings.Contains(err.Error(), "secrets.transit.ca_file") {
		t.Errorf("no file of authorities: %v", err)
	}
}
