package extauthz

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/door"
	"github.com/gatehouse-iam/gatehouse/internal/access/engine"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// asker believes the header Authorization; teller tells the application whom it believed, and what it sent.
type (
	asker  struct{}
	bodied struct{}
	teller struct{}
)

func (asker) Authenticate(_ context.Context, r *access.Request) (*access.Principal, error) {
	name := r.Header.Get("Authorization")
	if name == "" {
		return nil, access.ErrUnauthorized
	}
	return &access.Principal{Subject: name}, nil
}

func (bodied) Authorize(_ context.Context, r *access.Request, p *access.Principal) error {
	if p.Subject == "bob" {
		return access.ErrForbidden
	}
	if r.Method != "PUT" {
		return nil
	}
	body, err := r.Body(8)
	if err == nil && string(body) != "please" {
		err = access.ErrForbidden
	}
	return err
}

func (teller) Mutate(_ context.Context, r *access.Request, p *access.Principal) error {
	p.Header = access.Header{"X-User": {p.Subject}, "X-From": {r.Client.String()}, "X-Colours": append([]string{"first"}, r.Header["X-Colour"]...)}
	p.Cookies = map[string]string{"who": p.Subject}
	return nil
}

func always[T any](v T) access.Kind[T] { return func(access.Settings) (T, error) { return v, nil } }

const rules = `[
	{"id":"api","match":{"url":"https://app.example.com/api<.*>","methods":["GET","PUT"]},"authenticators":[{"handler":"ask"}],"authorizer":{"handler":"body"},"mutators":[{"handler":"tell"}]},
	{"id":"page","match":{"url":"https://app.example.com/page","methods":["GET"]},"authenticators":[{"handler":"ask"}],"authorizer":{"handler":"body"},"mutators":[],
	 "errors":[{"handler":"redirect","config":{"to":"https://login.example.com/","return_to_query_param":"return_to"}}]}
]`

func handler(t testing.TB) http.Handler {
	t.Helper()
	e := engine.New(engine.Options{Now: time.Now, Config: engine.Config{StripHeaders: []string{"X-User"}}, Kinds: access.Kinds{
		Authenticators: map[string]access.Kind[access.Authenticator]{"ask": always[access.Authenticator](asker{})},
		Authorizers:    map[string]access.Kind[access.Authorizer]{"body": always[access.Authorizer](bodied{})},
		Mutators:       map[string]access.Kind[access.Mutator]{"tell": always[access.Mutator](teller{})},
	}})
	var list []access.Rule
	if err := json.Unmarshal([]byte(rules), &list); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Load(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	h := &Handler{Door: door.Door{Name: "ext_authz", Engine: e, Now: time.Now}}
	return web.NewRaw("ext_authz", web.KratosErrors, web.Options{}, h.Serve())
}

// envoy is a client as Envoy is one.
func envoy(t *testing.T) func(*CheckRequest) (*CheckResponse, error) {
	t.Helper()
	s := httptest.NewUnstartedServer(handler(t))
	s.Config.Protocols = &http.Protocols{}
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	transport := &http.Transport{Protocols: &http.Protocols{}}
	transport.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(transport.CloseIdleConnections)
	client := connect.NewClient[CheckRequest, CheckResponse](&http.Client{Transport: transport}, s.URL+Method, connect.WithGRPC())
	return func(question *CheckRequest) (*CheckResponse, error) {
		answer, err := client.CallUnary(t.Context(), connect.NewRequest(question))
		if err != nil {
			return nil, err
		}
		return answer.Msg, nil
	}
}

func held(method, path string, headers map[string]string) *CheckRequest {
	return &CheckRequest{Attributes: &AttributeContext{
		Source:  &AttributeContext_Peer{Address: &Address{SocketAddress: &SocketAddress{Address: "203.0.113.9", PortValue: 4242}}},
		Request: &AttributeContext_Request{Http: &AttributeContext_HttpRequest{Method: method, Scheme: "https", Host: "app.example.com", Path: path, Headers: headers}},
	}}
}

func shown(list []*HeaderValueOption) (lines []string) {
	for _, o := range list {
		lines = append(lines, o.GetHeader().GetKey()+": "+o.GetHeader().GetValue()+" "+o.GetAppendAction().String())
	}
	return lines
}

func TestEnvoyIsTold(t *testing.T) {
	check := envoy(t)
	answer, err := check(held("GET", "/api/a?b=c", map[string]string{
		":path": "/other", "authorization": "ada", "x-user": "root", "cookie": "a=b; who=root", "x-colour": "red",
	}))
	if err != nil {
		t.Fatal(err)
	}
	passed := answer.GetOkResponse()
	if answer.GetStatus().GetCode() != 0 || passed == nil {
		t.Fatal(answer)
	}
	const replace, add = " OVERWRITE_IF_EXISTS_OR_ADD", " APPEND_IF_EXISTS_OR_ADD"
	want := []string{
		"cookie: a=b; who=ada" + replace, "x-colours: first" + replace, "x-colours: red" + add, "x-from: 203.0.113.9" + replace, "x-user: ada" + replace,
	}
	if d := cmp.Diff(want, shown(passed.GetHeaders())); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"x-kratos-authenticated-identity-id"}, passed.GetHeadersToRemove()); d != "" {
		t.Error(d)
	}
	// encode_raw_headers: the header comes as a list, with bytes.
	question := held("GET", "/api", nil)
	question.Attributes.Request.Http.HeaderMap = &HeaderMap{Headers: []*HeaderValue{
		{Key: "authorization", RawValue: []byte("ada")}, {Key: "x-colour", RawValue: []byte("red")}, {Key: "x-colour", RawValue: []byte("blue")},
	}}
	if answer, err = check(question); err != nil || strings.Count(strings.Join(shown(answer.GetOkResponse().GetHeaders()), "\n"), "x-colours") != 3 {
		t.Error(answer, err)
	}
}

