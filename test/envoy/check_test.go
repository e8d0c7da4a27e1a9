package envoy

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	auth "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/gatehouse-iam/gatehouse/test/process"
)

func TestMain(m *testing.M) { process.Main(m) }

// rules are for an application behind Envoy. POLICY is a service that is asked with the request's body.
const rules = `
- id: read
  match: {url: "https://app.example.com/api/<.*>", methods: [GET]}
  authenticators: [{handler: oauth2_introspection, config: {required_scope: [read]}}]
  authorizer: {handler: allow}
  mutators:
    - {handler: header, config: {headers: {X-User: "{{ print .Subject }}", X-Group: "{{ print .Extra.group }}"}}}
    - {handler: cookie, config: {cookies: {who: "{{ print .Subject }}"}}}
- id: signed
  match: {url: "https://app.example.com/signed", methods: [GET]}
  authenticators: [{handler: oauth2_introspection}]
  authorizer: {handler: allow}
  mutators: [{handler: id_token, config: {issuer_url: "https://gate.example.com/"}}]
- id: page
  match: {url: "https://app.example.com/page", methods: [GET]}
  authenticators: [{handler: cookie_session}]
  authorizer: {handler: allow}
  mutators: []
  errors: [{handler: redirect, config: {to: "https://id.example.com/login", return_to_query_param: return_to}}]
- id: body
  match: {url: "https://app.example.com/body", methods: [POST]}
  authenticators: [{handler: noop}]
  authorizer: {handler: remote, config: {remote: "POLICY"}}
  mutators: []
- id: here
  match: {url: "https://app.example.com/here", methods: [GET]}
  authenticators: [{handler: noop}]
  authorizer: {handler: geoip, config: {networks: {allow: [192.0.2.0/24]}}}
  mutators: []
`

// gate is a server with the door for Envoy, and a token that opens what needs the scope read.
type gate struct {
	t      *testing.T
	server *process.Server
	client auth.AuthorizationClient
	id     string // the client that the tokens belong to
	secret string
}

func newGate(t *testing.T) *gate {
	t.Helper()
	policy := newPolicy(t)
	address := process.FreeAddress(t)
	s := process.Configure(t, process.Options{})
	file := filepath.Join(s.Dir, "rules.yaml")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(rules, "POLICY", policy)), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Override(fmt.Sprintf("serve: {ext_authz: {enabled: true, address: %q}}\naccess: {rules: {repositories: [%q]}}\n", address, "file://"+file))
	s.Run()
	t.Cleanup(s.Stop)
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	g := &gate{t: t, server: s, client: auth.NewAuthorizationClient(connection)}
	g.register()
	s.Eventually(func() bool {
		return g.ask("GET", "/nowhere", nil).GetDeniedResponse().GetStatus().GetCode() == http.StatusNotFound
	})
	return g
}

