package web

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// conversation sends the bytes to the listener and gives the statuses of all answers, behind each a "." where the connection is to
// be used again; and what the handler was asked.
func conversation(t *testing.T, l *Listener, asked *[]string, sent string) (answers string, requests []string) {
	t.Helper()
	*asked = nil
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(conn, sent); err != nil {
		t.Fatal(err)
	}
	_ = conn.(*net.TCPConn).CloseWrite()
	r := bufio.NewReader(conn)
	for {
		resp, err := http.ReadResponse(r, nil)
		if err != nil { // the connection ended, by a reset where something was left unread
			return answers, *asked
		}
		_, err = io.Copy(io.Discard, resp.Body)
		answers += fmt.Sprint(resp.StatusCode)
		if err == nil && !resp.Close {
			answers += "."
		}
	}
}

// RFC 9112 §6: where a request can have two ends, nothing behind it on the connection is taken for another request.
func TestDoubtfulRequestsAreTheLastOfTheirConnection(t *testing.T) {
	var asked []string
	m := NewMux(KratosErrors, Options{})
	m.Handle("/{path...}", func(w http.ResponseWriter, r *http.Request) error {
		body, err := io.ReadAll(r.Body)
		asked = append(asked, fmt.Sprintf("%s %s %q", r.Method, r.URL.Path, body))
		if strings.HasSuffix(r.URL.Path, "hints") { // as httputil.ReverseProxy passes interim answers on
			w.WriteHeader(http.StatusEarlyHints)
			clear(w.Header())
		}
		_, _ = io.WriteString(w, "ok")
		if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
			return err
		}
		return nil
	})
	l := &Listener{Name: "test", Handler: m, Config: DefaultConfig("127.0.0.1:0", "http://127.0.0.1/")}
	if err := l.Open(context.Background()); err != nil {
		t.Fatal(err)
	}
	start(t, Grace{}, l)
	const inner = "GET /inner HTTP/1.1\r\nHost: h\r\n\r\n"
	const chunked = "Transfer-Encoding: chunked\r\n"
	post := func(fields, body string) string {
		return "POST /a HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n" + body + inner
	}
	alone := func(body string) []string { return []string{"POST /a " + body} }
	for name, c := range map[string]struct {
		sent, answers string
		asked         []string
	}{
		"one end":             {post("Content-Length: 2\r\n", "hi"), "200.200.", []string{`POST /a "hi"`, `GET /inner ""`}},
		"no body":             {post("", ""), "200.200.", []string{`POST /a ""`, `GET /inner ""`}},
		"a length twice":      {post("Content-Length: 2\r\nContent-Length: 2\r\n", "hi"), "200.200.", []string{`POST /a "hi"`, `GET /inner ""`}},
		"two lengths":         {post("Content-Length: 0\r\nContent-Length: 2\r\n", "hi"), "400", nil},
		"two lengths in one":  {post("Content-Length: 0, 2\r\n", "hi"), "400", nil},
		"a signed length":     {post("Content-Length: +2\r\n", "hi"), "400", nil},
		"chunks":              {post(chunked, "2\r\nhi\r\n0\r\n\r\n"), "200", alone(`"hi"`)},
		"chunks and a length": {post("Content-Length: 4\r\n"+chunked, "0\r\n\r\n"), "200", alone(`""`)},
		"the other way round": {post(chunked+"Content-Length: 4\r\n", "0\r\n\r\n"), "200", alone(`""`)},
		"chunked twice":       {post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"), "501", nil},
		"chunked in two":      {post(chunked+chunked, "0\r\n\r\n"), "501", nil},
		"chunked at the end":  {post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), "501", nil},
		"not quite chunked":   {post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"), "501", nil},
		"chunked in quotes":   {post("Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n"), "501", nil},
		"a vertical tab":      {post("Transfer-Encoding: \vchunked\r\n", "0\r\n\r\n"), "400", nil},
		"a blank in a name":   {post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"), "400", nil},
		"a blank before it":   {post(" Transfer-Encoding: chunked\r\n", "0\r\n\r\n"), "400", nil},
		// RFC 9112 §5.2: a fold is a blank.
		"a folded encoding":  {post("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"), "200", alone(`""`)},
		"a folded length":    {post("Content-Length: 0\r\n 2\r\n", "hi"), "400", nil},
		"a bare line feed":   {post("A: b\nTransfer-Encoding: chunked\nContent-Length: 5\r\n", "0\r\n\r\n"), "200", alone(`""`)},
		"a carriage return":  {post("A: b\rTransfer-Encoding: chunked\r\n", ""), "400", nil},
		"chunk extensions":   {post(chunked, "2;a=b;c=\"d\"\r\nhi\r\n0;e\r\n\r\n"), "200", alone(`"hi"`)},
		"a size with a sign": {post(chunked, "+2\r\nhi\r\n0\r\n\r\n"), "200", alone(`""`)},
		"a size like C's":    {post(chunked, "0x2\r\nhi\r\n0\r\n\r\n"), "200", alone(`""`)},
		"a size too large":   {post(chunked, "fffffffffffffffff\r\nhi\r\n0\r\n\r\n"), "200", alone(`""`)},
		"a chunk too long":   {post(chunked, "2\r\nhi!\r\n0\r\n\r\n"), "200", alone(`"hi"`)},
		"trailers":           {post(chunked+"Trailer: A\r\n", "2\r\nhi\r\n0\r\nA: b\r\n\r\n"), "200", alone(`"hi"`)},
		"a length behind":    {post(chunked, "2\r\nhi\r\n0\r\nContent-Length: 40\r\n\r\n"), "200", alone(`"hi"`)},
		"interim answers":    {strings.Replace(post(chunked, "0\r\n\r\n"), "/a", "/hints", 1), "103.200", []string{`POST /hints ""`}},
		// RFC 9112 §6.1: HTTP/1.0 has no chunks.
		"an old request":  {"POST /a HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 0\r\n" + chunked + "\r\n" + inner, "200", alone(`""`)},
		"an old question": {"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + inner, "200", []string{`GET /a ""`}},
		"two hosts":       {"GET /a HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n" + inner, "400", nil},
	} {
		answers, requests := conversation(t, l, &asked, c.sent)
		if answers != c.answers {
			t.Errorf("%s: answered %s, want %s", name, answers, c.answers)
		}
		if diff := cmp.Diff(c.asked, requests); diff != "" {
			t.Errorf("%s: requests: %s", name, diff)
		}
	}
}