func TestEnvoyIsRefused(t *testing.T) {
	check := envoy(t)
	with := func(body string, size int64, question *CheckRequest) *CheckRequest {
		question.Attributes.Request.Http.RawBody, question.Attributes.Request.Http.Size = []byte(body), size
		return question
	}
	as := func(name string, further ...string) map[string]string {
		fields := map[string]string{"authorization": name}
		for i := 0; i < len(further); i += 2 {
			fields[further[i]] = further[i+1]
		}
		return fields
	}
	for name, c := range map[string]struct {
		question *CheckRequest
		code     int32
		status   int32
	}{
		"nobody":            {held("GET", "/api", nil), unauthenticated, 401},
		"somebody else":     {held("GET", "/api", as("bob")), permissionDenied, 403},
		"no rule":           {held("GET", "/", as("ada")), permissionDenied, 404},
		"another method":    {held("DELETE", "/api", as("ada")), permissionDenied, 404},
		"lower case":        {held("get", "/api", as("ada")), permissionDenied, 404},
		"dot segments":      {held("GET", "/api/../page", as("ada")), permissionDenied, 403},
		"an encoded slash":  {held("GET", "/api/..%2fpage", as("ada")), permissionDenied, 400},
		"a page":            {held("GET", "/page?x=1", nil), unauthenticated, 302},
		"the body is right": {with("please", 6, held("PUT", "/api", as("ada"))), 0, 0},
		"the body is wrong": {with("now", 3, held("PUT", "/api", as("ada"))), permissionDenied, 403},
		"the body was cut":  {with("please", 60, held("PUT", "/api", as("ada"))), permissionDenied, 413},
		"Envoy has cut it":  {with("please", 6, held("PUT", "/api", as("ada", "x-envoy-auth-partial-body", "true"))), permissionDenied, 413},
		"more is to come":   {with("please", 6, held("PUT", "/api", as("ada", "content-length", "60"))), permissionDenied, 413},
		"no length":         {with("please", 6, held("PUT", "/api", as("ada", "content-length", "-6"))), permissionDenied, 413},
		"none was sent":     {with("please", 6, held("PUT", "/api", as("ada", "transfer-encoding", "chunked"))), permissionDenied, 413},
		"none was sent, and the client says otherwise": {
			with("", -1, held("PUT", "/api", as("ada", "transfer-encoding", "chunked", "x-envoy-auth-partial-body", "false"))), permissionDenied, 413,
		},
		"all of it was sent": {
			with("please", 6, held("PUT", "/api", as("ada", "transfer-encoding", "chunked", "content-length", "6", "x-envoy-auth-partial-body", "false"))), 0, 0,
		},
		"the body is large":    {with("please, please", 14, held("PUT", "/api", as("ada"))), permissionDenied, 413},
		"nothing":              {&CheckRequest{}, permissionDenied, 400},
		"a path without slash": {held("GET", "api", as("ada")), permissionDenied, 400},
	} {
		answer, err := check(c.question)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		denied := answer.GetDeniedResponse()
		if answer.GetStatus().GetCode() != c.code || denied.GetStatus().GetCode() != c.status {
			t.Errorf("%s: %v", name, answer)
		}
		if c.status >= 400 && !strings.Contains(denied.GetBody(), `"error":{"code":`) {
			t.Errorf("%s: %v", name, answer)
		}
		if c.status == 302 && !cmp.Equal(shown(denied.GetHeaders())[1], "location: https://login.example.com/?return_to=https%3A%2F%2Fapp.example.com%2Fpage%3Fx%3D1 OVERWRITE_IF_EXISTS_OR_ADD") {
			t.Errorf("%s: %v", name, shown(denied.GetHeaders()))
		}
	}
}

