package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/wait"
)

// Listener is one address that answers HTTP.
type Listener struct {
	// Name is the word for it in logs: "public", "admin".
	Name string
	// Config says where and how.
	Config Config
	// Handler answers.
	Handler http.Handler
	// H2C also answers HTTP/2 in the clear, from clients that begin with it (RFC 9113 §3.3), as gRPC's do.
	H2C bool
	// Log gets what goes wrong on connections; nil drops it.
	Log *slog.Logger
	// Reread is how often the certificate files are looked at; 0 means every two seconds.
	Reread time.Duration

	socket net.Listener
	certs  *certificates
	ending atomic.Bool
}

// ServeHTTP passes the request on. While the server is ending it asks the client to open no further request on
// the connection; HTTP/2 turns the header into GOAWAY. A request whose end is doubtful is the last of its connection too.
func (l *Listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if l.ending.Load() || doubtful(r) {
		w.Header().Set("Connection", "close")
	}
	l.Handler.ServeHTTP(w, r)
}

// doubtful reports whether somebody on the way may have seen another end of the request than we do, so that what follows on the
// connection could be a request that the client of that one has hidden in it.
//
// RFC 9112 §6.1 has a server close the connection behind a request with both Content-Length and Transfer-Encoding, and behind one
// with Transfer-Encoding in HTTP/1.0. net/http reads the former by its chunks and the latter by its length, and takes the other
// field off before anybody sees it: so each request that can have had both is taken for one that has. The connection is
// all that their clients lose.
func doubtful(r *http.Request) bool {
	return r.ProtoMajor == 1 && (r.ProtoMinor == 0 || len(r.TransferEncoding) > 0)
}

// Open binds the address and reads the certificate. It is called by Serve; call it before to learn Addr.
func (l *Listener) Open(ctx context.Context) error {
	if l.socket != nil {
		return nil
	}
	if l.Log == nil {
		l.Log = slog.New(slog.DiscardHandler)
	}
	if l.Config.TLS.CertFile != "" {
		certs, err := openCertificates(l.Config.TLS, l.Log)
		if err != nil {
			return fmt.Errorf("%s listener: %w", l.Name, err)
		}
		l.certs = certs
	}
	network, address := "tcp", l.Config.Address
	if path, ok := strings.CutPrefix(address, unixPrefix); ok {
		network, address = "unix", path
		removeDeadSocket(ctx, path)
	}
	var config net.ListenConfig
	socket, err := config.Listen(ctx, network, address)
	if err != nil {
		return fmt.Errorf("%s listener: %w", l.Name, err)
	}
	l.socket = socket
	return nil
}

// removeDeadSocket removes a socket that a killed process left behind: nobody answers on it.
func removeDeadSocket(ctx context.Context, path string) {
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&os.ModeSocket == 0 {
		return
	}
	dialer := net.Dialer{Timeout: time.Second}
	if conn, err := dialer.DialContext(ctx, "unix", path); err == nil {
		_ = conn.Close()
		return
	}
	_ = os.Remove(path)
}

// Addr returns where the listener is bound, after Open.
func (l *Listener) Addr() net.Addr { return l.socket.Addr() }

// Close gives the address back without serving. It is for a start that fails half-way.
func (l *Listener) Close() error {
	if l.socket == nil {
		return nil
	}
	return l.socket.Close()
}

// server returns the HTTP server with its limits.
func (l *Listener) server(ctx context.Context) *http.Server {
	t, d := l.Config.Timeouts, DefaultConfig("", "").Timeouts
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(l.H2C)
	return &http.Server{
		Protocols:         protocols,
		Handler:           l,
		ReadHeaderTimeout: positive(t.ReadHeader, d.ReadHeader),
		ReadTimeout:       positive(t.Read, d.Read),
		WriteTimeout:      positive(t.Write, d.Write),
		IdleTimeout:       positive(t.Idle, d.Idle),
		MaxHeaderBytes:    64 << 10,
		// What is in flight when we are told to stop is finished, so its context must outlive ours.
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
		// Scanners and half-open connections make this talkative; none of it is our fault.
		ErrorLog: slog.NewLogLogger(l.Log.Handler(), slog.LevelDebug),
	}
}

