package door_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/access/door"
	"github.com/gatehouse-iam/gatehouse/internal/flow"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// behind puts a proxy before an application: requests to app.example.com reach it.
func behind(t *testing.T, upstream string, o web.Options, recorded *events) string {
	t.Helper()
	l := &web.Listener{Name: "proxy", Handler: proxy(t, upstream, o, recorded), Config: web.DefaultConfig("127.0.0.1:0", "http://127.0.0.1/"), H2C: true}
	if err := l.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- web.Serve(t.Context(), web.Grace{Limit: time.Second}, l) }()
	t.Cleanup(func() { <-done })
	return l.Addr().String()
}

// proxy is one that serves nowhere yet.
func proxy(t *testing.T, upstream string, o web.Options, recorded *events) http.Handler {
	t.Helper()
	rules := fmt.Sprintf(`[
		{"id":"all","match":{"url":"http://app.example.com/<.*>","methods":["GET","POST","PUT"]},"authenticators":[{"handler":"header"},{"handler":"noop"}],"authorizer":{"handler":"allow"},"mutators":[{"handler":"tell"}],"upstream":{"url":%q}},
		{"id":"strip","match":{"url":"http://strip.example.com/<.*>","methods":["GET"]},"authenticators":[{"handler":"noop"}],"authorizer":{"handler":"allow"},"mutators":[],"upstream":{"url":%q,"strip_path":"/api/","preserve_host":true}},
		{"id":"spelled","match":{"url":"http://spelled.example.com/<.*>","methods":["GET"],"headers":{"X-Version":"2"}},"authenticators":[{"handler":"noop"}],"authorizer":{"handler":"allow"},"mutators":[],"upstream":{"url":%q,"strip_path":"/mein büro/%%7eada"}},
		{"id":"closed","match":{"url":"http://closed.example.com/<.*>","methods":["PUT"]},"authenticators":[{"handler":"header"}],"authorizer":{"handler":"ada"},"mutators":[],"upstream":{"url":%q}},
		{"id":"nowhere","match":{"url":"http://nowhere.example.com/<.*>","methods":["GET"]},"authenticators":[{"handler":"noop"}],"authorizer":{"handler":"allow"},"mutators":[]}
	]`, upstream+"/base", upstream+"/v1/", upstream, upstream)
	d := door.Door{
		Name: "proxy", Engine: engineOf(t, rules), Record: recorded.record, Now: time.Now,
	}
	c := door.DefaultUpstreamConfig()
	c.ConnectTimeout = time.Minute
	p, err := door.NewProxy(d, c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	p.CORS = o.CORS.Enabled
	return web.NewRaw("proxy", web.KratosErrors, o, p.Serve)
}

// echo answers with what it was asked.
func echo(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Request-Id", "theirs")
	fmt.Fprintf(w, "%s %s%s\n", r.Method, r.Host, r.RequestURI)
	_ = r.Header.Write(w)
	_, _ = io.WriteString(w, "\n")
	_, _ = io.Copy(w, r.Body)
}

// S4-27: cross-origin access is decided in one place. Where the door does, what the application says of it is taken off.
func TestOneCORSPolicy(t *testing.T) {
	app := application(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Access-Control-Allow-Credentials", "true")
	})
	const listed, other = "https://app.example.com", "https://other.example.com"
	for _, c := range []struct {
		enabled      bool
		origin, want string
	}{{true, listed, listed}, {true, other, ""}, {false, other, "*"}} {
		at := behind(t, app.URL, web.Options{CORS: web.CORS{Enabled: c.enabled, AllowedOrigins: []string{listed}}}, &events{})
		resp, _ := through(t, at, "GET", "app.example.com", "/a", nil, "Origin", c.origin)
		if got := strings.Join(resp.Header.Values("Access-Control-Allow-Origin"), " and "); resp.StatusCode != http.StatusOK || got != c.want {
			t.Errorf("%+v: %d, %q may", c, resp.StatusCode, got)
		}
		if c.enabled == (resp.Header.Get("Access-Control-Allow-Credentials") != "") {
			t.Errorf("%+v: %v", c, resp.Header)
		}
	}
}

func application(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func through(t *testing.T, address, method, host, target string, body io.Reader, headers ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+address+"/", body)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	r.URL = &url.URL{Scheme: "http", Host: address, Opaque: target}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Timeout: time.Minute}
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	return resp, readAll(t, resp.Body)
}

