package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

func text(s string) HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

func where(w http.ResponseWriter, r *http.Request) error {
	_, err := io.WriteString(w, r.Pattern+"|"+r.URL.Path+"|"+r.PathValue("id"))
	return err
}

func TestMissesAreAnsweredInTheListenersShape(t *testing.T) {
	for name, c := range map[string]struct {
		errors             ErrorWriter
		notFound, mayNotBe string
	}{
		"oauth":  {OAuthErrors, `{"error":"not_found","error_description":"Unable to locate the requested resource"}`, `{"error":"invalid_request","error_description":"This resource`},
		"hydra":  {HydraErrors, `{"error":"Not Found","error_description":"Unable to locate the requested resource","request_id":"request-1"}`, `{"error":"method_not_allowed","error_description":"This resource`},
		"kratos": {KratosErrors, `{"error":{"code":404,"status":"Not Found","request":"request-1","id":"not_found","reason":"Unable to locate the requested resource","message":"The requested resource could not be found"}}`, `{"error":{"code":405,"status":"Method Not Allowed"`},
	} {
		t.Run(name, func(t *testing.T) {
			m := NewMux(c.errors, Options{})
			m.Handle("GET /a", text("a"))
			m.Handle("PUT /a", text("a"))
			rec := testkit.Ask(m, "GET", "/b", "", "X-Request-Id", "request-1")
			if rec.Code != 404 || strings.TrimSpace(rec.Body.String()) != c.notFound || rec.Header().Get("Content-Type") != JSON {
				t.Errorf("404: %d %v %s", rec.Code, rec.Header(), rec.Body)
			}
			rec = testkit.Ask(m, "DELETE", "/a", "")
			if rec.Code != 405 || rec.Header().Get("Allow") != "GET, HEAD, PUT" || !strings.HasPrefix(rec.Body.String(), c.mayNotBe) {
				t.Errorf("405: %d %v %s", rec.Code, rec.Header(), rec.Body)
			}
			if rec = testkit.Ask(m, "HEAD", "/a", ""); rec.Code != 200 {
				t.Errorf("HEAD of a GET route: %d", rec.Code)
			}
		})
	}
}

func TestViewsWriteErrorsTheirOwnWay(t *testing.T) {
	no := fault.New(fault.Conflict, "taken", "It is taken.")
	m := NewMux(OAuthErrors, Options{})
	fail := func(http.ResponseWriter, *http.Request) error { return no }
	m.Handle("GET /oauth", fail)
	m.With(KratosErrors).Handle("GET /kratos", fail)
	if got := testkit.Ask(m, "GET", "/oauth", "").Body.String(); !strings.HasPrefix(got, `{"error":"taken"`) {
		t.Error(got)
	}
	if got := testkit.Ask(m, "GET", "/kratos", "").Body.String(); !strings.HasPrefix(got, `{"error":{"code":409`) {
		t.Error(got)
	}
}

func TestHeadersOfEachAnswer(t *testing.T) {
	m := NewMux(OAuthErrors, Options{BaseURL: mustBase("https://a.test/")})
	m.Handle("GET /", text("x"))
	for _, target := range []string{"/", "/nothing/../x", "/missing"} {
		h := testkit.Ask(m, "GET", target, "").Header()
		for k, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "Strict-Transport-Security": "max-age=31536000",
		} {
			if h.Get(k) != want {
				t.Errorf("%s: %s is %q", target, k, h.Get(k))
			}
		}
		if !wellFormedID(h.Get("X-Request-Id")) {
			t.Errorf("%s: request id %q", target, h.Get("X-Request-Id"))
		}
	}
	if h := testkit.Ask(NewMux(OAuthErrors, Options{BaseURL: mustBase("http://a.test/")}), "GET", "/", "").Header(); h.Get("Strict-Transport-Security") != "" {
		t.Error("HSTS over plain HTTP")
	}
}

