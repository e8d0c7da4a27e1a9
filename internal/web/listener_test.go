package web

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/test/pki"
)

// authority signs certificates for a test.
type authority struct {
	*pki.Authority
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a, err := pki.New("test authority")
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.Certificate)
	return &authority{a, pool}
}

// issue returns a certificate and its key in PEM.
func (a *authority) issue(t *testing.T, serial int64) (cert, key []byte) {
	t.Helper()
	pair, err := a.Sign(&x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: fmt.Sprint("serial ", serial)}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return pair.Certificate, pair.Key
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// start serves the listener until the returned function is called, which gives Serve's own answer.
func start(t *testing.T, g Grace, listeners ...*Listener) (stop func() error) {
	t.Helper()
	for _, l := range listeners {
		if err := l.Open(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, g, listeners...) }()
	stop = sync.OnceValue(func() error { cancel(); return <-done })
	t.Cleanup(func() { _ = stop() })
	return stop
}

func client(t *testing.T, config *tls.Config) *http.Client {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: time.Minute}
}

func fetch(c *http.Client, url string) (*http.Response, string, error) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
	if err != nil {
		return nil, "", err
	}
	resp, err := c.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, string(body), err
}

func simple() *Mux {
	m := NewMux(OAuthErrors, Options{})
	m.Handle("GET /", text("hello"))
	return m
}

// Certificates are renewed while clients connect; none of them may notice, and new connections get the new one.
func TestCertificateRenewalUnderLoad(t *testing.T) {
	ca, dir := newAuthority(t), t.TempDir()
	certFile, keyFile := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	cert, key := ca.issue(t, 100)
	write(t, certFile, cert)
	write(t, keyFile, key)
	log := &testkit.Log{}
	l := &Listener{Name: "public", Handler: simple(), Log: log.Logger(), Reread: 5 * time.Millisecond, Config: Config{Address: "127.0.0.1:0", TLS: TLS{CertFile: certFile, KeyFile: keyFile}}}
	start(t, Grace{}, l)
	url := "https://" + l.Addr().String() + "/"

	var served, failed atomic.Int64
	var last atomic.Int64
	ctx, cancel := context.WithCancel(context.Background())
	var workers sync.WaitGroup
	for i := range 4 {
		workers.Go(func() {
			c := client(t, &tls.Config{RootCAs: ca.pool})
			for n := 0; ctx.Err() == nil; n++ {
				if i%2 == 0 || n%5 == 0 { // half of them shake hands each time
					c.CloseIdleConnections()
				}
				resp, _, err := fetch(c, url)
				if err != nil {
					failed.Add(1)
					t.Error(err)
					return
				}
				served.Add(1)
				last.Store(resp.TLS.PeerCertificates[0].SerialNumber.Int64())
			}
		})
	}
	serial := func() int64 {
		resp, _, err := fetch(client(t, &tls.Config{RootCAs: ca.pool}), url)
		if err != nil {
			t.Fatal(err)
		}
		return resp.TLS.PeerCertificates[0].SerialNumber.Int64()
	}
	refused := func(why string, change func()) {
		before := strings.Count(log.String(), why)
		change()
		testkit.Eventually(t, "files that cannot be used are seen", func() bool { return strings.Count(log.String(), why) > before })
	}
	for n := int64(101); n < 106; n++ {
		cert, key = ca.issue(t, n)
		// Written one after the other: for a while they do not fit together.
		refused("private key does not match", func() { write(t, certFile, cert) })
		if got := serial(); got != n-1 {
			t.Errorf("with half a renewal %d is shown, want %d", got, n-1)
		}
		write(t, keyFile, key)
		testkit.Eventually(t, "new certificate", func() bool { return serial() == n })
	}
	refused("failed to find any PEM data", func() { write(t, certFile, []byte("garbage")) })
	refused("no such file", func() {
		if err := os.Remove(keyFile); err != nil {
			t.Fatal(err)
		}
	})
	if got := serial(); got != 105 {
		t.Errorf("with broken files %d is shown", got)
	}
	testkit.Eventually(t, "load", func() bool { return served.Load() >= 20 || failed.Load() > 0 })
	cancel()
	workers.Wait()
	if failed.Load() > 0 {
		t.Errorf("%d served, %d failed", served.Load(), failed.Load())
	}
}