func TestProxyPassesRequestsOn(t *testing.T) {
	app := application(t, echo)
	var recorded events
	address := behind(t, app.URL, web.Options{}, &recorded)
	host := strings.TrimPrefix(app.URL, "http://")

	resp, body := through(t, address, "POST", "app.example.com", "/a//b/../c?x=%2F&y", strings.NewReader("the body"),
		"Authorization", "ada", "X-User", "root", "X-Kratos-Authenticated-Identity-Id", "root", "Cookie", "who=root; a=b",
		"X-Forwarded-For", "203.0.113.9", "X-Forwarded-Host", "bank.example", "Connection", "X-Secret, close", "X-Secret", "1", "Accept-Encoding", "br")
	for _, want := range []string{
		"POST " + host + "/base/a/c?x=%2F&y\n", "X-User: ada\r\n", "Cookie: a=b; who=ada\r\n", "X-Forwarded-For: 127.0.0.1\r\n", "X-Forwarded-Host: app.example.com\r\n",
		"X-Forwarded-Proto: http\r\n", "Accept-Encoding: br\r\n", "\nthe body", "X-Request-Id: " + resp.Header.Get("X-Request-Id") + "\r\n",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("%q is missing:\n%s", want, body)
		}
	}
	for _, not := range []string{"root", "203.0.113.9", "bank.example", "X-Secret"} {
		if strings.Contains(body, not) {
			t.Errorf("%q passed:\n%s", not, body)
		}
	}
	if ids := resp.Header.Values("X-Request-Id"); resp.StatusCode != 200 || len(ids) != 1 || ids[0] == "theirs" || resp.Header.Get("Cache-Control") != "" {
		t.Errorf("%d %v", resp.StatusCode, resp.Header)
	}
	if e := recorded.last(t, 1); e.Rule != "all" || e.Subject != "ada" || e.Bytes != int64(len(body)) || e.Path != "/a/c" {
		t.Errorf("%+v", e)
	}

	for target, want := range map[string]string{
		"/api/users?q=1": "GET strip.example.com/v1/users?q=1\n", "/api": "GET strip.example.com/v1/\n", "/apis": "GET strip.example.com/v1/apis\n",
		"/api/a%20b/%E2%82%AC;v=1": "GET strip.example.com/v1/a%20b/%E2%82%AC;v=1\n",
	} {
		if _, body := through(t, address, "GET", "STRIP.example.com.:80", target, nil); !strings.HasPrefix(body, want) {
			t.Errorf("%s: %s", target, body)
		}
	}
}

// A path is stripped however it is spelled.
func TestProxyStripsPaths(t *testing.T) {
	address := behind(t, application(t, echo).URL, web.Options{}, &events{})
	for _, target := range []string{"/mein%20b%C3%BCro/~ada/a", "/mein%20b%c3%bcro/%7Eada/a"} {
		_, body := through(t, address, "GET", "spelled.example.com", target, nil, "X-Version", "2")
		if line, _, _ := strings.Cut(body, "\n"); !strings.HasSuffix(line, "/a") || strings.Contains(line, "ada") {
			t.Errorf("%s: %s", target, body)
		}
	}
}

// A field that the application does not get, as it is named in Connection, is none that a rule is asked about (RFC 9110 §7.6.1).
func TestProxyIsNotAskedAboutFieldsOfTheConnection(t *testing.T) {
	address := behind(t, application(t, echo).URL, web.Options{}, &events{})
	for connection, want := range map[string]int{"": 200, "close": 200, "Keep-Alive, TE": 200, "close, x-version": 404, "X-Version": 404} {
		headers := []string{"X-Version", "2"}
		if connection != "" {
			headers = append(headers, "Connection", connection)
		}
		if resp, body := through(t, address, "GET", "spelled.example.com", "/", nil, headers...); resp.StatusCode != want {
			t.Errorf("Connection: %s: %d %s", connection, resp.StatusCode, body)
		}
	}
}

