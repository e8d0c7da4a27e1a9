package door_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access/door"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// impatient is how long a step may take at the proxies of these tests, which a busy machine has to keep to; whoever rests does so
// for longer.
const impatient = 4 * time.Second

func rest() { time.Sleep(impatient + impatient/4) }

// impatientProxy is before an application that speaks both versions of HTTP; clients are one for each.
func impatientProxy(t *testing.T, app http.HandlerFunc) (address string, clients map[string]*http.Client) {
	t.Helper()
	s := httptest.NewUnstartedServer(app)
	s.Config.Protocols = &http.Protocols{}
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	at := strings.TrimPrefix(s.URL, "http://")
	rule := `{"id":%q,"match":{"url":"http://%[1]s.example.com/<.*>","methods":["GET","POST"]},"authenticators":[{"handler":"noop"}],"authorizer":{"handler":"allow"},"upstream":{"url":%q}}`
	d := door.Door{Name: "proxy", Now: time.Now, Engine: engineOf(t, "["+fmt.Sprintf(rule, "one", "http://"+at)+","+fmt.Sprintf(rule, "two", "h2c://"+at)+"]")}
	p, err := door.NewProxy(d, door.DefaultUpstreamConfig(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	c := web.DefaultConfig("127.0.0.1:0", "http://127.0.0.1/")
	c.Timeouts.Read, c.Timeouts.Write = impatient, impatient
	p.Timeouts = c.Timeouts
	l := &web.Listener{Name: "proxy", Handler: web.NewRaw("proxy", web.KratosErrors, web.Options{MaxBody: 1 << 30}, p.Serve), Config: c, H2C: true}
	if err := l.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- web.Serve(t.Context(), web.Grace{Limit: time.Second}, l) }()
	t.Cleanup(func() { <-done })
	clients = map[string]*http.Client{}
	for _, name := range []string{"one", "two"} {
		transport := &http.Transport{Protocols: &http.Protocols{}}
		transport.Protocols.SetHTTP1(name == "one")
		transport.Protocols.SetUnencryptedHTTP2(name == "two")
		t.Cleanup(transport.CloseIdleConnections)
		clients[name] = &http.Client{Transport: transport}
	}
	return l.Addr().String(), clients
}

func send(t *testing.T, ctx context.Context, by *http.Client, method, address, name string, body io.Reader) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, "http://"+address+"/", body)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = name + ".example.com"
	resp, err := by.Do(r)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

// An answer may rest, and end after a rest, whatever the request was.
func TestStreamsMayRest(t *testing.T) {
	t.Parallel()
	address, clients := impatientProxy(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		for i := range 2 {
			fmt.Fprintf(w, "data: %d\n", i)
			_ = http.NewResponseController(w).Flush()
			rest()
		}
	})
	for name, by := range clients {
		for method, body := range map[string]io.Reader{"GET": nil, "POST": strings.NewReader("a question")} {
			t.Run(name+" "+method, func(t *testing.T) {
				t.Parallel()
				resp := send(t, t.Context(), by, method, address, name, body)
				if text, err := io.ReadAll(resp.Body); err != nil || string(text) != "data: 0\ndata: 1\n" || resp.StatusCode != 200 {
					t.Errorf("%d %q %v", resp.StatusCode, text, err)
				}
			})
		}
	}
}

// In HTTP/2 the two sides may talk, with rests.
func TestConversationsMayRest(t *testing.T) {
	t.Parallel()
	address, clients := impatientProxy(t, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		lines := bufio.NewScanner(r.Body)
		for lines.Scan() {
			fmt.Fprintln(w, "back:", lines.Text())
			_ = http.NewResponseController(w).Flush()
		}
	})
	mouth, says := io.Pipe()
	resp := send(t, t.Context(), clients["two"], "POST", address, "two", mouth)
	hears := bufio.NewScanner(resp.Body)
	for _, word := range []string{"one", "two", "three"} {
		rest()
		fmt.Fprintln(says, word)
		if !hears.Scan() || hears.Text() != "back: "+word {
			t.Fatal(hears.Text(), hears.Err())
		}
	}
	_ = says.Close()
}

func TestWebSocketsMayRest(t *testing.T) {
	t.Parallel()
	address, _ := impatientProxy(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, both, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		fmt.Fprint(both, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		_ = both.Flush()
		line, _ := both.ReadString('\n')
		rest()
		fmt.Fprint(both, "back: "+line)
		_ = both.Flush()
	})
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	fmt.Fprint(conn, "GET /chat HTTP/1.1\r\nHost: one.example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	answer := bufio.NewReader(conn)
	if resp, err := http.ReadResponse(answer, nil); err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(resp, err)
	}
	rest()
	fmt.Fprint(conn, "hello\n")
	if line, err := answer.ReadString('\n'); line != "back: hello\n" {
		t.Fatal(line, err)
	}
}

// trickle sends a byte at a time, for ever.
type trickle struct{ ctx context.Context }

func (b trickle) Read(p []byte) (int, error) {
	select {
	case <-b.ctx.Done():
		return 0, b.ctx.Err()
	case <-time.After(impatient / 10):
		p[0] = 'x'
		return 1, nil
	}
}

// A client that sends a byte now and then never pauses for long, and is cut off all the same.
func TestTricklesAreCutOff(t *testing.T) {
	t.Parallel()
	ends := make(chan error, 2)
	address, clients := impatientProxy(t, func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		ends <- err
	})
	for name, by := range clients {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		resp := send(t, ctx, by, "POST", address, name, trickle{ctx})
		if text, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusBadRequest || !strings.Contains(string(text), "request_too_slow") {
			t.Errorf("%s: %d %s", name, resp.StatusCode, text)
		}
		if err := <-ends; err == nil {
			t.Errorf("%s: the application got a whole request", name)
		}
		cancel()
	}
}

// A client that does not take its answer holds neither the proxy nor the application.
func TestAnswersThatNobodyTakesEnd(t *testing.T) {
	t.Parallel()
	ends := make(chan struct{}, 2)
	address, clients := impatientProxy(t, func(w http.ResponseWriter, _ *http.Request) {
		part := make([]byte, 64<<10)
		for {
			if _, err := w.Write(part); err != nil {
				ends <- struct{}{}
				return
			}
		}
	})
	for name, by := range clients {
		send(t, t.Context(), by, "GET", address, name, nil)
		select {
		case <-ends:
		case <-time.After(time.Minute):
			t.Errorf("%s: the application still sends", name)
		}
	}
}