func positive(d, otherwise time.Duration) time.Duration {
	if d <= 0 {
		return otherwise
	}
	return d
}

// Grace says how serving ends.
type Grace struct {
	// Health is told first, so that readiness answers 503 while requests are still served; nil tells nobody.
	Health *Health
	// Delay is how long requests are still accepted after that, for load balancers to notice.
	Delay time.Duration
	// Limit bounds the whole stop, Delay included; 0 means 30 seconds. Requests not finished by then are cut.
	Limit time.Duration
}

// Serve opens the listeners that are not open and serves until the context ends or one of them fails; then it
// stops all of them: readiness turns 503, what is in flight is finished, connections are closed. It returns nil
// after a stop that was asked for and in which nothing was cut.
func Serve(ctx context.Context, g Grace, listeners ...*Listener) error {
	for i, l := range listeners {
		if err := l.Open(ctx); err != nil {
			for _, opened := range listeners[:i] {
				_ = opened.Close()
			}
			return err
		}
	}
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	servers := make([]*http.Server, len(listeners))
	failed := make(chan error, len(listeners))
	var running sync.WaitGroup
	for i, l := range listeners {
		servers[i] = l.server(ctx)
		running.Go(func() {
			if err := l.serve(inner, servers[i]); !l.ending.Load() {
				failed <- fmt.Errorf("%s listener: %w", l.Name, err)
				cancel()
			}
		})
	}
	<-inner.Done()
	err := g.stop(listeners, servers, ctx.Err() == nil)
	running.Wait()
	select {
	case broken := <-failed:
		return errors.Join(broken, err)
	default:
		return err
	}
}

// serve answers on the socket until the server is shut down.
func (l *Listener) serve(ctx context.Context, s *http.Server) error {
	if l.certs == nil {
		return s.Serve(l.socket)
	}
	go l.certs.watch(ctx, positive(l.Reread, 2*time.Second))
	s.TLSConfig = l.certs.config()
	return s.ServeTLS(l.socket, "", "")
}

// lameDuck is how long answers carry "Connection: close" before the address is given up, so that busy clients leave
// by themselves; settle is how long a connection accepted last has to shake hands and send its request after that, at
// least: a tenth of Grace.Delay, up to ten times as much. Without them http.Server would drop requests that arrive
// while it shuts down.
const (
	lameDuck = 100 * time.Millisecond
	settle   = 50 * time.Millisecond
)

// stop ends all servers together. When one has broken there is no use in waiting for load balancers.
func (g Grace) stop(listeners []*Listener, servers []*http.Server, broken bool) error {
	limit := positive(g.Limit, 30*time.Second)
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if g.Health != nil {
		g.Health.Drain()
	}
	for _, l := range listeners {
		l.ending.Store(true)
	}
	if !broken {
		wait.For(ctx, min(max(g.Delay, lameDuck), limit/2))
	}
	for _, l := range listeners {
		_ = l.Close()
	}
	wait.For(ctx, min(max(settle, min(g.Delay/10, 10*settle)), limit/2))
	faults := make([]error, len(servers))
	var all sync.WaitGroup
	for i, s := range servers {
		all.Go(func() {
			if err := s.Shutdown(ctx); err != nil && !errors.Is(err, net.ErrClosed) {
				faults[i] = fmt.Errorf("stopped with requests unfinished after %s: %w", limit, err)
				_ = s.Close()
			}
		})
	}
	all.Wait()
	return errors.Join(faults...)
}

// ClientCertificate returns whether the request came with a certificate that ClientCAFile's authorities signed,
// and the state to read it from.
func ClientCertificate(r *http.Request) (*tls.ConnectionState, bool) {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return nil, false
	}
	return r.TLS, true
}