// HTTP/2 has bodies that no field tells of. What the client says of what Envoy has sent is no word of Envoy's.
func TestUnseenBodies(t *testing.T) {
	for name, c := range map[string]struct {
		protocol, body string
		fields         map[string]string
		unseen         bool
	}{
		"HTTP/1.1 without a word of a body": {"HTTP/1.1", "", nil, false},
		"HTTP/1.0":                          {"HTTP/1.0", "", nil, false},
		"HTTP/2 without a word of a body":   {"HTTP/2", "", nil, true},
		"HTTP/3":                            {"HTTP/3", "", nil, true},
		"nobody knows":                      {"", "", nil, true},
		"the client says that it was sent":  {"HTTP/2", "", map[string]string{"x-envoy-auth-partial-body": "false"}, true},
		"HTTP/2 with no length":             {"HTTP/2", "", map[string]string{"content-length": "0"}, false},
		"HTTP/2 with what was sent":         {"HTTP/2", "please", nil, false},
	} {
		question := held("PUT", "/api", c.fields)
		question.Attributes.Request.Http.Protocol, question.Attributes.Request.Http.Body = c.protocol, c.body
		if got := read(t.Context(), question.Attributes).Request.Unseen; got != c.unseen {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestTheClientsCertificate(t *testing.T) {
	const text = "-----BEGIN%20CERTIFICATE-----%0AaGVsbG8%3D%0A-----END%20CERTIFICATE-----%0A"
	for escaped, want := range map[string]string{
		text: "hello", "": "", "%zz": "", "hello": "", strings.ReplaceAll(text, "CERTIFICATE", "PUBLIC%20KEY"): "",
	} {
		if got := certificate(escaped); string(got) != want {
			t.Errorf("%s: %q", escaped, got)
		}
	}
}

func TestOnlyEnvoyIsAnswered(t *testing.T) {
	h := handler(t)
	for _, c := range []struct{ method, path, media string }{
		{"GET", "/", ""}, {"POST", Method, "application/json"}, {"POST", "/envoy.service.auth.v2.Authorization/Check", "application/grpc"},
	} {
		r := httptest.NewRequest(c.method, c.path, strings.NewReader("{}"))
		r.Header.Set("Content-Type", c.media)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusNotFound {
			t.Errorf("%v: %d %s", c, w.Code, w.Body)
		}
	}
}

// Whatever comes in a message, nobody passes who does not say who it is, and the server says so rather than break.
func FuzzCheck(f *testing.F) {
	for _, question := range []*CheckRequest{{}, held("GET", "/api", nil), held("PUT", "/api", map[string]string{"authorization": "ada"})} {
		message, err := proto.Marshal(question)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(message)
	}
	f.Add([]byte("\x0a\xff\xff"))
	h := handler(f)
	f.Fuzz(func(t *testing.T, message []byte) {
		framed := append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
		r := httptest.NewRequest("POST", Method, strings.NewReader(string(framed)))
		r.Header.Set("Content-Type", "application/grpc")
		r.ProtoMajor, r.ProtoMinor = 2, 0
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		answer := w.Result()
		body, _ := io.ReadAll(answer.Body)
		var question CheckRequest
		var said CheckResponse
		understood := proto.Unmarshal(message, &question) == nil
		if !understood {
			if len(body) > 0 {
				t.Fatalf("what cannot be read was answered with %q", body)
			}
			return
		}
		if answer.StatusCode != 200 || len(body) < 5 || proto.Unmarshal(body[5:], &said) != nil {
			t.Fatalf("%d %q", answer.StatusCode, body)
		}
		who := fields(question.GetAttributes().GetRequest().GetHttp()).Get("Authorization")
		if said.GetOkResponse() != nil && (who == "" || who == "bob") {
			t.Fatalf("%v passed", &question)
		}
	})
}
