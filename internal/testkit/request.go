package testkit

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// Peer is where the requests of Ask come from: an address of RFC 5737's first network for documentation.
const Peer = "192.0.2.1:1234"

// Ask sends a request through a handler. Headers are name, value, name, value, …; `Host` is the request's host, and `peer` is
// where it comes from, if not from Peer.
func Ask(h http.Handler, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body == "" {
		r.Body = http.NoBody
	}
	r.RemoteAddr = Peer
	for i := 0; i < len(headers); i += 2 {
		switch name, value := headers[i], headers[i+1]; name {
		case "peer":
			r.RemoteAddr = value
		case "Host":
			r.Host = value
		default:
			r.Header.Add(name, value)
		}
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec
}

// A Jar keeps the cookies of a browser that knows one site and follows no redirect by itself.
type Jar struct {
	Cookies map[string]string // by name; to be read and changed while no request is under way

	mu sync.Mutex
}

// Do sends a request with the cookies and keeps those that come back.
func (j *Jar) Do(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	j.mu.Lock()
	for name, value := range j.Cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	j.mu.Unlock()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	res := w.Result()
	defer func() { _ = res.Body.Close() }()
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, c := range res.Cookies() {
		if c.MaxAge < 0 {
			delete(j.Cookies, c.Name)
		} else {
			j.Cookies[c.Name] = c.Value
		}
	}
	return w
}

// SignJWS makes a compact JWS (RFC 7515 §3.1) of a payload that is JSON.
func SignJWS(t testing.TB, alg jose.SignatureAlgorithm, key, payload any, options *jose.SignerOptions) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, options)
	if err != nil {
		t.Fatalf("testkit: %v", err)
	}
	raw, err := json.Marshal(payload)
	if err != nil {
		t.Fatalf("testkit: %v", err)
	}
	signed, err := signer.Sign(raw)
	if err != nil {
		t.Fatalf("testkit: %v", err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatalf("testkit: %v", err)
	}
	return text
}
