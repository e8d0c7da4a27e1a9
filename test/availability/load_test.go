package availability

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/test/process"
)

func TestMain(m *testing.M) { process.Main(m) }

// settings are those of replicas: one address for the outside, one set of secrets.
const settings = `secrets:
  system: [zU3qPfW8rT5kLx2vNb7mYc4dQe6tUi9o]
  cookie: [hG6jKs9pQw2eRt5yUi8oAz3xCv7bNm1l]
limits: {enabled: false}
hashing: {memory: 8192, time: 1}
serve: {public: {base_url: "http://gatehouse.test/"}, stop_delay: 2s}
`

// balancer sends requests to replicas in turn. As a Kubernetes Service it leaves out those that are not ready, and a connection
// that is refused is one to the next replica: nothing was sent yet. Each request has a connection of its own. So what is lost was
// with a replica when it died: on a connection that is kept, a request may still be sent to one that is dead already, and nobody
// may send a POST twice that was sent once.
type balancer struct {
	t       *testing.T
	client  *http.Client
	turn    atomic.Int64
	stop    context.CancelFunc
	running sync.WaitGroup

	mu       sync.Mutex
	replicas []*process.Server
	ready    map[*process.Server]bool
}

// balance looks at the replicas every 100 ms until the test is over.
func balance(t *testing.T, replicas ...*process.Server) *balancer {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	b := &balancer{
		t: t, stop: stop, ready: map[*process.Server]bool{},
		client: &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}},
	}
	for _, r := range replicas {
		b.add(r)
	}
	b.running.Go(func() {
		for ctx.Err() == nil {
			b.look()
			time.Sleep(100 * time.Millisecond)
		}
	})
	t.Cleanup(func() { stop(); b.running.Wait() })
	return b
}

func (b *balancer) add(r *process.Server) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.replicas, b.ready[r] = append(b.replicas, r), true
}

func (b *balancer) look() {
	b.mu.Lock()
	all := slices.Clone(b.replicas)
	b.mu.Unlock()
	for _, r := range all {
		code, _ := r.Try(r.Public + "/health/ready")
		b.mu.Lock()
		b.ready[r] = code == http.StatusOK
		b.mu.Unlock()
	}
}

// next is a replica that is ready, or any where none is: then the answer says so.
func (b *balancer) next(not *process.Server) *process.Server {
	b.mu.Lock()
	defer b.mu.Unlock()
	var ready []*process.Server
	for _, r := range b.replicas {
		if b.ready[r] && r != not {
			ready = append(ready, r)
		}
	}
	if len(ready) == 0 {
		ready = b.replicas
	}
	return ready[int(b.turn.Add(1))%len(ready)]
}

// answer is what came of a request. One without a status was in flight when its replica went away.
type answer struct {
	status     int
	retryAfter string
	body       []byte
	err        error
}

func (a answer) text(name string) string {
	var got map[string]any
	_ = json.Unmarshal(a.body, &got)
	text, _ := got[name].(string)
	return text
}

// request is sent to the public listener, or to the admin listener where the path says so.
type request struct {
	method, path string
	form         url.Values
	json         string
	session      string
}

// send sends a request to one of the replicas.
func (b *balancer) send(r request) answer {
	var tried *process.Server
	for range 20 {
		at := b.next(tried)
		got := b.sendTo(at, r)
		if op, ok := errors.AsType[*net.OpError](got.err); !ok || op.Op != "dial" {
			return got
		}
		b.mu.Lock()
		b.ready[at], tried = false, at
		b.mu.Unlock()
	}
	return answer{err: errors.New("no replica takes connections")}
}