func TestRequestID(t *testing.T) {
	var seen string
	m := NewMux(OAuthErrors, Options{})
	m.Handle("GET /", func(_ http.ResponseWriter, r *http.Request) error { seen = RequestID(r.Context()); return nil })
	for given, kept := range map[string]bool{
		"0196b3a8-7c1e-7d3a-9c1b-2f5e8d7a6b5c": true, "trace:1.2_3-4": true, "short": false, "has space in it": false,
		"new\r\nline-line": false, "<script>alert(1)": false, strings.Repeat("a", 128): true, strings.Repeat("a", 129): false, "ünïcödé-id": false,
	} {
		rec := testkit.Ask(m, "GET", "/", "", "X-Request-Id", given)
		if got := rec.Header().Get("X-Request-Id"); (got == given) != kept || got != seen || !wellFormedID(got) {
			t.Errorf("%q: answered %q, handler saw %q", given, got, seen)
		}
	}
	if rec := testkit.Ask(m, "GET", "/", "", "X-Request-Id", "first-id-1", "X-Request-Id", "second-id-2"); strings.HasSuffix(rec.Header().Get("X-Request-Id"), "-id-1") {
		t.Error("of two ids one was taken")
	}
	ids := map[string]bool{}
	for range 1000 {
		ids[requestID(nil)] = true
	}
	if len(ids) != 1000 {
		t.Errorf("%d different ids of 1000", len(ids))
	}
	if RequestID(context.Background()) != "" || ClientIP(context.Background()).IsValid() || IsHTTPS(context.Background()) || !Base(context.Background()).IsZero() {
		t.Error("something is known outside of a request")
	}
	Record(context.Background(), io.EOF) // must not panic
}

func TestContextCarriesValuesAndCancellation(t *testing.T) {
	type key struct{}
	m := NewMux(OAuthErrors, Options{})
	m.Handle("GET /", func(_ http.ResponseWriter, r *http.Request) error {
		if r.Context().Value(key{}) != "v" {
			t.Error("a value of the parent is lost")
		}
		if id, ok := tenant.From(r.Context()); !ok || id != tenant.Default {
			t.Errorf("tenant %q", id)
		}
		if id, _ := tenant.From(tenant.With(r.Context(), "inner")); id != "inner" {
			t.Errorf("inner tenant %q", id)
		}
		child, cancel := context.WithCancel(r.Context())
		defer cancel()
		if RequestID(child) == "" {
			t.Error("a child does not know the request")
		}
		<-child.Done()
		return nil
	})
	ctx, cancel := context.WithCancel(context.WithValue(context.Background(), key{}, "v"))
	time.AfterFunc(10*time.Millisecond, cancel)
	m.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", "/", nil))
}

