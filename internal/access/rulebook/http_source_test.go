package rulebook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/access/rulebook/source"
	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// site serves rules, with an entity tag.
type site struct {
	*httptest.Server
	mu     sync.Mutex
	status int
	body   string
	full   int // answers with the rules
	known  int // answers that they are known already
	last   *http.Request
	plain  bool // without an entity tag, with a date
	store  bool // with both
}

func serveRules(t *testing.T) *site {
	t.Helper()
	s := &site{status: http.StatusOK, body: "[]"}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *site) answer(status int, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status, s.body = status, body
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = r
	tag := fmt.Sprintf("%q", fmt.Sprintf("%x", sha256.Sum256([]byte(s.body)))[:8])
	const date = "Wed, 04 Mar 2026 05:06:07 GMT"
	switch {
	case s.status != http.StatusOK:
		if s.status == http.StatusFound {
			w.Header().Set("Location", "http://127.0.0.1:1/")
		}
		w.WriteHeader(s.status)
		return
	case !s.plain && r.Header.Get("If-None-Match") == tag, s.plain && r.Header.Get("If-Modified-Since") == date:
		s.known++
		w.WriteHeader(http.StatusNotModified)
		return
	}
	s.full++
	if s.plain || s.store {
		w.Header().Set("Last-Modified", date)
	}
	if !s.plain {
		w.Header().Set("ETag", tag)
	}
	_, _ = w.Write([]byte(s.body))
}

func (s *site) counts() (full, known int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.full, s.known
}

func TestAWebServerIsPolled(t *testing.T) {
	s := serveRules(t)
	s.answer(200, rulesText("a"))
	b, e, log := bookOf(t, fast(s.URL+"/rules?key=the-secret"))
	if ids(e) != "a" {
		t.Fatalf("in force are %q: %+v", ids(e), b.Status())
	}
	testkit.Eventually(t, "it is asked again, with what is known", func() bool { _, known := s.counts(); return known > 2 })
	if full, _ := s.counts(); full != 1 {
		t.Errorf("the rules are sent %d times", full)
	}
	s.answer(200, rulesText("a", "b"))
	testkit.Eventually(t, "new rules are loaded", func() bool { return ids(e) == "a b" })
	s.answer(503, "")
	testkit.Eventually(t, "the failure is noticed", func() bool { return stateOf(b, 0) == SourceUnreachable })
	s.answer(302, "")
	testkit.Eventually(t, "a redirect is not followed", func() bool { return strings.Contains(b.Status()[0].Error, "redirects") })
	s.answer(200, "[{]")
	testkit.Eventually(t, "what is no rules is refused", func() bool { return stateOf(b, 0) == SourceRefused })
	testkit.Eventually(t, "and stays refused", func() bool { _, known := s.counts(); return known > 5 && stateOf(b, 0) == SourceRefused })
	s.answer(200, strings.Repeat(" ", 17<<20))
	testkit.Eventually(t, "too much is not read", func() bool { return strings.Contains(b.Status()[0].Error, "refused") || !b.heard(b.sources[0]) })
	if ids(e) != "a b" {
		t.Errorf("in force are %q", ids(e))
	}
	s.answer(200, rulesText("c"))
	testkit.Eventually(t, "it goes on", func() bool { return ids(e) == "c" })
	if all := log.String() + fmt.Sprint(b.Status()); strings.Contains(all, "the-secret") {
		t.Errorf("the query of the URL is shown:\n%s", all)
	}
}

func TestWithoutAnEntityTagTheDateIsSent(t *testing.T) {
	s := serveRules(t)
	s.plain = true
	s.answer(200, rulesText("a"))
	_, e, _ := bookOf(t, fast(s.URL))
	testkit.Eventually(t, "it is asked again, with what is known", func() bool { _, known := s.counts(); return known > 2 })
	if full, _ := s.counts(); full != 1 || ids(e) != "a" {
		t.Errorf("the rules are sent %d times, in force are %q", full, ids(e))
	}
}

