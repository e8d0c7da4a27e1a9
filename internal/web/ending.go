package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
)

// AccessLog says which requests are logged.
type AccessLog string

// The values of AccessLog. Causes of our own errors (5xx) are logged under each of them.
const (
	AccessErrors AccessLog = "errors" // answers of 400 and above, but not those of faults that are quiet: for suspended tenants
	AccessAll    AccessLog = "all"    // every answer
	AccessNone   AccessLog = "none"   // none
)

// Validate refuses any other word.
func (a AccessLog) Validate() error {
	switch a {
	case "", AccessErrors, AccessAll, AccessNone:
		return nil
	default:
		return fmt.Errorf("%q is not one of errors, all, none", string(a))
	}
}

// statusClientGone is what metrics and log show for a request whose client did not wait. It is never sent.
const statusClientGone = 499

// fail answers with an error, unless the answer has begun already.
func (x *exchange) fail(r *http.Request, write ErrorWriter, err error) {
	f := classify(err)
	x.err = f
	if x.out.wrote() {
		return
	}
	if f.Kind == fault.Unavailable && r.Context().Err() == context.Canceled {
		x.out.status = statusClientGone
		return
	}
	h := x.out.Header()
	// What the handler meant for its good answer does not describe this one.
	h.Del("Content-Type")
	h.Del("Content-Length")
	h.Del("ETag")
	h.Del("Last-Modified")
	h.Set("Cache-Control", "no-store")
	setRetryAfter(h, f.RetryAfter)
	write(&x.out, r, f)
}

// finish runs when the handler has returned or panicked.
func (x *exchange) finish(r *http.Request) {
	cut := false
	if p := recover(); p != nil {
		cut = x.panicked(r, p)
	}
	status := x.out.status
	if status == 0 {
		status = http.StatusOK
	}
	var elapsed time.Duration
	if x.core.o.Now != nil {
		elapsed = x.core.o.Now().Sub(x.start)
	}
	record, route := x.core.unmatched, ""
	if x.route != nil {
		record, route = x.route.record, x.route.pattern
	}
	if record != nil {
		record(status, elapsed)
	}
	if x.span != nil {
		x.span(route, status, x.err)
	}
	x.log(r, route, status, elapsed)
	if cut || x.out.status == statusClientGone {
		// A half-sent answer must not look like a whole one; and one that was not sent at all would leave as 200 to a client that has
		// only ended its own side of the connection.
		panic(http.ErrAbortHandler)
	}
}

// panicked turns a panic into a 500 and reports whether the connection must be cut instead.
func (x *exchange) panicked(r *http.Request, p any) (cut bool) {
	x.out.routing = false
	if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		x.err = http.ErrAbortHandler
		return true
	}
	err := errPanic.Because(fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
	if x.out.wrote() {
		x.err = err
		x.out.status = http.StatusInternalServerError
		return true
	}
	write := x.core.errors
	if x.route != nil {
		write = x.route.errors
	}
	x.fail(r, write, err)
	return false
}

// log writes the request's line of the access log. The path is not in it, it may hold an e-mail address or a
// challenge; the route is.
func (x *exchange) log(r *http.Request, route string, status int, elapsed time.Duration) {
	level := slog.LevelInfo
	switch access := x.core.o.Access; {
	case fault.IsQuiet(x.err):
		if access != AccessAll {
			return
		}
	case status >= 500:
		level = slog.LevelError
	case access == AccessNone, access == AccessErrors && status < 400:
		return
	}
	log := x.core.o.Log
	if !log.Enabled(&x.ctx, level) {
		return
	}
	if route == "" {
		route = r.Method + " (no route)"
	}
	attrs := make([]slog.Attr, 0, 9)
	attrs = append(attrs,
		slog.String("request_id", x.id[0]),
		slog.String("route", route),
		slog.Int("status", status),
		slog.Int64("bytes", x.out.bytes),
		slog.Duration("duration", elapsed),
		slog.String("client_ip", x.origin.Address.String()),
		slog.String("tenant", string(x.tenant)),
	)
	if x.err != nil {
		attrs = append(attrs, slog.String("error", x.err.Error()))
	}
	log.LogAttrs(&x.ctx, level, "request", attrs...)
}