// What passed is recorded also where one of both ends breaks off: nobody is to read without a trace.
func TestProxyRecordsWhatBreaksOff(t *testing.T) {
	app := application(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	var recorded events
	address := behind(t, app.URL, web.Options{}, &recorded)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/a", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "app.example.com"
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if text, err := io.ReadAll(resp.Body); err == nil || string(text) != "half" {
		t.Errorf("%q %v", text, err)
	}
	if e := recorded.last(t, 1); e.Rule != "all" || e.Verdict != flow.VerdictOf(0) || e.Bytes != 4 {
		t.Errorf("%+v", e)
	}
}

func TestProxyRefuses(t *testing.T) {
	var asked atomic.Int64
	app := application(t, func(w http.ResponseWriter, r *http.Request) { asked.Add(1); echo(w, r) })
	address := behind(t, app.URL, web.Options{MaxBody: 64}, &events{})
	for name, c := range map[string]struct {
		method, host, target, body, auth string
		want                             int
	}{
		"lower case":        {"get", "app.example.com", "/", "", "", 404},
		"no rule":           {"GET", "other.example.com", "/", "", "", 404},
		"nobody":            {"PUT", "closed.example.com", "/", "", "", 401},
		"somebody else":     {"PUT", "closed.example.com", "/", "please", "bob", 403},
		"not the word":      {"PUT", "closed.example.com", "/", "now!", "ada", 403},
		"too much to check": {"PUT", "closed.example.com", "/", "please, please", "ada", 413},
		"too much to pass":  {"POST", "app.example.com", "/", strings.Repeat("x", 65), "", 413},
		"ambiguous":         {"GET", "app.example.com", "/a%2f..%2fb", "", "", 400},
		"no upstream":       {"GET", "nowhere.example.com", "/", "", "", 500},
	} {
		resp, body := through(t, address, c.method, c.host, c.target, strings.NewReader(c.body), "Authorization", c.auth)
		if resp.StatusCode != c.want || !strings.Contains(body, `"error":{"code":`) {
			t.Errorf("%s: %d %s", name, resp.StatusCode, body)
		}
	}
	// A length that is not told is found out on the way.
	if resp, body := through(t, address, "POST", "app.example.com", "/", io.LimitReader(strings.NewReader(strings.Repeat("x", 1000)), 1000)); resp.StatusCode != 413 {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if n := asked.Load(); n > 1 {
		t.Errorf("%d requests reached the application", n)
	}
	// What the handlers read is passed on all the same.
	if resp, body := through(t, address, "PUT", "closed.example.com", "/", strings.NewReader("please"), "Authorization", "ada"); resp.StatusCode != 200 || !strings.HasSuffix(body, "\nplease") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

// Forwarding headers are kept where they come from a proxy that the operator trusts.
func TestProxyBehindAProxy(t *testing.T) {
	app := application(t, echo)
	address := behind(t, app.URL, web.Options{TrustedProxies: web.Networks{"127.0.0.1"}, TerminatedBy: web.Networks{"127.0.0.1"}}, &events{})
	claims := []string{
		"X-Forwarded-For", "203.0.113.9", "X-Forwarded-Proto", "http", "X-Forwarded-Port", "8443", "X-Real-Ip", "203.0.113.9", "Forwarded", "for=192.0.2.9",
		"X-Forwarded_For", "192.0.2.9",
	}
	_, body := through(t, address, "GET", "app.example.com", "/", nil, claims...)
	for _, want := range []string{"X-Forwarded-For: 203.0.113.9, 127.0.0.1\r\n", "X-Forwarded-Port: 8443\r\n", "X-Real-Ip: 203.0.113.9\r\n"} {
		if !strings.Contains(body, want) {
			t.Errorf("%q is missing:\n%s", want, body)
		}
	}
	if strings.Contains(body, "192.0.2.9") {
		t.Error(body)
	}
	_, body = through(t, behind(t, app.URL, web.Options{}, &events{}), "GET", "app.example.com", "/", nil, claims...)
	for _, not := range []string{"203.0.113.9", "192.0.2.9", "8443"} {
		if strings.Contains(body, not) {
			t.Errorf("a stranger says %s:\n%s", not, body)
		}
	}
	if resp, _ := through(t, address, "GET", "app.example.com", "/", nil, "X-Forwarded-Proto", "https"); resp.StatusCode != 404 {
		t.Errorf("a rule for http matches https: %d", resp.StatusCode)
	}
}

func TestProxyWithoutAnApplication(t *testing.T) {
	at, listen := refusing(t)
	door := proxy(t, "http://"+at, web.Options{}, &events{})
	ask := func(trace *httptrace.ClientTrace, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), "POST", "http://app.example.com/", strings.NewReader(body))
		w := httptest.NewRecorder()
		door.ServeHTTP(w, r)
		return w
	}
	if w := ask(&httptrace.ClientTrace{}, "x"); w.Code != 503 || strings.Contains(w.Body.String(), at) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	// One that comes up within a moment, after it was asked in vain, is asked once more, body and all.
	vain := sync.OnceFunc(func() {
		s := &http.Server{Handler: http.HandlerFunc(echo), ReadHeaderTimeout: time.Minute}
		t.Cleanup(func() { _ = s.Close() })
		socket := listen()
		go func() { _ = s.Serve(socket) }()
	})
	if w := ask(&httptrace.ClientTrace{ConnectDone: func(string, string, error) { vain() }}, "the body"); w.Code != 200 || !strings.HasSuffix(w.Body.String(), "the body") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// refusing is an address that is taken, so that nobody else gets it, and at which connections are refused until listen is called.
func refusing(t *testing.T) (address string, listen func() net.Listener) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), "socket")
	t.Cleanup(func() { _ = file.Close() })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port), func() net.Listener {
		err := syscall.Listen(fd, 16)
		socket, problem := net.FileListener(file)
		if err = errors.Join(err, problem); err != nil {
			t.Error(err)
		}
		return socket
	}
}