// Kubernetes replaces a directory behind a symbolic link.
func TestCertificateRenewalByLink(t *testing.T) {
	ca, dir := newAuthority(t), t.TempDir()
	for i, name := range []string{"a", "b"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		cert, key := ca.issue(t, int64(200+i))
		write(t, filepath.Join(dir, name, "tls.crt"), cert)
		write(t, filepath.Join(dir, name, "tls.key"), key)
	}
	link := filepath.Join(dir, "data")
	if err := os.Symlink("a", link); err != nil {
		t.Fatal(err)
	}
	c, err := openCertificates(TLS{CertFile: filepath.Join(link, "tls.crt"), KeyFile: filepath.Join(link, "tls.key")}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if changed, err := c.load(); changed || err != nil {
		t.Errorf("nothing changed: %v %v", changed, err)
	}
	if err := os.Symlink("b", link+".new"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(link+".new", link); err != nil {
		t.Fatal(err)
	}
	if changed, err := c.load(); !changed || err != nil || c.current.Load().Certificates[0].Leaf.SerialNumber.Int64() != 201 {
		t.Errorf("%v %v", changed, err)
	}
}

func TestClientCertificates(t *testing.T) {
	ca, stranger, dir := newAuthority(t), newAuthority(t), t.TempDir()
	cert, key := ca.issue(t, 1)
	files := TLS{CertFile: filepath.Join(dir, "c"), KeyFile: filepath.Join(dir, "k"), ClientCAFile: filepath.Join(dir, "ca")}
	write(t, files.CertFile, cert)
	write(t, files.KeyFile, key)
	write(t, files.ClientCAFile, ca.PEM())
	m := NewMux(OAuthErrors, Options{})
	m.Handle("GET /", func(w http.ResponseWriter, r *http.Request) error {
		state, ok := ClientCertificate(r)
		if !ok {
			return text("nobody")(w, r)
		}
		return text(state.PeerCertificates[0].Subject.CommonName)(w, r)
	})
	l := &Listener{Name: "admin", Handler: m, Config: Config{Address: "127.0.0.1:0", TLS: files}}
	start(t, Grace{}, l)
	url := "https://" + l.Addr().String() + "/"
	pair := func(a *authority) []tls.Certificate {
		cert, key := a.issue(t, 7)
		p, err := tls.X509KeyPair(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		return []tls.Certificate{p}
	}
	if resp, body, err := fetch(client(t, &tls.Config{RootCAs: ca.pool}), url); err != nil || body != "nobody" || resp.ProtoMajor != 2 {
		t.Errorf("without: %v %q", err, body)
	}
	if _, body, err := fetch(client(t, &tls.Config{RootCAs: ca.pool, Certificates: pair(ca)}), url); err != nil || body != "serial 7" {
		t.Errorf("with: %v %q", err, body)
	}
	forced := pair(stranger)[0] // sent although the server did not ask for its authority
	if _, body, err := fetch(client(t, &tls.Config{RootCAs: ca.pool, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &forced, nil }}), url); err == nil {
		t.Errorf("a stranger's: %q", body)
	}
	if _, _, err := fetch(client(t, &tls.Config{RootCAs: ca.pool, MaxVersion: tls.VersionTLS11}), url); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "x"), []byte("x"))
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	ca := newAuthority(t)
	cert, key := ca.issue(t, 1)
	write(t, filepath.Join(dir, "c"), cert)
	write(t, filepath.Join(dir, "k"), key)
	for name, c := range map[string]Config{
		"missing":   {Address: "127.0.0.1:0", TLS: TLS{CertFile: filepath.Join(dir, "none"), KeyFile: filepath.Join(dir, "none")}},
		"garbage":   {Address: "127.0.0.1:0", TLS: TLS{CertFile: filepath.Join(dir, "x"), KeyFile: filepath.Join(dir, "x")}},
		"client CA": {Address: "127.0.0.1:0", TLS: TLS{CertFile: filepath.Join(dir, "c"), KeyFile: filepath.Join(dir, "k"), ClientCAFile: filepath.Join(dir, "x")}},
		"taken":     {Address: taken.Addr().String()},
	} {
		first := &Listener{Name: "first", Handler: simple(), Config: Config{Address: "127.0.0.1:0"}}
		err := Serve(context.Background(), Grace{}, first, &Listener{Name: "second", Handler: simple(), Config: c})
		if err == nil || !strings.HasPrefix(err.Error(), "second listener: ") {
			t.Errorf("%s: %v", name, err)
		}
		if err := first.socket.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: the first listener was left open", name)
		}
	}
	if err := (&Listener{}).Close(); err != nil {
		t.Error(err)
	}
}

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	dead, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	dead.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := dead.Close(); err != nil { // as after kill -9
		t.Fatal(err)
	}
	l := &Listener{Name: "admin", Handler: simple(), Config: Config{Address: "unix:" + path}}
	start(t, Grace{}, l)
	c := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}}
	defer c.CloseIdleConnections()
	if _, body, err := fetch(c, "http://socket/"); err != nil || body != "hello" {
		t.Errorf("%v %q", err, body)
	}
	second := &Listener{Name: "second", Handler: simple(), Config: Config{Address: "unix:" + path}}
	if err := second.Open(context.Background()); err == nil {
		t.Error("a living server's socket was taken")
	}
}

