package activity

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

func (f *fixture) exporter(t *testing.T, clock *testkit.Clock, exports ...ExportConfig) *Exporter {
	t.Helper()
	c := Config{Retention: 24 * time.Hour, Exports: exports}
	for _, err := range c.Validate() {
		t.Fatal(err)
	}
	e, err := NewExporter(ExporterOptions{Store: f.store, Config: c, Host: "host.example", Now: clock.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, x := range e.exports {
			x.to.close()
		}
	})
	return e
}

// once sends what there is.
func (e *Exporter) once(t *testing.T) {
	t.Helper()
	for _, x := range e.exports {
		if err := e.round(t.Context(), x); err != nil {
			t.Fatal(err)
		}
	}
}

func seqs(t *testing.T, lines string) []int64 {
	t.Helper()
	var all []int64
	for line := range strings.Lines(lines) {
		var l struct{ Seq int64 }
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			continue // a line that a full disk cut off
		}
		all = append(all, l.Seq)
	}
	return all
}

func TestExportToAFile(t *testing.T) {
	testkit.EachDB(t, "activity", func(t *testing.T, db *sqldb.DB) {
		f, name := newFixture(t, db), filepath.Join(t.TempDir(), "activity.jsonl")
		e := f.exporter(t, &testkit.Clock{}, ExportConfig{Name: "file", URL: "file://" + name, Batch: 2})
		f.fill(t, 5)
		e.once(t)
		e.once(t)
		file, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = file.WriteString(`{"seq":99`) // and here the disk was full
		_ = file.Close()
		f.fill(t, 1)
		e.once(t)
		content, err := os.ReadFile(name)
		if err != nil || fmt.Sprint(seqs(t, string(content))) != "[1 2 3 4 5 6]" {
			t.Errorf("%v in %s", err, content)
		}
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v %v", info.Mode(), err)
		}
		if err := os.Rename(name, name+".1"); err != nil {
			t.Fatal(err)
		}
		f.fill(t, 1)
		e.once(t)
		if content, err := os.ReadFile(name); err != nil || fmt.Sprint(seqs(t, string(content))) != "[7]" {
			t.Errorf("after rotation: %v in %s", err, content)
		}
	})
}

// collector is an HTTP receiver that fails as often as it is told to.
type collector struct {
	*httptest.Server

	mu     sync.Mutex
	fail   int
	lines  []int64
	keys   []string
	header http.Header
}

func newCollector(t *testing.T) *collector {
	c := &collector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.header = r.Header
		c.keys = append(c.keys, r.Header.Get("Idempotency-Key"))
		if c.fail > 0 {
			c.fail--
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		c.lines = append(c.lines, seqs(t, string(body))...)
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(c.Close)
	return c
}

func TestExportByHTTP(t *testing.T) {
	f, c := newFixture(t, testkit.SQLite(t, "activity")), newCollector(t)
	e := f.exporter(t, &testkit.Clock{}, ExportConfig{Name: "siem", URL: c.URL + "/in?key=hidden", Header: map[string]secret.String{"Authorization": "Bearer x"}, Batch: 3})
	f.fill(t, 7)
	c.fail = 2
	for range 2 {
		err := e.round(f.ctx, e.exports[0])
		e.tell(f.ctx, e.exports[0], err)
		if err == nil || strings.Contains(err.Error(), "hidden") {
			t.Errorf("a receiver that answers 503: %v", err)
		}
	}
	err := e.round(f.ctx, e.exports[0])
	e.tell(f.ctx, e.exports[0], err)
	if err != nil || fmt.Sprint(c.lines) != "[1 2 3 4 5 6 7]" || c.keys[0] != c.keys[2] || c.keys[0] != "default-1-3" || c.keys[3] != "default-4-6" {
		t.Errorf("%v %v %v", err, c.lines, c.keys)
	}
	if c.header.Get("Authorization") != "Bearer x" || c.header.Get("Content-Type") != "application/x-ndjson" {
		t.Errorf("%v", c.header)
	}
	e.Each(func(name string, sent, failures uint64, failing bool) {
		if name != "siem" || sent != 7 || failures != 2 || failing {
			t.Errorf("%s: %d sent, %d failures, %t", name, sent, failures, failing)
		}
	})
	c.Close()
	f.fill(t, 1)
	if err := e.round(f.ctx, e.exports[0]); err == nil || strings.Contains(err.Error(), "hidden") {
		t.Errorf("a receiver that is gone: %v", err)
	}
}

// Several servers export, one of them dies with the lease: no line is left out, and while all live none comes twice.
// A tenant whose events a receiver does not take, because they are too large for it or for a reason of its own, keeps no other's.
func TestAReceiverThatRefusesOnesEvents(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "activity"))
	var got sync.Map
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if len(body) > maxSent+maxDocument || strings.Contains(string(body), `"tenant":"a"`) {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		for _, seq := range seqs(t, string(body)) {
			got.Store(seq, true)
		}
	}))
	t.Cleanup(receiver.Close)
	e := f.exporter(t, &testkit.Clock{}, ExportConfig{Name: "siem", URL: receiver.URL})
	if err := Record(tenant.With(f.ctx, "a"), f.changes, Event{Action: ClientDeleted}); err != nil {
		t.Fatal(err)
	}
	large := json.RawMessage(`{"name":"` + strings.Repeat("x", maxDocument-1000) + `"}`)
	const events = 40
	for range events {
		f.write(t, Event{Action: ClientUpdated, After: large})
	}
	if err := f.relay.Move(f.ctx); err != nil {
		t.Fatal(err)
	}
	if err := e.round(f.ctx, e.exports[0]); !errors.Is(err, errLines) || !strings.Contains(err.Error(), "tenant a: ") {
		t.Error(err)
	}
	for seq := range int64(events) {
		if _, ok := got.Load(seq + 1); !ok {
			t.Errorf("line %d was not sent", seq+1)
		}
	}
}

