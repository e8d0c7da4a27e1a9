package door

import (
	"cmp"
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// slowest is how many bytes a second a client must send on the average, once Timeouts.Read is over. It takes no answer more slowly
// than a part of copySize in Timeouts.Write.
const slowest = 1 << 10

var errSlowClient = fault.New(fault.Invalid, "request_too_slow", "The request was sent too slowly.")

// exchange bounds the steps of a request and its answer where the listener bounds the whole: uploads, downloads and streams of any
// length pass a proxy, as long as they go on. HTTP/2 ends a stream whose deadline passes even if nothing waits for it (RFC 9113
// §5.4.2 leaves it to us), so there a deadline stands only while a step is under way.
type exchange struct {
	http.ResponseWriter
	control *http.ResponseController
	limits  web.Timeouts
	now     func() time.Time
	h2      bool
	armed   bool        // the deadline for what is being written stands
	body    *steadyBody // nil where there is none
}

// begin puts the limits on each step in the place of the listener's.
func (p *Proxy) begin(w http.ResponseWriter, r *http.Request) *exchange {
	usual := web.DefaultConfig("", "").Timeouts
	x := &exchange{ResponseWriter: w, control: http.NewResponseController(w), now: p.Now, h2: r.ProtoMajor == 2, limits: web.Timeouts{
		Read: cmp.Or(p.Timeouts.Read, usual.Read), Write: cmp.Or(p.Timeouts.Write, usual.Write),
	}}
	_ = x.control.SetWriteDeadline(time.Time{}) // a connection that has no deadlines, in tests, has none to lift
	if r.Body == nil || r.Body == http.NoBody {
		_ = x.control.SetReadDeadline(time.Time{}) // or the server gives the request up, as it listens whether the client is there
		return x
	}
	x.body = &steadyBody{ReadCloser: r.Body, x: x, began: x.now(), endless: x.h2 && r.ContentLength < 0}
	r.Body = x.body
	return x
}

// end bounds what the server does behind the handler's back: it sends the rest of the answer, and reads on in HTTP/1 for the
// connection to be used again.
func (x *exchange) end() {
	_ = x.control.SetWriteDeadline(x.now().Add(x.limits.Write))
	if !x.h2 {
		_ = x.control.SetReadDeadline(x.now().Add(x.limits.Read))
	}
}

// WriteHeader implements http.ResponseWriter.
func (x *exchange) WriteHeader(status int) {
	if status >= http.StatusOK && x.body != nil {
		x.body.answered()
	}
	x.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (x *exchange) Write(p []byte) (int, error) {
	x.arm()
	return x.ResponseWriter.Write(p)
}

// FlushError is what http.ResponseController flushes by, as the proxy does after each part.
func (x *exchange) FlushError() error {
	x.arm()
	err := x.control.Flush()
	x.armed = false
	if x.h2 {
		_ = x.control.SetWriteDeadline(time.Time{})
	}
	return err
}

func (x *exchange) arm() {
	if !x.armed {
		_ = x.control.SetWriteDeadline(x.now().Add(x.limits.Write))
		x.armed = true
	}
}

// Unwrap lets http.ResponseController reach the writer below.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// steadyBody is a request's body that must go on coming.
type steadyBody struct {
	io.ReadCloser
	x     *exchange
	began time.Time
	sent  int64
	// endless tells that the body may be one side of a conversation: HTTP/2 has them, with bodies of no length.
	endless bool

	mu sync.Mutex
	// free tells that the answer to an endless body has begun: the application knows how long its pauses are.
	free bool
	// due is when what is being read must have come; zero while nothing is.
	due time.Time
}

// Read implements io.Reader.
func (b *steadyBody) Read(p []byte) (int, error) {
	b.arm()
	n, err := b.ReadCloser.Read(p)
	b.sent += int64(n)
	if err == nil || errors.Is(err, io.EOF) {
		b.mu.Lock()
		b.due = time.Time{}
		b.mu.Unlock()
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return n, errSlowClient.Because(err)
	case errors.Is(err, io.EOF) || b.x.h2:
		_ = b.x.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// arm gives the client the time for what it sends next.
func (b *steadyBody) arm() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.free {
		return
	}
	limit := b.x.limits.Read
	next, all := b.x.now().Add(limit), b.began.Add(limit).Add(time.Duration(b.sent)*(time.Second/slowest))
	if all.Before(next) {
		next = all
	}
	b.due = next
	_ = b.x.control.SetReadDeadline(next)
}

// late reports whether what the client was to send did not come in time. The server cancels a request whose body it cannot read
// (HTTP/1), so that the error which the reader got may come second.
func (b *steadyBody) late() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.due.IsZero() && !b.x.now().Add(time.Millisecond).Before(b.due)
}

// answered lifts the limit from an endless body.
func (b *steadyBody) answered() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.endless && !b.free {
		b.free = true
		_ = b.x.control.SetReadDeadline(time.Time{})
	}
}