// newPolicy is a service that lets pass what says please.
func newPolicy(t *testing.T) (address string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if body, _ := io.ReadAll(r.Body); string(body) != "please" {
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	t.Cleanup(func() {
		s.CloseClientConnections() // the server keeps its own
		s.Close()
	})
	return s.URL + "/"
}

// call sends a form or a JSON document and reads the answer.
func (g *gate) call(address, media, body string, v any) {
	g.t.Helper()
	req, err := http.NewRequestWithContext(g.t.Context(), http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("Content-Type", media)
	if g.id != "" {
		req.SetBasicAuth(g.id, g.secret)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		g.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if err := json.NewDecoder(resp.Body).Decode(v); err != nil || resp.StatusCode >= http.StatusBadRequest {
		g.t.Fatalf("%s answers %d, %v", address, resp.StatusCode, err)
	}
}

func (g *gate) register() {
	g.t.Helper()
	var made struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	g.call(g.server.Admin+"/admin/clients", "application/json", `{"grant_types":["client_credentials"],"scope":"read write"}`, &made)
	g.id, g.secret = made.ID, made.Secret
}

func (g *gate) token(scope string) string {
	g.t.Helper()
	var got struct {
		Token string `json:"access_token"`
	}
	g.call(g.server.Public+"/oauth2/token", "application/x-www-form-urlencoded", url.Values{"grant_type": {"client_credentials"}, "scope": {scope}}.Encode(), &got)
	return got.Token
}

// request is a question as Envoy asks it: names in lower case, HTTP/2's pseudo fields among them.
func request(method, path string, headers map[string]string) *auth.CheckRequest {
	all := map[string]string{":method": method, ":path": path, ":authority": "app.example.com", ":scheme": "https"}
	maps.Copy(all, headers)
	return &auth.CheckRequest{Attributes: &auth.AttributeContext{
		Source: &auth.AttributeContext_Peer{Address: &core.Address{Address: &core.Address_SocketAddress{SocketAddress: &core.SocketAddress{
			Address: "192.0.2.7", PortSpecifier: &core.SocketAddress_PortValue{PortValue: 40000},
		}}}},
		Request: &auth.AttributeContext_Request{Http: &auth.AttributeContext_HttpRequest{
			Id: "1", Method: method, Scheme: "https", Host: "app.example.com", Path: path, Protocol: "HTTP/2", Headers: all,
		}},
	}}
}

func (g *gate) check(question *auth.CheckRequest) *auth.CheckResponse {
	g.t.Helper()
	answer, err := g.client.Check(g.t.Context(), question)
	if err != nil {
		g.t.Fatal(err)
	}
	return answer
}

func (g *gate) ask(method, path string, headers map[string]string) *auth.CheckResponse {
	g.t.Helper()
	return g.check(request(method, path, headers))
}

// passes reports what an allowed request gets: the fields that Envoy sets, by name, and those that it removes.
func (g *gate) passes(answer *auth.CheckResponse) (set map[string]string, remove []string) {
	g.t.Helper()
	if answer.GetStatus().GetCode() != int32(codes.OK) || answer.GetOkResponse() == nil {
		g.t.Fatalf("refused: %v", answer)
	}
	set = map[string]string{}
	for _, o := range answer.GetOkResponse().GetHeaders() {
		if o.GetAppendAction() != core.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD {
			g.t.Errorf("%s does not take the place of the client's", o.GetHeader().GetKey())
		}
		set[o.GetHeader().GetKey()] = o.GetHeader().GetValue()
	}
	return set, answer.GetOkResponse().GetHeadersToRemove()
}

// refuses reports how a refused request is answered.
func (g *gate) refuses(answer *auth.CheckResponse, code codes.Code, status int) (header map[string]string, body string) {
	g.t.Helper()
	denied := answer.GetDeniedResponse()
	if answer.GetStatus().GetCode() != int32(code) || int(denied.GetStatus().GetCode()) != status {
		g.t.Errorf("answered %v, want %v and %d", answer, code, status)
	}
	header = map[string]string{}
	for _, o := range denied.GetHeaders() {
		header[o.GetHeader().GetKey()] = o.GetHeader().GetValue()
	}
	return header, denied.GetBody()
}

func bearer(token string) map[string]string {
	return map[string]string{"authorization": "Bearer " + token}
}

func TestEnvoyLetsThrough(t *testing.T) {
	g := newGate(t)
	headers := bearer(g.token("read"))
	headers["x-user"], headers["x-group"], headers["x_user"], headers["cookie"], headers["x-kratos-authenticated-identity-id"] = "root", "root", "root", "a=b; who=root", "root"
	set, remove := g.passes(g.ask("GET", "/api/a?b=c", headers))
	if set["x-user"] != g.id || set["cookie"] != "a=b; who="+g.id {
		t.Errorf("the application is told %v", set)
	}
	for _, name := range []string{"x-group", "x_user", "x-kratos-authenticated-identity-id"} {
		if !slices.Contains(remove, name) || set[name] != "" {
			t.Errorf("the client's %s passes: %v, %v", name, set, remove)
		}
	}
	set, _ = g.passes(g.ask("GET", "/signed", bearer(g.token("read"))))
	if parts := strings.Split(set["authorization"], "."); len(parts) != 3 || !strings.HasPrefix(parts[0], "Bearer ") {
		t.Errorf("the application is told %v", set)
	}
	g.passes(g.ask("GET", "/here", map[string]string{"x-forwarded-for": "203.0.113.7"}))
}

func TestEnvoyRefuses(t *testing.T) {
	g := newGate(t)
	header, body := g.refuses(g.ask("GET", "/api/a", nil), codes.Unauthenticated, http.StatusUnauthorized)
	if !strings.Contains(body, `"code":401`) || header["content-type"] == "" || header["www-authenticate"] != "Bearer" {
		t.Errorf("the client gets %v %s", header, body)
	}
	g.refuses(g.ask("GET", "/api/a", bearer("gh_at_x.y")), codes.Unauthenticated, http.StatusUnauthorized)
	g.refuses(g.ask("GET", "/api/a", bearer(g.token("write"))), codes.PermissionDenied, http.StatusForbidden)
	g.refuses(g.ask("PUT", "/api/a", bearer(g.token("read"))), codes.PermissionDenied, http.StatusNotFound)
	header, _ = g.refuses(g.ask("GET", "/page?a=b", nil), codes.Unauthenticated, http.StatusFound)
	if to := header["location"]; to != "https://id.example.com/login?return_to=https%3A%2F%2Fapp.example.com%2Fpage%3Fa%3Db" {
		t.Errorf("the browser is sent to %q", to)
	}
	stranger := request("GET", "/here", map[string]string{"x-forwarded-for": "192.0.2.7"})
	stranger.GetAttributes().GetSource().GetAddress().GetSocketAddress().Address = "203.0.113.7"
	g.refuses(g.check(stranger), codes.PermissionDenied, http.StatusForbidden)
}

// encode_raw_headers has Envoy send the header as a list of bytes.
func TestEnvoySendsRawHeaders(t *testing.T) {
	g := newGate(t)
	question := request("GET", "/api/a", nil)
	h := question.GetAttributes().GetRequest().GetHttp()
	h.Headers = nil
	h.HeaderMap = &core.HeaderMap{Headers: []*core.HeaderValue{
		{Key: ":path", RawValue: []byte("/open")}, {Key: "authorization", RawValue: []byte("Bearer " + g.token("read"))}, {Key: "x-user", RawValue: []byte("root\xff")},
	}}
	if set, _ := g.passes(g.check(question)); set["x-user"] != g.id {
		t.Errorf("the application is told %v", set)
	}
}

// with_request_body has Envoy send the body, as text or as bytes, cut where it is longer than Envoy may keep.
func TestEnvoySendsBodies(t *testing.T) {
	g := newGate(t)
	for name, c := range map[string]struct {
		text   string
		raw    []byte
		size   int64
		status int
	}{
		"text":       {text: "please", size: 6, status: http.StatusOK},
		"bytes":      {raw: []byte("please"), size: 6, status: http.StatusOK},
		"another":    {text: "now", size: 3, status: http.StatusForbidden},
		"none":       {status: http.StatusForbidden},
		"cut":        {text: "please", size: 600, status: http.StatusRequestEntityTooLarge},
		"of no size": {text: "please", size: -1, status: http.StatusOK},
	} {
		question := request("POST", "/body", map[string]string{"content-type": "text/plain"})
		h := question.GetAttributes().GetRequest().GetHttp()
		h.Body, h.RawBody, h.Size = c.text, c.raw, c.size
		answer := g.check(question)
		if got := int(answer.GetDeniedResponse().GetStatus().GetCode()); got != c.status && (c.status != http.StatusOK || answer.GetOkResponse() == nil) {
			t.Errorf("%s: %v", name, answer)
		}
	}
}

// Envoy's upstream gets the path as the client wrote it, so one that had to be changed is refused.
func TestEnvoySendsStrangePaths(t *testing.T) {
	g := newGate(t)
	headers := bearer(g.token("read"))
	for path, status := range map[string]int{
		"/api/%61": http.StatusOK, "/page/../api/a": http.StatusForbidden, "//api/a": http.StatusForbidden, "/api/%2e%2e/x": http.StatusForbidden,
		"/api/..%2fpage": http.StatusBadRequest, `/api/..\page`: http.StatusBadRequest, "/api/%00": http.StatusBadRequest, "/api/%zz": http.StatusBadRequest, "": http.StatusNotFound, "*": http.StatusBadRequest,
	} {
		answer := g.ask("GET", path, headers)
		if got := int(answer.GetDeniedResponse().GetStatus().GetCode()); got != status && (status != http.StatusOK || answer.GetOkResponse() == nil) {
			t.Errorf("%q: %v", path, answer)
		}
	}
}

// A question about nothing is no reason to let anything pass.
func TestEnvoyAsksNothingElse(t *testing.T) {
	g := newGate(t)
	if answer, err := g.client.Check(t.Context(), &auth.CheckRequest{}); err != nil || answer.GetOkResponse() != nil || answer.GetStatus().GetCode() == int32(codes.OK) {
		t.Errorf("an empty question: %v, %v", answer, err)
	}
}
