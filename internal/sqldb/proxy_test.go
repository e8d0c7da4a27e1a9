package sqldb_test

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// proxy stands between a handle and a database's server, to cut the line, or to listen.
type proxy struct {
	dsn    string
	server string
	ln     net.Listener

	mu      sync.Mutex
	isCut   bool
	listen  func() io.Writer // gets what a new connection's client sends; may be nil
	conns   map[net.Conn]struct{}
	waiters sync.WaitGroup
}

func newProxy(t *testing.T, dsn string) *proxy {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{server: u.Host, ln: ln, conns: make(map[net.Conn]struct{})}
	u.Host = ln.Addr().String()
	p.dsn = u.String()
	p.waiters.Go(p.accept)
	t.Cleanup(func() {
		_ = ln.Close()
		p.cut()
		p.waiters.Wait()
	})
	return p
}

func (p *proxy) accept() {
	for {
		client, err := p.ln.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.server)
		if err != nil {
			_ = client.Close()
			continue
		}
		listen, ok := p.add(client, server)
		if !ok {
			_ = client.Close()
			_ = server.Close()
			continue
		}
		sent := io.Discard
		if listen != nil {
			sent = listen()
		}
		p.waiters.Go(func() { p.copy(client, server, io.Discard) })
		p.waiters.Go(func() { p.copy(server, client, sent) })
	}
}

// add keeps the two ends of a connection, unless the line is cut.
func (p *proxy) add(client, server net.Conn) (listen func() io.Writer, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.isCut {
		return nil, false
	}
	p.conns[client], p.conns[server] = struct{}{}, struct{}{}
	return p.listen, true
}

func (p *proxy) copy(to, from net.Conn, heard io.Writer) {
	_, _ = io.Copy(to, io.TeeReader(from, heard))
	_ = to.Close()
	_ = from.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, to)
	delete(p.conns, from)
}

// cut ends every connection and lets none in.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.isCut = true
	for c := range p.conns {
		_ = c.Close()
	}
}

// overhear has new connections give what their clients send.
func (p *proxy) overhear(listen func() io.Writer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.listen = listen
}

// mend lets connections in again.
func (p *proxy) mend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.isCut = false
}