// Readiness turns 503 first, new requests are still served for a while, what is in flight is finished.
func TestGracefulStop(t *testing.T) {
	for delay := 2 * time.Second; !gracefulStop(t, delay); delay *= 4 { // a machine that is busy may need longer for the questions
		if delay > time.Minute {
			t.Fatalf("%s are too short for three questions", delay)
		}
	}
}

// gracefulStop gives false where the delay was over before everything was asked.
func gracefulStop(t *testing.T, delay time.Duration) (asked bool) {
	t.Helper()
	health := &Health{}
	entered, release := make(chan struct{}), make(chan struct{})
	m := simple()
	health.Mount(m)
	m.Handle("GET /slow", func(w http.ResponseWriter, r *http.Request) error {
		close(entered)
		<-release
		if err := r.Context().Err(); err != nil {
			return err
		}
		return text("finished")(w, r)
	})
	l := &Listener{Name: "public", Handler: m, Config: Config{Address: "127.0.0.1:0"}}
	stop := start(t, Grace{Health: health, Delay: delay, Limit: 2*delay + time.Minute}, l)
	url := "http://" + l.Addr().String()
	c := client(t, nil)
	if resp, _, err := fetch(c, url+"/health/ready"); err != nil || resp.StatusCode != 200 || resp.Close {
		t.Fatalf("%v %v", resp, err)
	}
	slow := make(chan string, 1)
	go func() {
		_, body, err := fetch(client(t, nil), url+"/slow")
		slow <- fmt.Sprint(body, err)
	}()
	<-entered
	stopped := make(chan error, 1)
	began := time.Now()
	go func() { stopped <- stop() }()
	over := func() bool { return time.Since(began) >= delay }
	ready := 0
	testkit.Eventually(t, "not ready", func() bool {
		resp, body, err := fetch(c, url+"/health/ready")
		if err == nil {
			ready = resp.StatusCode
		}
		return over() || err == nil && resp.StatusCode == 503 && body == `{"errors":{"server":"stopping"}}`+"\n"
	})
	resp, body, err := fetch(c, url+"/")
	alive, _, aliveErr := fetch(c, url+"/health/alive")
	if over() {
		close(release)
		_, _ = <-slow, <-stopped
		return false
	}
	if ready != 503 {
		t.Errorf("ready during the delay: %d", ready)
	}
	if err != nil || body != "hello" || !resp.Close {
		t.Errorf("during the delay: %v %q, connection kept: %v", err, body, resp != nil && !resp.Close)
	}
	if aliveErr != nil || alive.StatusCode != 200 {
		t.Errorf("alive during the delay: %v", aliveErr)
	}
	testkit.Eventually(t, "refused", func() bool {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
	select {
	case err := <-stopped:
		t.Fatalf("stopped with a request in flight: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(release)
	if got := <-slow; got != "finished<nil>" {
		t.Error(got)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	return true
}

// Clients that keep their connections busy lose nothing when the server stops.
func TestStopUnderLoadLosesNothing(t *testing.T) {
	l := &Listener{Name: "public", Handler: simple(), Config: Config{Address: "127.0.0.1:0"}}
	stop := start(t, Grace{Delay: 1500 * time.Millisecond}, l)
	url := "http://" + l.Addr().String() + "/"
	var workers sync.WaitGroup
	var served atomic.Int64
	for range 8 {
		workers.Go(func() {
			c := client(t, nil)
			for {
				_, body, err := fetch(c, url)
				if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
					return // never accepted, by the kernel or by us
				}
				if err != nil || body != "hello" {
					t.Errorf("lost: %v %q", err, body)
					return
				}
				served.Add(1)
			}
		})
	}
	testkit.Eventually(t, "load", func() bool { return served.Load() > 200 })
	if err := stop(); err != nil {
		t.Error(err)
	}
	workers.Wait()
}

func TestStopCutsWhatDoesNotEnd(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	m := NewMux(OAuthErrors, Options{})
	m.Handle("GET /", func(http.ResponseWriter, *http.Request) error { close(entered); <-release; return nil })
	l := &Listener{Name: "public", Handler: m, Config: Config{Address: "127.0.0.1:0"}}
	stop := start(t, Grace{Limit: 200 * time.Millisecond}, l)
	defer close(release)
	go func() { _, _, _ = fetch(client(t, nil), "http://"+l.Addr().String()+"/") }()
	<-entered
	if err := stop(); err == nil || !strings.Contains(err.Error(), "unfinished") {
		t.Errorf("%v", err)
	}
}

func TestABrokenListenerStopsTheOthers(t *testing.T) {
	a := &Listener{Name: "public", Handler: simple(), Config: Config{Address: "127.0.0.1:0"}}
	b := &Listener{Name: "admin", Handler: simple(), Config: Config{Address: "127.0.0.1:0"}}
	for _, l := range []*Listener{a, b} {
		if err := l.Open(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	_ = b.socket.Close()
	if err := Serve(context.Background(), Grace{Delay: time.Hour}, a, b); err == nil || !strings.Contains(err.Error(), "admin listener: ") {
		t.Errorf("%v", err)
	}
}

// A client that sends its header drop by drop is let go.
func TestSlowHeaders(t *testing.T) {
	l := &Listener{Name: "public", Handler: simple(), Config: Config{Address: "127.0.0.1:0", Timeouts: Timeouts{ReadHeader: 100 * time.Millisecond, Read: 200 * time.Millisecond}}}
	start(t, Grace{}, l)
	for name, request := range map[string]string{
		"header": "GET / HTTP/1.1\r\nHost: a\r\nX",
		"huge":   "GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 200<<10),
	} {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		_, _ = io.WriteString(conn, request)
		if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(conn)
		var late net.Error
		if errors.As(err, &late) && late.Timeout() || strings.Contains(string(answer), "200 OK") {
			t.Errorf("%s: the connection is still open: %q %v", name, answer, err)
		}
	}
	// A body that does not come ends the request, not the server.
	m := NewMux(OAuthErrors, Options{})
	m.Handle("POST /", func(_ http.ResponseWriter, r *http.Request) error {
		_, err := io.ReadAll(r.Body)
		return bodyError(err)
	})
	// The header has its own time, or a busy machine that is late for it would give no answer.
	limits := Timeouts{ReadHeader: time.Minute, Read: 3 * time.Second}
	slow := &Listener{Name: "public", Handler: m, Config: Config{Address: "127.0.0.1:0", Timeouts: limits}}
	start(t, Grace{}, slow)
	conn, err := net.Dial("tcp", slow.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc")
	answer, _ := io.ReadAll(conn)
	if !strings.HasPrefix(string(answer), "HTTP/1.1 400 ") {
		t.Errorf("%q", answer)
	}
}

// Warnings keep no probe away, and only the admin listener tells them.
func TestHealthWarns(t *testing.T) {
	warnings := map[string][]string{}
	checks := map[string]error{}
	h := &Health{Checks: func(context.Context) map[string]error { return checks }, Warnings: func() map[string][]string { return warnings }}
	public, admin := NewMux(OAuthErrors, Options{}), NewMux(HydraErrors, Options{})
	h.Mount(public)
	h.MountAdmin(admin)
	says := func(m *Mux, code int, want string) {
		t.Helper()
		if rec := testkit.Ask(m, "GET", "/health/ready", ""); rec.Code != code || strings.TrimSpace(rec.Body.String()) != want {
			t.Errorf("%d %s", rec.Code, rec.Body)
		}
	}
	says(admin, 200, `{"status":"ok"}`)
	warnings["access rules"] = []string{"file:///a: refused"}
	says(public, 200, `{"status":"ok"}`)
	says(admin, 200, `{"status":"ok","warnings":{"access rules":["file:///a: refused"]}}`)
	checks["database"] = errors.New("gone")
	says(public, 503, `{"errors":{"database":"not available"}}`)
	says(admin, 503, `{"errors":{"database":"not available"},"warnings":{"access rules":["file:///a: refused"]}}`)
	if rec := testkit.Ask(admin, "GET", "/health/alive", ""); rec.Code != 200 {
		t.Errorf("%d", rec.Code)
	}
}

func TestHealth(t *testing.T) {
	var log strings.Builder
	checks := map[string]error{"database": nil}
	h := &Health{Version: "1.2.3", Checks: func(context.Context) map[string]error { return checks }, Log: slog.New(slog.NewTextHandler(&log, nil))}
	m := NewMux(OAuthErrors, Options{})
	h.Mount(m)
	h.MountVersion(m)
	if rec := testkit.Ask(m, "GET", "/health/ready", ""); rec.Code != 200 || rec.Body.String() != `{"status":"ok"}` {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	checks["database"] = errors.New("dial tcp db.internal:5432: password for gate")
	checks["migrations"] = fmt.Errorf("oauth: %w", fault.New(fault.Unavailable, "behind", "Run gatehouse migrate up."))
	rec := testkit.Ask(m, "GET", "/health/ready", "")
	if rec.Code != 503 || strings.TrimSpace(rec.Body.String()) != `{"errors":{"database":"not available","migrations":"Run gatehouse migrate up."}}` {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	if !strings.Contains(log.String(), "db.internal") {
		t.Errorf("the operator does not learn the cause: %s", log.String())
	}
	if rec := testkit.Ask(m, "GET", "/health/alive", ""); rec.Code != 200 || rec.Body.String() != `{"status":"ok"}` {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	if rec := testkit.Ask(m, "GET", "/version", ""); strings.TrimSpace(rec.Body.String()) != `{"version":"1.2.3"}` {
		t.Errorf("%s", rec.Body)
	}
}