// A server whose clock was years ahead took an export.
func TestALeaseThatNeverEnds(t *testing.T) {
	testkit.EachDB(t, "activity", func(t *testing.T, db *sqldb.DB) {
		f, clock := newFixture(t, db), &testkit.Clock{}
		if _, ok, err := f.store.claim(f.ctx, "siem", "ahead", clock.Now().AddDate(5, 0, 0), time.Minute); !ok || err != nil {
			t.Fatal(ok, err)
		}
		if _, ok, err := f.store.claim(f.ctx, "siem", "right", clock.Now(), maxLease); !ok || err != nil {
			t.Errorf("nobody gets it any more: %t, %v", ok, err)
		}
		if _, ok, err := f.store.claim(f.ctx, "siem", "third", clock.Now(), maxLease); ok || err != nil {
			t.Errorf("two have it: %t, %v", ok, err)
		}
	})
}

func TestExportsOfSeveralServers(t *testing.T) {
	testkit.EachDB(t, "activity", func(t *testing.T, db *sqldb.DB) {
		f, c := newFixture(t, db), newCollector(t)
		clock := &testkit.Clock{}
		config := ExportConfig{Name: "siem", URL: c.URL, Batch: 3}
		f.fill(t, 20)
		var wg sync.WaitGroup
		for range 4 {
			e := f.exporter(t, clock, config)
			wg.Go(func() {
				if err := e.round(f.ctx, e.exports[0]); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		sorted := slices.Sorted(slices.Values(c.lines))
		if len(sorted) != 20 || sorted[0] != 1 || sorted[19] != 20 {
			t.Errorf("%v", c.lines)
		}
		clock.Advance(time.Hour)
		dead, next := f.exporter(t, clock, config), f.exporter(t, clock, config)
		f.fill(t, 2)
		if _, ok, err := f.store.claim(f.ctx, "siem", dead.owner, clock.Now(), time.Minute); !ok || err != nil {
			t.Fatal(ok, err)
		}
		next.once(t)
		if len(c.lines) != 20 {
			t.Errorf("it did not wait for the lease: %v", c.lines)
		}
		clock.Advance(2 * time.Minute)
		next.once(t)
		if len(c.lines) != 22 {
			t.Errorf("it did not go on: %v", c.lines)
		}
		if mine, err := f.store.sent(f.ctx, "siem", dead.owner, 22, clock.Now()); mine || err != nil {
			t.Errorf("the dead one notes what it did: %t, %v", mine, err)
		}
		f.ctx = tenant.With(f.ctx, "other")
		f.fill(t, 1)
		next.once(t)
		if len(c.lines) != 23 {
			t.Errorf("another tenant's: %v", c.lines)
		}
	})
}

var syslogForm = regexp.MustCompile(`^<10[89]>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z host\.example gatehouse - [a-z._]{1,32} - (\{"seq":\d+,.*\})$`)

// streamOf takes messages with their lengths before them.
func streamOf(t *testing.T, l net.Listener, got chan<- string) {
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				r := bufio.NewReader(conn)
				for {
					length, err := r.ReadString(' ')
					n, bad := strconv.Atoi(strings.TrimSpace(length))
					message := make([]byte, n)
					if err != nil || bad != nil {
						return
					}
					if _, err := io.ReadFull(r, message); err != nil {
						return
					}
					got <- string(message)
					if strings.Contains(string(message), `"seq":2,`) {
						return // the receiver is restarted
					}
				}
			}()
		}
	}()
}