func (b *balancer) sendTo(at *process.Server, r request) answer {
	base, kind, body := at.Public, "application/json", []byte(r.json)
	if strings.HasPrefix(r.path, "/admin/") {
		base = at.Admin
	}
	if r.form != nil {
		kind, body = "application/x-www-form-urlencoded", []byte(r.form.Encode())
	}
	req, err := http.NewRequestWithContext(b.t.Context(), r.method, base+r.path, bytes.NewReader(body))
	if err != nil {
		return answer{err: err}
	}
	req.Header.Set("Content-Type", kind)
	if r.session != "" {
		req.Header.Set("X-Session-Token", r.session)
	}
	resp, err := b.client.Do(req)
	if err != nil {
		return answer{err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return answer{status: resp.StatusCode, retryAfter: resp.Header.Get("Retry-After"), body: text, err: err}
}

// must sends what has to work.
func (b *balancer) must(r request, want int) answer {
	b.t.Helper()
	got := b.send(r)
	if got.err != nil || got.status != want {
		b.t.Fatalf("%s %s: %d %s %v", r.method, r.path, got.status, got.body, got.err)
	}
	return got
}

// load is people who sign in and applications that get and show tokens, all the time.
type load struct {
	*balancer
	secret  string
	workers sync.WaitGroup
	ended   chan struct{}

	mu       sync.Mutex
	counts   map[string]int
	tokens   []string // acknowledged
	sessions []string
	busySpan time.Duration // from the first answer that told to come again to the last
	busyFrom time.Time
	slowest  time.Duration
	lost     []time.Time // when requests began that got no answer
}

const atOnce = 6

// load makes the application and the person, and begins.
func (b *balancer) load() *load {
	b.t.Helper()
	l := &load{balancer: b, counts: map[string]int{}, ended: make(chan struct{})}
	l.secret = b.must(request{method: http.MethodPost, path: "/admin/clients", json: `{"client_id":"app","grant_types":["client_credentials"],
		"token_endpoint_auth_method":"client_secret_post"}`}, http.StatusCreated).text("client_secret")
	b.must(request{method: http.MethodPost, path: "/admin/identities", json: `{"schema_id":"default","traits":{"email":"known@example.com"},
		"credentials":{"password":{"config":{"password":"correct horse battery staple 7"}}}}`}, http.StatusCreated)
	l.begin()
	return l
}

// again begins a load with the application and the person of another, which has ended.
func (b *balancer) again(of *load) *load {
	l := &load{balancer: b, counts: map[string]int{}, ended: make(chan struct{}), secret: of.secret}
	l.begin()
	return l
}

func (l *load) begin() {
	for i := range atOnce {
		l.workers.Go(func() {
			for {
				select {
				case <-l.ended:
					return
				case <-l.t.Context().Done():
					return
				default:
				}
				if i%2 == 0 {
					l.token()
				} else {
					l.login()
				}
			}
		})
	}
}

// once does each of it once.
func (l *load) once() {
	l.token()
	l.login()
}

// token gets a token and has it shown.
func (l *load) token() {
	got, ok := l.ask("token", request{method: http.MethodPost, path: "/oauth2/token",
		form: url.Values{"grant_type": {"client_credentials"}, "client_id": {"app"}, "client_secret": {l.secret}}})
	if !ok {
		return
	}
	token := got.text("access_token")
	l.acknowledge(&l.tokens, token)
	if got, ok := l.ask("introspection", request{method: http.MethodPost, path: "/admin/oauth2/introspect", form: url.Values{"token": {token}}}); ok {
		if !bytes.Contains(got.body, []byte(`"active":true`)) {
			l.t.Errorf("a token that was just issued: %s", got.body)
		}
	}
}

// login signs the person in and asks who that is.
func (l *load) login() {
	flow, ok := l.ask("login", request{method: http.MethodGet, path: "/self-service/login/api"})
	if !ok {
		return
	}
	got, ok := l.ask("login", request{method: http.MethodPost, path: "/self-service/login?flow=" + flow.text("id"),
		json: `{"method":"password","identifier":"known@example.com","password":"correct horse battery staple 7"}`})
	if !ok {
		return
	}
	session := got.text("session_token")
	l.acknowledge(&l.sessions, session)
	l.ask("whoami", request{method: http.MethodGet, path: "/sessions/whoami", session: session})
}

func (l *load) acknowledge(list *[]string, token string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	*list = append(*list, token)
}

// ask counts what comes of a request. There are three answers only: it is done, come again, or none because the replica died.
func (l *load) ask(kind string, r request) (answer, bool) {
	begun := time.Now()
	got := l.send(r)
	took := time.Since(begun)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.slowest = max(l.slowest, took)
	switch {
	case got.err != nil && l.t.Context().Err() != nil:
	case got.err != nil:
		l.counts["in flight"]++
		l.lost = append(l.lost, begun)
	case got.status == http.StatusOK:
		l.counts[kind]++
		l.counts["done"]++
		return got, true
	case got.status == http.StatusServiceUnavailable && got.retryAfter != "":
		l.counts["come again"]++
		if l.busyFrom.IsZero() {
			l.busyFrom = begun
		}
		l.busySpan = time.Since(l.busyFrom)
		time.Sleep(10 * time.Millisecond)
	default:
		l.t.Errorf("%s %s: %d %s", r.method, r.path, got.status, got.body)
	}
	return got, false
}

// lostSince counts requests that began at a time or later and got no answer.
func (l *load) lostSince(at time.Time) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, begun := range l.lost {
		if !begun.Before(at) {
			n++
		}
	}
	return n
}

func (l *load) count(kind string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counts[kind]
}

// more waits until n more requests of each kind are done.
func (l *load) more(n int) {
	l.t.Helper()
	kinds := []string{"token", "introspection", "login", "whoami"}
	before := map[string]int{}
	for _, kind := range kinds {
		before[kind] = l.count(kind)
	}
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if !slices.ContainsFunc(kinds, func(kind string) bool { return l.count(kind) < before[kind]+n }) {
			return
		}
		if time.Now().After(end) {
			l.t.Fatalf("not %d more of each kind: %v before, %v now", n, before, l.counts)
		}
	}
}

