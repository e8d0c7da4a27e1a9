package door_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/door"
	"github.com/gatehouse-iam/gatehouse/internal/access/engine"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// silent is a mutator that has nothing to say in a field that is its own, and takes another one away.
type silent struct{}

func (silent) SetsHeaders() []string { return []string{"X-Group", "X-Mail"} }

func (silent) Mutate(_ context.Context, _ *access.Request, p *access.Principal) error {
	p.Header = access.Header{"X-Mail": nil, "X-User": {"nobody"}}
	return nil
}

// silentDoor has one rule, which lets everybody to the upstream.
func silentDoor(t *testing.T, upstream string, keep ...string) door.Door {
	t.Helper()
	c := engine.DefaultConfig()
	c.StripHeaders, c.KeepHeaders = []string{"x-user"}, keep
	e := engine.New(engine.Options{Config: c, Now: time.Now, Kinds: access.Kinds{
		Authenticators: map[string]access.Kind[access.Authenticator]{"noop": always[access.Authenticator](nobody{})},
		Authorizers:    map[string]access.Kind[access.Authorizer]{"allow": always[access.Authorizer](allow{})},
		Mutators:       map[string]access.Kind[access.Mutator]{"silent": always[access.Mutator](silent{})},
	}})
	if _, err := e.Load(t.Context(), []access.Rule{{
		ID: "all", Match: access.Match{URL: "http://app.example.com/", Methods: []string{"GET"}}, Upstream: access.Upstream{URL: upstream},
		Authenticators: []access.HandlerRef{{Handler: "noop"}}, Authorizer: access.HandlerRef{Handler: "allow"}, Mutators: []access.HandlerRef{{Handler: "silent"}},
	}}); err != nil {
		t.Fatal(err)
	}
	return door.Door{Name: "a door", Engine: e, Now: time.Now}
}

// Who asks is what the rule says and never what the client says: not in another spelling, and not where the rule says nothing.
func TestClientsDoNotSayWhoTheyAre(t *testing.T) {
	said := []string{
		"Host", "app.example.com", "X-Group", "root", "X-Mail", "root", "X-User", "root", "x_user", "root", "X_Group", "root", "X.User", "root", "X.Forwarded_For", "root", "X-mail_", "fine", "X!User", "root", "X`Mail", "root", "x*group", "root", "X-Forwarded~For", "root",
		"X-Kratos-Authenticated-Identity-Id", "root", "X-Kratos_Authenticated_Identity-Id", "root",
	}
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _ = r.Header.Write(w) }))
	t.Cleanup(app.Close)
	options := web.Options{TrustedProxies: web.Networks{"192.0.2.1"}, Log: slog.New(slog.DiscardHandler)}
	p, err := door.NewProxy(silentDoor(t, app.URL), door.DefaultUpstreamConfig(), options.Log)
	if err != nil {
		t.Fatal(err)
	}
	rec := testkit.Ask(web.NewRaw("proxy", web.KratosErrors, options, p.Serve), "GET", "/", "", said...)
	got, _ := io.ReadAll(rec.Body)
	if rec.Code != 200 || strings.Contains(string(got), "root") || !strings.Contains(string(got), "X-User: nobody") || !strings.Contains(string(got), "fine") {
		t.Errorf("the application gets %d\n%s", rec.Code, got)
	}
	d := &door.Decisions{Door: silentDoor(t, "")}
	rec = testkit.Ask(web.NewRaw("decisions", web.KratosErrors, options, d.Serve), "GET", door.DecisionsPath, "", said...)
	for name, want := range map[string]string{
		"X-User": "nobody", "X-Group": "", "X-Mail": "", "X-Kratos-Authenticated-Identity-Id": "", "X_user": "", "X.user": "", "X_group": "", "X-Kratos_authenticated_identity-Id": "", "X!user": "", "X`mail": "", "X*group": "",
	} {
		if values := rec.Result().Header[name]; len(values) != 1 || values[0] != want {
			t.Errorf("the proxy is told %s: %q, want %q", name, values, want)
		}
	}
}

// Fields behind a body (RFC 9110 §6.5) are none that a rule was asked about, and some applications read them like those before it.
func TestNoTrailersPass(t *testing.T) {
	app := application(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%s %v %v", body, r.Trailer, r.Header["Trailer"])
	})
	address := behind(t, app.URL, web.Options{}, &events{})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+"/", io.NopCloser(strings.NewReader("please")))
	if err != nil {
		t.Fatal(err)
	}
	req.Host, req.Trailer = "app.example.com", http.Header{"X-User": {"root"}, "X_user": {"root"}}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	got, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if string(got) != "please map[] []" {
		t.Errorf("%d %s", resp.StatusCode, got)
	}
}

// overrides are fields by which applications read another path or method than the one that was decided about, or a setting of theirs.
func overrides() []string {
	return []string{"X-Original-URL", "X-Rewrite-URL", "X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X_HTTP_METHOD_OVERRIDE", "X.HTTP.Method.Override", "Proxy"}
}

func TestClientsDoNotOverrideWhatWasDecided(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _ = r.Header.Write(w) }))
	t.Cleanup(app.Close)
	options := web.Options{TrustedProxies: web.Networks{"192.0.2.1"}, Log: slog.New(slog.DiscardHandler)}
	said := []string{"Host", "app.example.com"}
	for _, name := range overrides() {
		said = append(said, name, "DELETE")
	}
	for _, c := range []struct {
		keep []string
		want string
	}{{nil, ""}, {[]string{"x-http-method-override", "X-Original-Url"}, "X-Http-Method-Override: DELETE\r\nX-Original-Url: DELETE\r\n"}} {
		p, err := door.NewProxy(silentDoor(t, app.URL, c.keep...), door.DefaultUpstreamConfig(), options.Log)
		if err != nil {
			t.Fatal(err)
		}
		rec := testkit.Ask(web.NewRaw("proxy", web.KratosErrors, options, p.Serve), "GET", "/", "", said...)
		got := ""
		for line := range strings.Lines(rec.Body.String()) {
			if strings.Contains(line, "DELETE") && !strings.HasPrefix(line, "X_") && !strings.HasPrefix(line, "X.") {
				got += line
			}
		}
		if rec.Code != 200 || got != c.want || c.keep == nil && strings.Contains(rec.Body.String(), "DELETE") {
			t.Errorf("%v: the application gets %d\n%s", c.keep, rec.Code, rec.Body)
		}
	}
	d := &door.Decisions{Door: silentDoor(t, "")}
	h := web.NewRaw("decisions", web.KratosErrors, options, d.Serve)
	named, unasked := testkit.Ask(h, "GET", door.DecisionsPath, "", said...), testkit.Ask(h, "GET", door.DecisionsPath, "", "Host", "app.example.com")
	for _, name := range overrides() {
		if values := named.Header().Values(name); len(values) != 1 || values[0] != "" {
			t.Errorf("the proxy is told %s: %q", name, values)
		}
		if values := unasked.Header().Values(name); len(values) > 0 {
			t.Errorf("nobody sent %s, and the proxy is told %q", name, values)
		}
	}
	bad := engine.DefaultConfig()
	bad.KeepHeaders = []string{"X-Original-URL", "X-Kratos-Authenticated-Identity-Id"}
	if faults := bad.Validate(); len(faults) != 1 || !strings.HasPrefix(faults[0].Error(), "keep_headers[1]: ") {
		t.Error(faults)
	}
}