func TestProxyStreams(t *testing.T) {
	next := make(chan struct{})
	app := application(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			fmt.Fprintf(w, "data: %d\n", i)
			_ = http.NewResponseController(w).Flush()
			<-next
		}
	})
	address := behind(t, app.URL, web.Options{}, &events{})
	r, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+address+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "app.example.com"
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewScanner(resp.Body)
	for i := range 3 {
		if !lines.Scan() || lines.Text() != fmt.Sprintf("data: %d", i) {
			t.Fatal(lines.Text(), lines.Err())
		}
		next <- struct{}{}
	}
}

func TestProxyPassesWebSockets(t *testing.T) {
	app := application(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "websocket" || r.Header.Get("X-User") != "ada" {
			http.Error(w, "no", http.StatusBadRequest)
			return
		}
		conn, both, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		fmt.Fprint(both, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		_ = both.Flush()
		line, _ := both.ReadString('\n')
		fmt.Fprint(both, "back: "+line)
		_ = both.Flush()
	})
	address := behind(t, app.URL, web.Options{}, &events{})
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	fmt.Fprint(conn, "GET /chat HTTP/1.1\r\nHost: app.example.com\r\nAuthorization: ada\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	answer := bufio.NewReader(conn)
	resp, err := http.ReadResponse(answer, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(resp, err)
	}
	fmt.Fprint(conn, "hello\n")
	if line, err := answer.ReadString('\n'); line != "back: hello\n" {
		t.Fatal(line, err)
	}
}

// An upgrade to HTTP/2 would be a tunnel past the rules.
func TestProxyPassesNoOtherUpgrades(t *testing.T) {
	address := behind(t, application(t, echo).URL, web.Options{}, &events{})
	for _, protocol := range []string{"h2c", "websocket, h2c", "SPDY/3.1"} {
		resp, body := through(t, address, "GET", "app.example.com", "/", nil, "Connection", "Upgrade", "Upgrade", protocol, "Http2-Settings", "AAMAAABkAAQAAP__")
		if resp.StatusCode != 200 || strings.Contains(body, "Upgrade") || strings.Contains(strings.ToLower(body), "http2-settings") {
			t.Errorf("%s: %d %s", protocol, resp.StatusCode, body)
		}
	}
}

// HTTP/2 in the clear on both sides, as gRPC speaks it, with trailers.
func TestProxyPassesHTTP2(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "Grpc-Status")
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s", r.Proto, r.Header.Get("Te"), body)
		w.Header().Set("Grpc-Status", "0")
	}))
	s.Config.Protocols = &http.Protocols{}
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	address := behind(t, "h2c://"+strings.TrimPrefix(s.URL, "http://"), web.Options{}, &events{})
	transport := &http.Transport{Protocols: &http.Protocols{}}
	transport.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(transport.CloseIdleConnections)
	r, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+address+"/pkg.Service/Method", strings.NewReader("call"))
	if err != nil {
		t.Fatal(err)
	}
	r.Host, r.Header = "app.example.com", http.Header{"Te": {"trailers"}}
	resp, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if body := readAll(t, resp.Body); body != "HTTP/2.0 trailers call" || resp.Trailer.Get("Grpc-Status") != "0" || resp.ProtoMajor != 2 {
		t.Errorf("%q %v %s", body, resp.Trailer, resp.Proto)
	}
}

