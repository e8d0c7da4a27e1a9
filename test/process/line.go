package process

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// Line stands between a server and its database, to be cut.
type Line struct {
	// DSN leads to the database over the line.
	DSN string

	to       string
	listener net.Listener

	mu      sync.Mutex
	cut     bool
	ends    map[net.Conn]struct{}
	copiers sync.WaitGroup
}

// NewLine makes a line to a database. It ends with the test.
func NewLine(t testing.TB, dsn string) *Line {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	l := &Line{to: u.Host, ends: map[net.Conn]struct{}{}}
	if l.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	u.Host = l.listener.Addr().String()
	l.DSN = u.String()
	l.copiers.Go(l.accept)
	t.Cleanup(func() {
		_ = l.listener.Close()
		l.Cut()
		l.copiers.Wait()
	})
	return l
}

func (l *Line) accept() {
	for {
		near, err := l.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", l.to)
		if err != nil || !l.add(near, far) {
			_ = near.Close()
			if err == nil {
				_ = far.Close()
			}
			continue
		}
		l.copiers.Go(func() { l.carry(near, far) })
		l.copiers.Go(func() { l.carry(far, near) })
	}
}

// add keeps the two ends of a connection, unless the line is cut.
func (l *Line) add(near, far net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.cut {
		l.ends[near], l.ends[far] = struct{}{}, struct{}{}
	}
	return !l.cut
}

func (l *Line) carry(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	_ = to.Close()
	_ = from.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.ends, to)
	delete(l.ends, from)
}

// Cut ends every connection and lets none in.
func (l *Line) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = true
	for end := range l.ends {
		_ = end.Close()
	}
}

// Mend lets connections in again.
func (l *Line) Mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = false
}