func TestWhatAWebServerNeedsIsSent(t *testing.T) {
	s := serveRules(t)
	c := fast()
	c.Sources = []source.Config{{
		URL: s.URL, Headers: map[string]secret.String{"X-Key": "value"},
		Auth: fetch.AuthConfig{Type: "basic_auth", Config: fetch.AuthValues{User: "gate", Password: "pw"}},
	}}
	bookOf(t, c)
	s.mu.Lock()
	defer s.mu.Unlock()
	if user, password, _ := s.last.BasicAuth(); user != "gate" || password != "pw" || s.last.Header.Get("X-Key") != "value" {
		t.Errorf("%v", s.last.Header)
	}
}

func TestAnObjectStoreIsPolled(t *testing.T) {
	s := serveRules(t)
	s.store = true
	s.answer(200, rulesText("a"))
	signed := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got, want := signatureOf(r), signature(r, "the-secret"); got == "" || got != want || r.URL.Path != "/rules/team/a.json" {
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`<?xml version="1.0"?><Error><Code>SignatureDoesNotMatch</Code></Error>`))
			return
		}
		s.ServeHTTP(w, r)
	}))
	t.Cleanup(signed.Close)
	c := fast()
	at := "s3://rules/team/a.json?region=eu-1&use_path_style=true&endpoint=" + url.QueryEscape(signed.URL)
	c.Sources = []source.Config{{URL: at, S3: source.S3Config{AccessKeyID: "gate", SecretAccessKey: "the-secret"}}}
	b, e, log := bookOf(t, c)
	if ids(e) != "a" || e.Rules()[0].Source != "s3://rules/team/a.json" {
		t.Fatalf("in force are %q: %+v", ids(e), b.Status())
	}
	testkit.Eventually(t, "it is asked again, with what is known", func() bool { _, known := s.counts(); return known > 2 })
	if full, _ := s.counts(); full != 1 {
		t.Errorf("the rules are sent %d times", full)
	}
	s.answer(200, rulesText("b"))
	testkit.Eventually(t, "new rules are loaded", func() bool { return ids(e) == "b" })
	s.answer(500, "")
	testkit.Eventually(t, "the failure is noticed", func() bool { return stateOf(b, 0) == SourceUnreachable })
	if ids(e) != "b" {
		t.Errorf("in force are %q", ids(e))
	}

	c.Sources[0].S3.SecretAccessKey = "another"
	b, _, other := bookOf(t, c)
	if st := b.Status()[0]; st.State != SourceUnreachable || !strings.Contains(st.Error, "SignatureDoesNotMatch") {
		t.Errorf("%+v", st)
	}
	if all := log.String() + other.String(); strings.Contains(all, "the-secret") || strings.Contains(all, "another\"") {
		t.Errorf("the log shows a key:\n%s", all)
	}
}

// signatureOf reads the signature of a request, AWS Signature Version 4.
func signatureOf(r *http.Request) string {
	_, s, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
	return s
}

// signature computes it anew, as AWS describes it, from what the request says is signed.
func signature(r *http.Request, secret string) string {
	authorization := r.Header.Get("Authorization")
	_, scope, _ := strings.Cut(authorization, "Credential=gate/")
	scope, rest, _ := strings.Cut(scope, ",")
	_, names, _ := strings.Cut(rest, "SignedHeaders=")
	names, _, _ = strings.Cut(names, ",")
	parts := strings.Split(scope, "/") // day, region, service, aws4_request
	if len(parts) != 4 || parts[1] != "eu-1" || parts[2] != "s3" || !slices.Contains(strings.Split(names, ";"), "host") {
		return "?"
	}
	var headers strings.Builder
	for name := range strings.SplitSeq(names, ";") {
		value := strings.Join(r.Header.Values(name), ",")
		if name == "host" {
			value = r.Host
		}
		headers.WriteString(name + ":" + strings.TrimSpace(value) + "\n")
	}
	canonical := strings.Join([]string{r.Method, r.URL.EscapedPath(), r.URL.RawQuery, headers.String(), names, r.Header.Get("X-Amz-Content-Sha256")}, "\n")
	hash := sha256.Sum256([]byte(canonical))
	text := "AWS4-HMAC-SHA256\n" + r.Header.Get("X-Amz-Date") + "\n" + scope + "\n" + hex.EncodeToString(hash[:])
	key := []byte("AWS4" + secret)
	for _, part := range append(parts, text) {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return hex.EncodeToString(key)
}
