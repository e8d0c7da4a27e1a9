package testkit

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"
)

// Line leads from an address of its own to a server, whose answers it can hold up. It can be cut, led elsewhere, and listened
// to. It ends with the test.
type Line struct {
	// Address is where it begins, host and port.
	Address string

	listener net.Listener
	copiers  sync.WaitGroup

	mu     sync.Mutex
	to     string
	cut    bool
	delay  time.Duration
	mended chan struct{} // closed while answers pass
	held   bool
	listen func() io.Writer // gets what the client of a new connection sends; may be nil
	ends   map[net.Conn]struct{}
}

// NewLine makes a line to host and port.
func NewLine(t testing.TB, to string) *Line {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("testkit: a line: %v", err)
	}
	l := &Line{Address: listener.Addr().String(), listener: listener, to: to, mended: make(chan struct{}), ends: map[net.Conn]struct{}{}}
	close(l.mended)
	l.copiers.Go(l.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		l.Release()
		l.Cut()
		l.copiers.Wait()
	})
	return l
}

// NewLineTo makes a line to the server of a DSN, and says by which DSN the same database is reached over it.
func NewLineTo(t testing.TB, dsn string) (over string, l *Line) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatalf("testkit: a line: %v", err)
	}
	l = NewLine(t, u.Host)
	u.Host = l.Address
	return u.String(), l
}

// Overhear has each new connection give what its client sends to a writer of its own.
func (l *Line) Overhear(listen func() io.Writer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.listen = listen
}

// Cut ends all connections and refuses new ones.
func (l *Line) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = true
	l.end()
}

// Mend lets connections through again.
func (l *Line) Mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = false
}

// Lead ends all connections; new ones lead to another server.
func (l *Line) Lead(to string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.to, l.cut = to, false
	l.end()
}

// Delay has each piece of an answer come later by so much.
func (l *Line) Delay(by time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.delay = by
}

// Hold keeps answers back until Release.
func (l *Line) Hold() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.held {
		l.held, l.mended = true, make(chan struct{})
	}
}

// Release lets answers come that Hold kept back.
func (l *Line) Release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held {
		l.held = false
		close(l.mended)
	}
}

func (l *Line) end() {
	for c := range l.ends {
		_ = c.Close()
	}
	clear(l.ends)
}

func (l *Line) accept() {
	for {
		near, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.copiers.Go(func() { l.connect(near) })
	}
}

func (l *Line) connect(near net.Conn) {
	l.mu.Lock()
	to := l.to
	l.mu.Unlock()
	far, err := net.DialTimeout("tcp", to, 5*time.Second)
	if err != nil {
		_ = near.Close()
		return
	}
	l.mu.Lock()
	if l.cut || l.to != to {
		l.mu.Unlock()
		_, _ = near.Close(), far.Close()
		return
	}
	l.ends[near], l.ends[far] = struct{}{}, struct{}{}
	heard := io.Discard
	if l.listen != nil {
		heard = l.listen()
	}
	l.mu.Unlock()
	l.copiers.Go(func() {
		_, _ = io.Copy(far, io.TeeReader(near, heard))
		_, _ = near.Close(), far.Close()
	})
	l.answer(near, far)
	_, _ = near.Close(), far.Close()
}

// answer carries what the server says, as late as it is to be.
func (l *Line) answer(near, far net.Conn) {
	piece := make([]byte, 64<<10)
	for {
		n, err := far.Read(piece)
		l.mu.Lock()
		delay, mended := l.delay, l.mended
		l.mu.Unlock()
		time.Sleep(delay)
		<-mended
		if n > 0 {
			if _, wrong := near.Write(piece[:n]); wrong != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