func TestTenantByHost(t *testing.T) {
	directory := tenant.NewDirectory(tenant.Config{{ID: "acme", Hosts: []string{"acme.test"}}}, "")
	directory.Set([]tenant.Tenant{{ID: "asleep", State: tenant.Suspended, Hosts: []string{"asleep.test"}}})
	find := func(host, path string) tenant.Found { return directory.List().Find(host, path) }
	m := NewMux(OAuthErrors, Options{Tenant: find})
	answer := func(w http.ResponseWriter, r *http.Request) error {
		id, _ := tenant.From(r.Context())
		return text(string(id))(w, r)
	}
	m.Handle("GET /", answer)
	m.Everywhere().Handle("GET /all", answer)
	(&Health{}).Mount(m)
	if rec := testkit.Ask(m, "GET", "/", "", "Host", "acme.test:444"); rec.Body.String() != "acme" {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	for _, host := range []string{"acme.test", "other.test", "asleep.test"} {
		if rec := testkit.Ask(m, "GET", "/all", "", "Host", host); rec.Body.String() != "default" {
			t.Errorf("what is the installation's at %s: %d %s", host, rec.Code, rec.Body)
		}
	}
	if rec := testkit.Ask(m, "GET", "/", "", "Host", "other.test"); rec.Code != 404 || !strings.Contains(rec.Body.String(), "unknown_host") {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	if rec := testkit.Ask(m, "GET", "/", "", "Host", "asleep.test"); rec.Code != 503 || rec.Header().Get("Retry-After") == "" || !strings.Contains(rec.Body.String(), "temporarily_unavailable") {
		t.Errorf("a suspended tenant: %d %v %s", rec.Code, rec.Header(), rec.Body)
	}
	all := NewMux(OAuthErrors, Options{Tenant: find, ServeSuspended: true})
	all.Handle("GET /", answer)
	if rec := testkit.Ask(all, "GET", "/", "", "Host", "asleep.test"); rec.Body.String() != "asleep" {
		t.Errorf("a listener that serves them: %d %s", rec.Code, rec.Body)
	}
	if rec := testkit.Ask(m, "GET", "/health/alive", "", "Host", "10.1.2.3"); rec.Code != 200 {
		t.Errorf("a probe by address: %d", rec.Code)
	}
}

// TestTenantByPrefix: the prefix is taken off before routes are looked for, whether or not a proxy has taken off the listener's own,
// and stands in what leads back.
func TestTenantByPrefix(t *testing.T) {
	for base, own := range map[string]string{"https://id.test/": "", "https://id.test/auth/": "/auth"} {
		directory := tenant.NewDirectory(tenant.Config{{ID: "main", Hosts: []string{"id.test"}}, {ID: "acme", PathPrefix: "/t/acme"}}, "id.test")
		m := NewMux(OAuthErrors, Options{
			BaseURL: mustBase(base), Bare: "/admin", Tenant: func(host, path string) tenant.Found { return directory.List().Find(host, path) },
		})
		seen := func(w http.ResponseWriter, r *http.Request) error {
			id, _ := tenant.From(r.Context())
			return text(string(id)+" "+Base(r.Context()).Path(r.URL.EscapedPath()))(w, r)
		}
		m.Handle("GET /x", seen)
		m.Handle("GET /admin/clients/{id}", seen)
		m.Handle("GET /{$}", seen)
		for path, want := range map[string]string{
			"/x": "main " + own + "/x", "/t/acme/x": "acme " + own + "/t/acme/x", "/t/acme": "acme " + own + "/t/acme/", "/t/acme/": "acme " + own + "/t/acme/",
			"/t/acme/x/": "acme " + own + "/t/acme/x", "/t/acme/clients/a%2Fb": "acme " + own + "/t/acme/admin/clients/a%2Fb", "/t/acme/t/acme/x": "404", "/t/acme/y": "404",
			"/t/%61cme/x": "404", "/t/acme/../x": "307 " + own + "/t/acme/x", "/t/acme//x": "307 " + own + "/t/acme/x", "/t/other/x": "404",
		} {
			for _, prefix := range []string{"", own} {
				rec := testkit.Ask(m, "GET", prefix+path, "", "Host", "id.test")
				got := rec.Body.String()
				switch {
				case rec.Code >= 300 && rec.Code < 400:
					got = strconv.Itoa(rec.Code) + " " + rec.Header().Get("Location")
				case rec.Code != 200:
					got = strconv.Itoa(rec.Code)
				}
				if got != want {
					t.Errorf("%s %s: %q, want %q", base, prefix+path, got, want)
				}
			}
		}
	}
}

func TestRequireHTTPS(t *testing.T) {
	m := NewMux(OAuthErrors, Options{RequireHTTPS: true, TrustedProxies: Networks{"10.0.0.0/8"}, TerminatedBy: Networks{"10.9.0.0/16"}})
	m.Handle("GET /", text("x"))
	(&Health{}).Mount(m)
	for _, c := range []struct {
		peer, proto string
		want        int
	}{
		{"10.9.1.1:1", "https", 200}, {"10.9.1.1:1", "HTTPS", 200}, {"10.9.1.1:1", "http", 400}, {"10.9.1.1:1", "", 400},
		{"10.9.1.1:1", "http, https", 200}, {"10.9.1.1:1", "https, http", 400},
		{"10.8.1.1:1", "https", 400}, {"203.0.113.1:1", "https", 400}, {"garbage", "https", 400},
	} {
		if rec := testkit.Ask(m, "GET", "/", "", "peer", c.peer, "X-Forwarded-Proto", c.proto); rec.Code != c.want {
			t.Errorf("%s %q: %d %s", c.peer, c.proto, rec.Code, rec.Body)
		}
	}
	if rec := testkit.Ask(m, "GET", "/health/ready", ""); rec.Code != 200 {
		t.Errorf("a probe over plain HTTP: %d", rec.Code)
	}
}

// A page under evil.test, whose name was made to resolve to us, reaches us as its own origin.
func TestRefuseForeignHosts(t *testing.T) {
	m := NewMux(HydraErrors, Options{RefuseForeignHosts: true, BaseURL: mustBase("https://admin.test:8443/")})
	m.Handle("GET /", text("x"))
	(&Health{}).Mount(m)
	for host, want := range map[string]int{
		"127.0.0.1:4445": 200, "127.0.0.1": 200, "[::1]:4445": 200, "[::1]": 200, "localhost:4445": 200, "LOCALHOST": 200, "10.0.0.7:1": 200, "admin.test:8443": 200,
		"evil.test:4445": 404, "evil.test": 404, "localhost.evil.test": 404, "127.0.0.1.evil.test:4445": 404, "admin.test:1": 404, "": 404,
	} {
		if rec := testkit.Ask(m, "GET", "/", "", "Host", host); rec.Code != want {
			t.Errorf("%q: %d", host, rec.Code)
		}
	}
	if rec := testkit.Ask(m, "GET", "/health/alive", "", "Host", "gatehouse.svc"); rec.Code != 200 {
		t.Errorf("a probe: %d", rec.Code)
	}
}

func TestRefuseCrossOrigin(t *testing.T) {
	m := NewMux(HydraErrors, Options{RefuseCrossOrigin: true, BaseURL: mustBase("https://admin.test/")})
	m.Handle("POST /", text("x"))
	m.Handle("GET /", text("x"))
	for _, c := range []struct {
		method string
		header []string
		want   int
	}{
		{"POST", nil, 200}, // no browser
		{"POST", []string{"Sec-Fetch-Site", "same-origin"}, 200},
		{"POST", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"POST", []string{"Origin", "https://evil.test"}, 403},
		{"POST", []string{"Origin", "https://admin.test"}, 200},
		{"GET", []string{"Sec-Fetch-Site", "cross-site"}, 200},
	} {
		if rec := testkit.Ask(m, c.method, "/", "", c.header...); rec.Code != c.want {
			t.Errorf("%s %v: %d %s", c.method, c.header, rec.Code, rec.Body)
		}
	}
}

func TestBodyCap(t *testing.T) {
	m := NewMux(OAuthErrors, Options{MaxBody: 10})
	m.Handle("POST /form", func(w http.ResponseWriter, r *http.Request) error {
		if err := r.ParseForm(); err != nil {
			return fault.New(fault.Invalid, "invalid_request", "bad form").Because(err)
		}
		return text("ok")(w, r)
	})
	m.Handle("POST /all", func(w http.ResponseWriter, r *http.Request) error {
		if _, err := io.ReadAll(r.Body); err != nil {
			return fmt.Errorf("read: %w", err)
		}
		return text("ok")(w, r)
	})
	for _, target := range []string{"/form", "/all"} {
		for _, chunked := range []bool{false, true} {
			for size, want := range map[int]int{10: 200, 11: 413, 5000: 413} {
				r := httptest.NewRequest("POST", target, strings.NewReader(strings.Repeat("a", size)))
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				if chunked {
					r.ContentLength = -1
				}
				rec := httptest.NewRecorder()
				m.ServeHTTP(rec, r)
				if rec.Code != want {
					t.Errorf("%s, %d bytes, chunked %v: %d %s", target, size, chunked, rec.Code, rec.Body)
				}
				if want == 413 && !strings.Contains(rec.Body.String(), "10 bytes") {
					t.Errorf("the limit is not told: %s", rec.Body)
				}
			}
		}
	}
}

func TestPanic(t *testing.T) {
	var log bytes.Buffer
	m := NewMux(OAuthErrors, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	m.Handle("GET /before", func(http.ResponseWriter, *http.Request) error { panic("oh no") })
	m.With(HydraErrors).Handle("GET /after", func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(200)
		panic(errors.New("too late"))
	})
	m.Handle("GET /abort", func(http.ResponseWriter, *http.Request) error { panic(http.ErrAbortHandler) })
	rec := testkit.Ask(m, "GET", "/before", "", "X-Request-Id", "request-1")
	if rec.Code != 500 || !strings.Contains(rec.Body.String(), `"error":"server_error"`) || strings.Contains(rec.Body.String(), "oh no") {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	if !strings.Contains(log.String(), "oh no") || !strings.Contains(log.String(), "mux_test.go") || !strings.Contains(log.String(), "request-1") {
		t.Errorf("log: %s", &log)
	}
	for _, target := range []string{"/after", "/abort"} {
		func() {
			defer func() {
				if p := recover(); p != http.ErrAbortHandler {
					t.Errorf("%s: the connection is not cut: %v", target, p)
				}
			}()
			testkit.Ask(m, "GET", target, "")
		}()
	}
}

func TestErrorsAreLoggedOnceAndNeverSent(t *testing.T) {
	var log bytes.Buffer
	m := NewMux(OAuthErrors, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	m.Handle("GET /cause", func(http.ResponseWriter, *http.Request) error { return errors.New("dial db.internal") })
	m.Handle("GET /late", func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("ETag", "x")
		_, _ = io.WriteString(w, "half")
		return errors.New("broken pipe")
	})
	m.Handle("GET /headers", func(w http.ResponseWriter, _ *http.Request) error {
		h := w.Header()
		h.Set("ETag", "x")
		h.Set("Content-Type", "text/css")
		h.Set("Content-Length", "7")
		h.Set("Cache-Control", "public")
		return fault.New(fault.Limited, "slow_down", "Wait.").After(1500 * time.Millisecond)
	})
	m.Handle("GET /recorded", func(w http.ResponseWriter, r *http.Request) error {
		Record(r.Context(), errors.New("first"))
		Record(r.Context(), errors.New("second"))
		w.WriteHeader(400)
		return nil
	})
	rec := testkit.Ask(m, "GET", "/cause", "")
	if rec.Code != 500 || strings.Contains(rec.Body.String(), "db.internal") || strings.Count(log.String(), "db.internal") != 1 {
		t.Errorf("%d %s\n%s", rec.Code, rec.Body, &log)
	}
	if rec = testkit.Ask(m, "GET", "/late", ""); rec.Code != 200 || rec.Body.String() != "half" {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	rec = testkit.Ask(m, "GET", "/headers", "")
	if h := rec.Header(); rec.Code != 429 || h.Get("Retry-After") != "2" || h.Get("ETag") != "" || h.Get("Content-Type") != JSON || h.Get("Content-Length") != "" || h.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v", rec.Code, rec.Header())
	}
	testkit.Ask(m, "GET", "/recorded", "")
	if !strings.Contains(log.String(), "first") || strings.Contains(log.String(), "second") {
		t.Errorf("recorded: %s", &log)
	}
}

func TestClientThatDidNotWait(t *testing.T) {
	counted := 0
	m := NewMux(OAuthErrors, Options{Measure: func(string) Recorder { return func(status int, _ time.Duration) { counted = status } }})
	m.Handle("GET /", func(_ http.ResponseWriter, r *http.Request) error { return r.Context().Err() })
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	rec := httptest.NewRecorder()
	defer func() {
		// A client that has only ended its own side of the connection must not be told 200, which is what a handler says that is silent.
		if cut := recover(); cut != http.ErrAbortHandler || counted != 499 || rec.Body.Len() > 0 {
			t.Errorf("%v: counted as %d, sent %s", cut, counted, rec.Body)
		}
	}()
	m.ServeHTTP(rec, httptest.NewRequestWithContext(ctx, "GET", "/", nil))
}

// TestSuspendedTenantsAreNotLogged: whoever goes on asking for one fills no log, unless every request is to be in it.
func TestSuspendedTenantsAreNotLogged(t *testing.T) {
	directory := tenant.NewDirectory(nil, "")
	directory.Set([]tenant.Tenant{{ID: "asleep", State: tenant.Suspended, Hosts: []string{"asleep.test"}}})
	for access, want := range map[AccessLog]string{AccessErrors: "", AccessNone: "", AccessAll: "level=INFO"} {
		var log bytes.Buffer
		m := NewMux(OAuthErrors, Options{
			Access: access, Log: slog.New(slog.NewTextHandler(&log, nil)), Tenant: func(host, path string) tenant.Found { return directory.List().Find(host, path) },
		})
		m.Handle("GET /", text("hello"))
		m.Handle("GET /door", func(w http.ResponseWriter, r *http.Request) error { // answers for applications of a suspended tenant
			Record(r.Context(), fmt.Errorf("the rule: %w", errSuspended.With("It is suspended.")))
			w.WriteHeader(http.StatusServiceUnavailable)
			return nil
		})
		for host, path := range map[string]string{"asleep.test": "/", "awake.test": "/door"} {
			if rec := testkit.Ask(m, "GET", path, "", "Host", host); rec.Code != http.StatusServiceUnavailable {
				t.Errorf("answered %d", rec.Code)
			}
		}
		if log.Len() == 0 != (want == "") || !strings.Contains(log.String(), want) {
			t.Errorf("%q logs %q", access, &log)
		}
	}
}

func TestAccessLog(t *testing.T) {
	for access, want := range map[AccessLog]int{"": 2, AccessErrors: 2, AccessAll: 3, AccessNone: 1} {
		var log bytes.Buffer
		clock := time.Unix(0, 0)
		m := NewMux(OAuthErrors, Options{
			Access: access, Log: slog.New(slog.NewTextHandler(&log, nil)),
			Now: func() time.Time { clock = clock.Add(time.Second); return clock },
		})
		m.Handle("GET /users/{id}", text("hello"))
		m.Handle("GET /broken", func(http.ResponseWriter, *http.Request) error { return io.EOF })
		testkit.Ask(m, "GET", "/users/ann@example.com?token=t0ken", "")
		testkit.Ask(m, "GET", "/nobody/ann@example.com?token=t0ken", "")
		testkit.Ask(m, "GET", "/broken", "")
		if got := strings.Count(log.String(), "\n"); got != want {
			t.Errorf("%q: %d lines, want %d\n%s", access, got, want, &log)
		}
		if strings.Contains(log.String(), "ann@") || strings.Contains(log.String(), "t0ken") {
			t.Errorf("the log tells the path: %s", &log)
		}
		if access == AccessAll {
			for _, part := range []string{`route="GET /users/{id}"`, "status=200", "bytes=5", "duration=1s", "client_ip=192.0.2.1", "tenant=default", `route="GET (no route)"`} {
				if !strings.Contains(log.String(), part) {
					t.Errorf("no %s in\n%s", part, &log)
				}
			}
		}
	}
	if AccessLog("some").Validate() == nil || AccessAll.Validate() != nil {
		t.Error("Validate")
	}
}

func TestMetricsPerRoute(t *testing.T) {
	var counted []string
	m := NewMux(OAuthErrors, Options{Measure: func(pattern string) Recorder {
		return func(status int, _ time.Duration) { counted = append(counted, fmt.Sprint(pattern, " ", status)) }
	}})
	m.Handle("GET /a/{id}", text("x"))
	testkit.Ask(m, "GET", "/a/1", "")
	testkit.Ask(m, "GET", "/a/2", "")
	testkit.Ask(m, "POST", "/a/2", "")
	testkit.Ask(m, "GET", "/wp-login.php", "")
	if got := strings.Join(counted, ","); got != "GET /a/{id} 200,GET /a/{id} 200,unmatched 405,unmatched 404" {
		t.Error(got)
	}
}

func TestTrace(t *testing.T) {
	type key struct{}
	ended := ""
	m := NewMux(OAuthErrors, Options{Trace: func(ctx context.Context, _ *http.Request) (context.Context, func(string, int, error)) {
		return context.WithValue(ctx, key{}, "span"), func(route string, status int, err error) { ended = fmt.Sprint(route, status, err) }
	}})
	m.Handle("GET /a", func(_ http.ResponseWriter, r *http.Request) error {
		if r.Context().Value(key{}) != "span" || RequestID(r.Context()) == "" {
			t.Error("the handler does not see the span")
		}
		return fault.New(fault.Gone, "gone", "Gone.")
	})
	testkit.Ask(m, "GET", "/a", "")
	if ended != "GET /a410 gone: Gone." {
		t.Error(ended)
	}
}

func TestWriterPassesThrough(t *testing.T) {
	m := NewMux(OAuthErrors, Options{})
	m.Handle("GET /", Plain(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusTeapot)
		w.WriteHeader(http.StatusOK)
		_, _ = io.WriteString(w, "x")
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		w.(http.Flusher).Flush()
	})))
	s := httptest.NewServer(m)
	defer s.Close()
	resp, body, err := fetch(client(t, nil), s.URL)
	if err != nil || resp.StatusCode != http.StatusTeapot || body != "x" || len(resp.TransferEncoding) != 1 {
		t.Errorf("%v %v %q", err, resp, body)
	}
}