// RFC 9112 §6.1, §6.3, §3.2: two readings of where a request ends, or of whom it is for, never reach an application as two
// requests. What is hidden here is let through where somebody asks for it openly.
func TestProxyIsNotSmuggledThrough(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	app := application(t, func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, fmt.Sprintf("%s %s %q %v", r.Method, r.RequestURI, body, r.Trailer))
		if err != nil {
			seen = append(seen, err.Error())
		}
	})
	address := behind(t, app.URL, web.Options{}, &events{})
	const last = "Connection: close\r\n\r\n"
	const inner = "GET /smuggled HTTP/1.1\r\nHost: app.example.com\r\n" + last
	const begin, chunked = "POST / HTTP/1.1\r\nHost: app.example.com\r\n", "Transfer-Encoding: chunked\r\n"
	const outer, empty, second = `POST /base/ "" map[]`, "0\r\n\r\n", `GET /base/smuggled "" map[]`
	for name, c := range map[string]struct {
		request string
		want    []string // what the application sees
	}{
		"two requests":       {begin + "Content-Length: 0\r\n\r\n" + inner, []string{outer, second}},
		"both lengths":       {begin + "Content-Length: 4\r\n" + chunked + "\r\n" + empty + inner, []string{outer}},
		"two lengths":        {begin + "Content-Length: 0\r\nContent-Length: 60\r\n\r\n" + inner, nil},
		"an odd encoding":    {begin + "Transfer-Encoding: xchunked\r\n\r\n" + empty + inner, nil},
		"chunked twice":      {begin + "Transfer-Encoding: chunked, chunked\r\n\r\n" + empty + inner, nil},
		"a blank in a name":  {begin + "Transfer-Encoding : chunked\r\n\r\n" + empty + inner, nil},
		"a folded encoding":  {begin + "Transfer-Encoding:\r\n chunked\r\nContent-Length: 5\r\n\r\n" + empty + inner, []string{outer}},
		"a bare line feed":   {begin + "A: b\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" + empty + inner, []string{outer}},
		"chunk extensions":   {begin + chunked + "\r\n2;a=\"\r\nhi\r\n0\r\n\r\n" + inner, []string{`POST /base/ "hi" map[]`}},
		"a trailer":          {begin + chunked + "\r\n0\r\nX-User: eve\r\nContent-Length: 60\r\n\r\n" + inner, []string{outer}},
		"a trailer as told":  {begin + chunked + "Trailer: X-User\r\n\r\n0\r\nX-User: eve\r\n\r\n" + inner, []string{outer}},
		"an old request":     {"POST / HTTP/1.0\r\nHost: app.example.com\r\nConnection: keep-alive\r\nContent-Length: 0\r\n" + chunked + "\r\n" + inner, []string{outer}},
		"two hosts":          {"GET /smuggled HTTP/1.1\r\nHost: app.example.com\r\nHost: closed.example.com\r\n" + last, nil},
		"a host in the path": {"GET http://closed.example.com/smuggled HTTP/1.1\r\nHost: app.example.com\r\n" + last, nil},
		"a connection":       {"CONNECT app.example.com:80 HTTP/1.1\r\nHost: app.example.com\r\n" + last, nil},
		"an asterisk":        {"OPTIONS * HTTP/1.1\r\nHost: app.example.com\r\n" + last, nil},
	} {
		mu.Lock()
		seen = nil
		mu.Unlock()
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		_, _ = io.WriteString(conn, c.request)
		answers, _ := io.ReadAll(conn)
		_ = conn.Close()
		mu.Lock()
		if diff := cmp.Diff(c.want, seen); diff != "" {
			t.Errorf("%s: the application was asked: %s\nanswers:\n%s", name, diff, answers)
		}
		mu.Unlock()
	}
}