// stop ends the load and tells what came of it.
func (l *load) stop(what string) {
	l.t.Helper()
	close(l.ended)
	l.workers.Wait()
	l.t.Logf("%s: %d requests done (%d tokens, %d logins), %d told to come again within %s, %d in flight lost, the slowest answer took %s",
		what, l.counts["done"], len(l.tokens), len(l.sessions), l.counts["come again"], l.busySpan.Round(time.Millisecond), l.counts["in flight"],
		l.slowest.Round(time.Millisecond))
}

// kept looks whether what was acknowledged is good.
func (l *load) kept() {
	l.t.Helper()
	for _, token := range l.tokens {
		got := l.must(request{method: http.MethodPost, path: "/admin/oauth2/introspect", form: url.Values{"token": {token}}}, http.StatusOK)
		if !bytes.Contains(got.body, []byte(`"active":true`)) {
			l.t.Fatalf("one of %d acknowledged tokens is gone", len(l.tokens))
		}
	}
	for _, session := range l.sessions {
		l.must(request{method: http.MethodGet, path: "/sessions/whoami", session: session}, http.StatusOK)
	}
}

// replicas starts servers on a database, all with the same settings and more.
func replicas(t *testing.T, n int, dsn, more string) []*process.Server {
	t.Helper()
	all := make([]*process.Server, n)
	for i := range all {
		all[i] = process.Start(t, process.Options{DSN: dsn, Config: settings + more})
	}
	return all
}

// figure is the sum of a server's metrics whose lines have all the parts; 0 where there is none.
func figure(s *process.Server, parts ...string) float64 {
	_, metrics := s.Try(s.Admin + "/admin/metrics/prometheus")
	sum := 0.0
	for line := range strings.Lines(metrics) {
		if strings.HasPrefix(line, "#") || slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(line, part) }) {
			continue
		}
		fields := strings.Fields(line)
		if n, err := strconv.ParseFloat(fields[len(fields)-1], 64); err == nil {
			sum += n
		}
	}
	return sum
}