// A browser that comes as localhost to a server that calls itself 127.0.0.1 is sent there, before it gets a cookie.
func TestOneLoopbackName(t *testing.T) {
	for _, c := range []struct{ base, host, accept, method, want string }{
		{"http://127.0.0.1:4444/", "localhost:4444", "text/html,*/*", "GET", "http://127.0.0.1:4444/a?b=c"},
		{"http://127.0.0.1:4444/", "[::1]:4444", "text/html", "GET", "http://127.0.0.1:4444/a?b=c"},
		{"http://localhost:4444/", "127.0.0.1:4444", "text/html", "GET", "http://localhost:4444/a?b=c"},
		{"http://127.0.0.1:4444/", "127.0.0.1:4444", "text/html", "GET", ""},
		{"http://127.0.0.1:4444/", "localhost:3000", "text/html", "GET", ""}, // a proxy's
		{"http://127.0.0.1:4444/", "localhost:4444", "application/json", "GET", ""},
		{"http://127.0.0.1:4444/", "localhost:4444", "text/html", "POST", ""},
		{"https://login.example.com/", "localhost:4444", "text/html", "GET", ""},
		{"http://127.0.0.1:4444/", "login.example.com", "text/html", "GET", ""},
	} {
		m := NewMux(HydraErrors, Options{OneLoopbackName: true, BaseURL: mustBase(c.base)})
		m.Handle("/a", func(w http.ResponseWriter, _ *http.Request) error { return WriteJSON(w, http.StatusOK, "served") })
		r := httptest.NewRequest(c.method, "/a?b=c", nil)
		r.Host = c.host
		r.Header.Set("Accept", c.accept)
		w := httptest.NewRecorder()
		m.ServeHTTP(w, r)
		if got := w.Header().Get("Location"); got != c.want || c.want == "" && w.Code != http.StatusOK {
			t.Errorf("%s %s of %s (%s): %d to %q, want %q", c.method, c.host, c.base, c.accept, w.Code, got, c.want)
		}
	}
}