func TestExportBySyslog(t *testing.T) {
	authority, certificate := testkit.Certificates(t, "localhost")
	caFile := filepath.Join(t.TempDir(), "ca.pem")
	if block, _ := pem.Decode(authority); block == nil {
		authority = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority})
	}
	if err := os.WriteFile(caFile, authority, 0o600); err != nil {
		t.Fatal(err)
	}
	for scheme, listen := range map[string]func(t *testing.T, got chan<- string) string{
		"syslog+tcp": func(t *testing.T, got chan<- string) string {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			streamOf(t, l, got)
			return l.Addr().String()
		},
		"syslog+tls": func(t *testing.T, got chan<- string) string {
			l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
			if err != nil {
				t.Fatal(err)
			}
			streamOf(t, l, got)
			return strings.Replace(l.Addr().String(), "127.0.0.1", "localhost", 1)
		},
		"syslog+udp": func(t *testing.T, got chan<- string) string {
			c, err := net.ListenPacket("udp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = c.Close() })
			go func() {
				for buffer := make([]byte, 64<<10); ; {
					n, _, err := c.ReadFrom(buffer)
					if err != nil {
						return
					}
					got <- string(buffer[:n])
				}
			}()
			return c.LocalAddr().String()
		},
	} {
		t.Run(scheme, func(t *testing.T) {
			got := make(chan string, 10)
			f := newFixture(t, testkit.SQLite(t, "activity"))
			e := f.exporter(t, &testkit.Clock{}, ExportConfig{Name: "syslog", URL: scheme + "://" + listen(t, got), CAFile: caFile})
			receive := func(n int) {
				t.Helper()
				for range n {
					select {
					case message := <-got:
						if !syslogForm.MatchString(message) {
							t.Errorf("%s", message)
						}
					case <-time.After(time.Minute):
						t.Fatal("a message is missing")
					}
				}
			}
			f.write(t, Event{Action: LoginFailed, Actor: Identity("ada"), Detail: map[string]string{"reason": "credentials"}})
			f.fill(t, 1)
			e.once(t)
			receive(2)
			// The other side has closed: what is sent next is not sent into nothing.
			if s, ok := e.exports[0].to.(*syslogReceiver); ok && s.network == "tcp" {
				<-s.gone
			}
			f.fill(t, 1)
			e.once(t)
			receive(1)
		})
	}
}

func TestASyslogReceiverThatIsAway(t *testing.T) {
	const address = "127.0.0.1:1" // where nobody listens
	f := newFixture(t, testkit.SQLite(t, "activity"))
	f.fill(t, 1)
	e := f.exporter(t, &testkit.Clock{}, ExportConfig{Name: "syslog", URL: "syslog+tcp://" + address, Timeout: time.Second})
	if err := e.round(f.ctx, e.exports[0]); err == nil {
		t.Error("nobody is there, and yet it was sent")
	}
	if until, err := f.store.exported(f.ctx, []string{"syslog"}); until != 0 || err != nil {
		t.Errorf("%d, %v", until, err)
	}
}

func TestExportsRun(t *testing.T) {
	f, c := newFixture(t, testkit.SQLite(t, "activity")), newCollector(t)
	e := f.exporter(t, &testkit.Clock{}, ExportConfig{Name: "siem", URL: c.URL})
	f.fill(t, 2)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- e.Run(ctx) }()
	testkit.Eventually(t, "both events are sent", func() (all bool) {
		e.Each(func(_ string, n, _ uint64, _ bool) { all = n >= 2 })
		return all
	})
	stop()
	<-ended
}

func TestConfig(t *testing.T) {
	for _, err := range DefaultConfig().Validate() {
		t.Error(err)
	}
	for address, ok := range map[string]bool{
		"file:///var/log/activity.jsonl": true, "file://host/x": false, "file:x": false, "file:///dir/": false, "syslog+tls://logs.example.com:6514": true,
		"syslog+udp://logs.example.com": false, "syslog://x:1": false, "https://logs.example.com/in": true, "https://": false, "ftp://x/y": false,
		"https://user:password@logs.example.com/": false, "": false, "%": false,
	} {
		c := DefaultConfig()
		c.Exports = []ExportConfig{{Name: "x", URL: address}}
		faults := c.Validate()
		if ok != (len(faults) == 0) || len(faults) > 0 && !strings.HasPrefix(faults[0].Error(), "exports[0].url: ") {
			t.Errorf("%s: %v", address, faults)
		}
		for _, err := range faults {
			if strings.Contains(err.Error(), "password@") {
				t.Errorf("it repeats the address: %v", err)
			}
		}
	}
	c := Config{Exports: []ExportConfig{
		{Name: "A", URL: "file:///x", Header: map[string]secret.String{"a b": "x"}}, {Name: "A", URL: "file:///y"},
	}}
	if faults := c.Validate(); len(faults) != 4 {
		t.Errorf("%d faults: %v", len(faults), faults)
	}
}
