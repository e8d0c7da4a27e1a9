package hook_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/hook"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// heard is what a service was sent.
type heard struct {
	method, body string
	header       http.Header
}

// service answers each call by the next of its answers, and by the last one from then on.
type service struct {
	*httptest.Server
	mu    sync.Mutex
	calls []heard
}

type says struct {
	status int
	body   string
}

func serve(t *testing.T, answers ...says) *service {
	t.Helper()
	s := &service{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		s.mu.Lock()
		n := len(s.calls)
		s.calls = append(s.calls, heard{r.Method, string(body), r.Header.Clone()})
		s.mu.Unlock()
		a := answers[min(n, len(answers)-1)]
		if a.status >= 300 && a.status < 400 {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(a.status)
		_, _ = io.WriteString(w, a.body)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *service) heard() []heard {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// house has hooks and what they log and count.
type house struct {
	*hook.Hooks
	log      *testkit.Log
	mu       sync.Mutex
	outcomes []string
	clock    *testkit.Clock
}

func hooks(t *testing.T, change func(*hook.Options)) *house {
	t.Helper()
	h := &house{log: &testkit.Log{}, clock: &testkit.Clock{}}
	o := hook.Options{
		Clients: hook.DefaultClientsConfig(), Now: h.clock.Now,
		Jsonnet: hook.NewJsonnet(hook.Limits{Timeout: time.Minute}), // a busy machine may need the usual second for itself
		Log:     h.log.Logger(),
		Observe: func(name, outcome string, _ time.Duration) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.outcomes = append(h.outcomes, name+" "+outcome)
		},
	}
	if change != nil {
		change(&o)
	}
	h.Hooks = hook.New(o)
	return h
}

func in64(program string) string {
	return "base64://" + base64.StdEncoding.EncodeToString([]byte(program))
}

func call() hook.Call {
	return hook.Call{
		Flow: map[string]any{"id": "f1"}, Identity: map[string]any{"id": "i1", "traits": map[string]any{"email": "mary@example.org"}},
		Session: map[string]any{"id": "s1"}, RequestMethod: "POST", RequestURL: "https://example.org/self-service/login?flow=f1",
		RequestHeaders: map[string][]string{"User-Agent": {"test"}, "Cookie": {"secret=1"}, "Authorization": {"Bearer x"}},
		RequestCookies: map[string]string{"a": "b"}, TransientPayload: json.RawMessage(`{"lang":"de"}`),
	}
}

func TestHookIsToldWhatHappened(t *testing.T) {
	s := serve(t, says{200, ""})
	h := hooks(t, nil)
	reply, err := h.Run(t.Context(), []hook.Config{{
		ID: "all", URL: s.URL + "/x?key=1", Method: "PUT", Body: in64(`function(ctx) ctx`),
		Headers: map[string]secret.String{"X-More": "1", "user-agent": "mine"},
	}}, call())
	if err != nil || reply.Identity != nil {
		t.Fatalf("got %v, %v", reply, err)
	}
	got := s.heard()
	if len(got) != 1 || got[0].method != "PUT" {
		t.Fatalf("the service heard %v", got)
	}
	var body any
	if err := json.Unmarshal([]byte(got[0].body), &body); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"flow":            map[string]any{"id": "f1", "transient_payload": map[string]any{"lang": "de"}},
		"identity":        map[string]any{"id": "i1", "traits": map[string]any{"email": "mary@example.org"}},
		"session":         map[string]any{"id": "s1"},
		"request_method":  "POST",
		"request_url":     "https://example.org/self-service/login?flow=f1",
		"request_headers": map[string]any{"User-Agent": []any{"test"}},
		"request_cookies": map[string]any{"a": "b"},
	}
	if diff := cmp.Diff(want, body); diff != "" {
		t.Errorf("the body (-want +got):\n%s", diff)
	}
	for name, want := range map[string]string{"Content-Type": "application/json", "X-More": "1", "User-Agent": "mine"} {
		if v := got[0].header.Get(name); v != want {
			t.Errorf("%s is %q, want %q", name, v, want)
		}
	}
	for _, name := range []string{"Ory-Webhook-Request-ID", "Ory-Webhook-Trigger-ID"} {
		if len(got[0].header.Get(name)) != 36 {
			t.Errorf("%s is %q", name, got[0].header.Get(name))
		}
	}
	if !strings.Contains(h.log.String(), "hook=all") || strings.Contains(h.log.String(), "key=1") || strings.Contains(h.log.String(), "mary") {
		t.Errorf("the log says %s", h.log)
	}
	if diff := cmp.Diff([]string{"all ok"}, h.outcomes); diff != "" {
		t.Errorf("counted (-want +got):\n%s", diff)
	}
}

func TestThereMayBeNoIdentityYet(t *testing.T) {
	s := serve(t, says{204, ""})
	_, err := hooks(t, nil).Run(t.Context(), []hook.Config{{
		URL: s.URL, Body: in64(`function(ctx) { fields: std.sort(std.objectFields(ctx)), payload: ctx.flow.transient_payload }`),
	}}, hook.Call{Flow: (*ui.Flow)(nil), TransientPayload: json.RawMessage(`1`)})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"fields":["flow","request_cookies","request_headers","request_method","request_url"],"payload":1}`
	if got := strings.Join(strings.Fields(s.heard()[0].body), ""); got != want {
		t.Errorf("got %s", got)
	}
}

func TestBodiesOfEveryForm(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "body.jsonnet")
	if err := os.WriteFile(file, []byte(`function(ctx) ctx.flow.id`), 0o600); err != nil {
		t.Fatal(err)
	}
	form := map[string]secret.String{"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
	for _, c := range []struct {
		name   string
		config hook.Config
		want   string
	}{
		{"a file", hook.Config{Body: "file://" + file}, `"f1"`},
		{"a file by its name", hook.Config{Body: file}, `"f1"`},
		{"base64 as in URLs", hook.Config{Body: "base64://" + base64.RawURLEncoding.EncodeToString([]byte(`"ü?>"`))}, `"ü?>"`},
		{"a template", hook.Config{Body: in64(`{"id": {{json .flow.id}}, "all": {{json .session}}}`), BodyFormat: "gotemplate"},
			`{"id": "f1", "all": {"id":"s1"}}`},
		{"a form", hook.Config{Body: in64(`function(ctx) { id: ctx.flow.id, n: 1.5, b: true, none: null }`), Headers: form}, "b=true&id=f1&n=1.5"},
		{"none", hook.Config{}, ""},
		{"none for TRACE", hook.Config{Body: in64(`function(ctx) 1`), Method: "TRACE"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, says{200, ""})
			c.config.URL = s.URL
			h := hooks(t, nil)
			if err := h.Prepare(t.Context(), []hook.Config{c.config}); err != nil {
				t.Fatal(err)
			}
			if _, err := h.Run(t.Context(), []hook.Config{c.config}, call()); err != nil {
				t.Fatal(err)
			}
			if got := s.heard()[0].body; got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestProgramsThatFailCallNobody(t *testing.T) {
	form := map[string]secret.String{"Content-Type": "application/x-www-form-urlencoded"}
	for _, c := range []struct {
		name   string
		config hook.Config
	}{
		{"an error", hook.Config{Body: in64(`function(ctx) error ctx.identity.traits.email`)}},
		{"a list as a form", hook.Config{Body: in64(`[]`), Headers: form}},
		{"a list in a form", hook.Config{Body: in64(`{ a: [] }`), Headers: form}},
		{"no program", hook.Config{Body: in64(`function(`)}},
		{"no template", hook.Config{Body: in64(`{{`), BodyFormat: "gotemplate"}},
		{"a template that fails", hook.Config{Body: in64(`{{template "x"}}`), BodyFormat: "gotemplate"}},
		{"a template without end", hook.Config{Body: in64(`{{define "x"}}{{template "x"}}{{end}}{{template "x"}}`), BodyFormat: "gotemplate"}},
		{"no file", hook.Config{Body: "file:///nowhere/x.jsonnet"}},
		{"a URL that nobody reads", hook.Config{Body: "https://example.org/x.jsonnet"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, says{200, ""})
			c.config.URL = s.URL
			_, err := hooks(t, nil).Run(t.Context(), []hook.Config{c.config}, call())
			if f, ok := errors.AsType[*fault.Error](err); !ok || f.Code != hook.ErrProgram.Code || strings.Contains(err.Error(), "mary") {
				t.Errorf("got %v", err)
			}
			if len(s.heard()) != 0 {
				t.Error("the service was called")
			}
		})
	}
}

func TestPrepareSaysWhatIsWrong(t *testing.T) {
	err := hooks(t, nil).Prepare(t.Context(), []hook.Config{
		{ID: "good", Body: in64(`1`)}, {ID: "none"}, {ID: "later", Body: "https://example.org/x.jsonnet"},
		{ID: "imports", Body: in64(`import "x"`)}, {URL: "https://example.net/x", Body: "file:///nowhere/x.jsonnet"},
	})
	if err == nil {
		t.Fatal("nothing was wrong")
	}
	for _, want := range []string{"the web hook imports: body: programs must not import", "the web hook example.net: body: open /nowhere"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
	if strings.Contains(err.Error(), "good") || strings.Contains(err.Error(), "later") {
		t.Errorf("too much is wrong: %v", err)
	}
}

func TestAProgramCanCancel(t *testing.T) {
	s := serve(t, says{500, ""})
	h := hooks(t, nil)
	if _, err := h.Run(t.Context(), []hook.Config{{ID: "x", URL: s.URL, Body: in64(`function(ctx) error "cancel"`)}}, call()); err != nil {
		t.Error(err)
	}
	if len(s.heard()) != 0 || h.outcomes[0] != "x cancelled" {
		t.Errorf("the service heard %v, counted %v", s.heard(), h.outcomes)
	}
}

func TestProgramsFromURLsAreReadAgain(t *testing.T) {
	s := serve(t, says{200, ""})
	var reads atomic.Int32
	var broken atomic.Bool
	h := hooks(t, func(o *hook.Options) {
		o.Fetch = func(context.Context, string) ([]byte, error) {
			n := reads.Add(1)
			if broken.Load() {
				return nil, errors.New("down")
			}
			return []byte(string('0' + n)), nil
		}
	})
	run := func(want string, wantReads int32) {
		t.Helper()
		if _, err := h.Run(t.Context(), []hook.Config{{URL: s.URL, Body: "https://example.org/x"}}, call()); err != nil {
			t.Fatal(err)
		}
		all := s.heard()
		if got := all[len(all)-1].body; got != want || reads.Load() != wantReads {
			t.Errorf("got %s after %d reads, want %s after %d", got, reads.Load(), want, wantReads)
		}
	}
	run("1", 1)
	h.clock.Advance(59 * time.Minute)
	run("1", 1)
	h.clock.Advance(2 * time.Minute)
	run("2", 2)
	broken.Store(true)
	h.clock.Advance(2 * time.Hour)
	run("2", 3) // the old one is better than none
	h.clock.Advance(30 * time.Second)
	run("2", 3)
	broken.Store(false)
	h.clock.Advance(time.Minute)
	run("4", 4)
}

func TestCredentials(t *testing.T) {
	for _, c := range []struct {
		name         string
		auth         fetch.AuthConfig
		header, want string
	}{
		{"header", fetch.AuthConfig{Type: "api_key", Config: fetch.AuthValues{Name: "X-Key", Value: "k1", In: "header"}}, "X-Key", "k1"},
		{"cookie", fetch.AuthConfig{Type: "api_key", Config: fetch.AuthValues{Name: "key", Value: "k1", In: "cookie"}}, "Cookie", "key=k1"},
		{"basic", fetch.AuthConfig{Type: "basic_auth", Config: fetch.AuthValues{User: "u", Password: "p:w"}}, "Authorization", "Basic dTpwOnc="},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, says{200, ""})
			config := hook.Config{URL: s.URL, Auth: c.auth}
			if faults := config.Validate(); faults != nil {
				t.Fatal(faults)
			}
			if _, err := hooks(t, nil).Run(t.Context(), []hook.Config{config}, call()); err != nil {
				t.Fatal(err)
			}
			if got := s.heard()[0].header.Get(c.header); got != c.want {
				t.Errorf("%s is %q, want %q", c.header, got, c.want)
			}
		})
	}
}

func TestAnswersChangeTheIdentity(t *testing.T) {
	first := serve(t, says{200, `{"identity":{"traits":{"email":"m@example.org"},"metadata_public":{"a":1},"external_id":""},"more":1}`})
	second := serve(t, says{200, `{"identity":{"metadata_public":null,"state":"inactive","schema_id":"s"}}`})
	third := serve(t, says{204, ``})
	body := in64(`function(ctx) ctx.identity`)
	parse := hook.ResponseConfig{Parse: true}
	reply, err := hooks(t, nil).Run(t.Context(), []hook.Config{
		{URL: first.URL, Body: body, Response: parse}, {URL: second.URL, Body: body, Response: parse}, {URL: third.URL, Body: body, Response: parse},
	}, call())
	if err != nil {
		t.Fatal(err)
	}
	none := ""
	want := &hook.Patch{
		SchemaID: "s", State: "inactive", Traits: json.RawMessage(`{"email":"m@example.org"}`), MetadataPublic: json.RawMessage(`null`),
		ExternalID: &none,
	}
	if diff := cmp.Diff(want, reply.Identity); diff != "" {
		t.Errorf("the changes (-want +got):\n%s", diff)
	}
	wantSeen := `{"external_id":"","id":"i1","metadata_public":null,"schema_id":"s","state":"inactive","traits":{"email":"m@example.org"}}`
	if got := strings.Join(strings.Fields(third.heard()[0].body), ""); got != wantSeen {
		t.Errorf("the third hook saw %s", got)
	}
}

func TestExternalIDsAreTakenAwayByNull(t *testing.T) {
	for body, want := range map[string]string{
		`{"external_id":null}`: "taken", `{"external_id":""}`: "taken", `{"external_id":"x"}`: "x", `{"external_id":1}`: "failed", `{}`: "kept",
	} {
		s := serve(t, says{200, `{"identity":` + body + `}`})
		reply, err := hooks(t, nil).Run(t.Context(), []hook.Config{{URL: s.URL, Response: hook.ResponseConfig{Parse: true}}}, call())
		got := "failed"
		switch {
		case err != nil:
		case reply.Identity.ExternalID == nil:
			got = "kept"
		case *reply.Identity.ExternalID == "":
			got = "taken"
		default:
			got = *reply.Identity.ExternalID
		}
		if got != want {
			t.Errorf("%s: %s, want %s (%v)", body, got, want, err)
		}
	}
}

func TestAnswersThatAreNotParsedChangeNothing(t *testing.T) {
	for _, answer := range []says{{200, `{"identity":{"state":"inactive"}}`}, {201, `{"identity":{"state":"inactive"}}`}, {200, `no JSON`}} {
		reply, err := hooks(t, nil).Run(t.Context(), []hook.Config{{URL: serve(t, answer).URL, CanInterrupt: true}}, call())
		if err != nil || reply.Identity != nil {
			t.Errorf("%v: got %v, %v", answer, reply, err)
		}
	}
	for _, answer := range []says{{200, ``}, {200, `{}`}, {200, `{"identity":null}`}, {202, `{"identity":{"state":"inactive"}}`}} {
		reply, err := hooks(t, nil).Run(t.Context(),
			[]hook.Config{{URL: serve(t, answer).URL, Response: hook.ResponseConfig{Parse: true}}}, call())
		if err != nil || reply.Identity != nil {
			t.Errorf("%v: got %v, %v", answer, reply, err)
		}
	}
}

func TestAnswersReject(t *testing.T) {
	answer := says{400, `{"messages":[
		{"instance_ptr":"#/traits/name~1x/first","messages":[{"id":1234,"text":"nobody is called so","type":"error","context":{"a":1}}]},
		{"instance_ptr":"","messages":[{"id":5,"text":"by the way","type":"validation"}]}]}`}
	for _, c := range []hook.Config{{CanInterrupt: true}, {Response: hook.ResponseConfig{Parse: true}}} {
		s := serve(t, answer)
		c.URL = s.URL
		h := hooks(t, nil)
		never := serve(t, says{200, ""})
		_, err := h.Run(t.Context(), []hook.Config{c, {URL: never.URL}}, call())
		invalid, ok := errors.AsType[*ui.Invalid](err)
		if !ok {
			t.Fatalf("got %v", err)
		}
		want := []ui.FieldText{
			{Pointer: "traits.name/x.first", Text: ui.Text{ID: 1234, Text: "nobody is called so", Type: ui.Error, Context: map[string]any{"a": 1.0}}},
			{Pointer: "", Text: ui.Text{ID: 5, Text: "by the way", Type: ui.Info}},
		}
		if diff := cmp.Diff(want, invalid.Texts); diff != "" {
			t.Errorf("the messages (-want +got):\n%s", diff)
		}
		if len(never.heard()) != 0 || !strings.HasSuffix(h.outcomes[0], " rejected") {
			t.Errorf("the next hook heard %v, counted %v", never.heard(), h.outcomes)
		}
		if strings.Contains(h.log.String(), "nobody is called so") {
			t.Errorf("the log says %s", h.log)
		}
	}
}

func TestFailuresStopTheFlow(t *testing.T) {
	parse := hook.ResponseConfig{Parse: true}
	for _, c := range []struct {
		name   string
		config hook.Config
		answer says
	}{
		{"a status", hook.Config{}, says{403, `{"messages":[{"messages":[{"id":1,"text":"x","type":"error"}]}]}`}},
		{"no messages", hook.Config{Response: parse}, says{400, `{"messages":[]}`}},
		{"messages of nothing", hook.Config{Response: parse}, says{400, `{"messages":[{}]}`}},
		{"no JSON", hook.Config{Response: parse}, says{400, `<html>`}},
		{"too long a message", hook.Config{Response: parse},
			says{400, `{"messages":[{"messages":[{"id":1,"text":"` + strings.Repeat("x", 2001) + `"}]}]}`}},
		{"too many messages", hook.Config{Response: parse},
			says{400, `{"messages":[{"messages":[` + strings.Repeat(`{"id":1,"text":"x"},`, 50) + `{"id":1,"text":"x"}]}]}`}},
		{"a success that is no JSON", hook.Config{Response: parse}, says{200, `<html>`}},
		{"a state that is none", hook.Config{Response: parse}, says{200, `{"identity":{"state":"gone"}}`}},
		{"a redirect", hook.Config{}, says{307, ``}},
		{"a redirect of an old kind", hook.Config{Response: parse}, says{302, ``}},
		{"too large an answer", hook.Config{}, says{200, strings.Repeat("x", 1<<20+1)}},
		{"a failure of theirs", hook.Config{MaxRetries: -1}, says{500, ``}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, c.answer)
			c.config.URL = s.URL + "/?key=hidden"
			h := hooks(t, nil)
			_, err := h.Run(t.Context(), []hook.Config{c.config}, call())
			f, ok := errors.AsType[*fault.Error](err)
			if !ok || f.Code != hook.ErrFailed.Code || strings.Contains(err.Error()+h.log.String(), "hidden") {
				t.Errorf("got %v, the log says %s", err, h.log)
			}
			if n := len(s.heard()); n != 1 {
				t.Errorf("the service was called %d times", n)
			}
		})
	}
}

func TestCallsAreTriedAgain(t *testing.T) {
	for _, c := range []struct {
		name    string
		retries int
		answers []says
		calls   int
		works   bool
	}{
		{"after a failure", 0, []says{{503, ""}, {429, ""}, {200, ""}}, 3, true},
		{"not for ever", 1, []says{{503, ""}}, 2, false},
		{"never", -1, []says{{503, ""}, {200, ""}}, 1, false},
		{"not when it makes no sense", 0, []says{{501, ""}, {200, ""}}, 1, false},
		{"not when it was refused", 0, []says{{404, ""}, {200, ""}}, 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, c.answers...)
			_, err := hooks(t, nil).Run(t.Context(),
				[]hook.Config{{URL: s.URL, MaxRetries: c.retries, Body: in64(`function(ctx) ctx.flow.id`)}}, call())
			if (err == nil) != c.works {
				t.Errorf("got %v", err)
			}
			got := s.heard()
			if len(got) != c.calls {
				t.Fatalf("the service was called %d times, want %d", len(got), c.calls)
			}
			requests := map[string]bool{}
			for _, h := range got {
				requests[h.header.Get("Ory-Webhook-Request-ID")] = true
				if h.header.Get("Ory-Webhook-Trigger-ID") != got[0].header.Get("Ory-Webhook-Trigger-ID") || h.body != `"f1"` {
					t.Errorf("a try differs: %v", h)
				}
			}
			if len(requests) != c.calls {
				t.Errorf("%d tries have %d ids", c.calls, len(requests))
			}
		})
	}
}

func TestServiceThatDoesNotAnswer(t *testing.T) {
	released := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-released:
		case <-r.Context().Done():
		}
	}))
	defer s.Close()
	defer close(released)
	h := hooks(t, nil)
	_, err := h.Run(t.Context(), []hook.Config{{ID: "slow", URL: s.URL, Timeout: 100 * time.Millisecond}}, call())
	if f, ok := errors.AsType[*fault.Error](err); !ok || f.Code != hook.ErrTimeout.Code || h.outcomes[0] != "slow timeout" {
		t.Errorf("got %v, counted %v", err, h.outcomes)
	}
	gone := httptest.NewServer(nil)
	gone.Close()
	_, err = h.Run(t.Context(), []hook.Config{{URL: gone.URL + "/?key=hidden", MaxRetries: -1}}, call())
	if f, ok := errors.AsType[*fault.Error](err); !ok || f.Code != hook.ErrFailed.Code || strings.Contains(err.Error(), "hidden") {
		t.Errorf("got %v", err)
	}
}

func TestAnswersThatNobodyWaitsFor(t *testing.T) {
	arrived, answer := make(chan struct{}), make(chan struct{})
	var finished atomic.Bool
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-answer
		finished.Store(true)
		w.WriteHeader(http.StatusForbidden)
	}))
	defer s.Close()
	h := hooks(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := h.Run(ctx, []hook.Config{{ID: "x", URL: s.URL, Response: hook.ResponseConfig{Ignore: true}}}, call())
	if err != nil {
		t.Fatal(err)
	}
	<-arrived
	cancel() // the person is gone, the call goes on
	gone, stop := context.WithTimeout(t.Context(), time.Millisecond)
	defer stop()
	if err := h.Wait(gone); err == nil {
		t.Error("Wait did not wait")
	}
	close(answer)
	if err := h.Wait(t.Context()); err != nil || !finished.Load() {
		t.Errorf("the call was not waited for: %v", err)
	}
	if !strings.Contains(h.log.String(), "a web hook failed") || !strings.Contains(h.log.String(), "status 403") {
		t.Errorf("the log says %s", h.log)
	}
}

func TestPrivateAddressesAreRefusedWhereConfigured(t *testing.T) {
	s := serve(t, says{200, ""})
	closed := func(exceptions ...string) *house {
		return hooks(t, func(o *hook.Options) {
			o.Clients.HTTP = hook.HTTPConfig{DisallowPrivateIPRanges: true, PrivateIPExceptionURLs: exceptions}
		})
	}
	_, err := closed(s.URL+"/other").Run(t.Context(), []hook.Config{{URL: s.URL + "/x"}}, call())
	if !errors.Is(err, fetch.ErrPrivate) || len(s.heard()) != 0 {
		t.Errorf("got %v, the service heard %v", err, s.heard())
	}
	if _, err = closed(s.URL+"/x").Run(t.Context(), []hook.Config{{URL: s.URL + "/x"}}, call()); err != nil {
		t.Errorf("an exception was refused: %v", err)
	}
}

func TestHeadersAreThoseAllowed(t *testing.T) {
	s := serve(t, says{200, ""})
	h := hooks(t, func(o *hook.Options) { o.Clients.WebHook.HeaderAllowlist = []string{"cookie", "X-None"} })
	if _, err := h.Run(t.Context(), []hook.Config{{URL: s.URL, Body: in64(`function(ctx) ctx.request_headers`)}}, call()); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(strings.Fields(s.heard()[0].body), ""); got != `{"Cookie":["secret=1"]}` {
		t.Errorf("programs see %s", got)
	}
}

func TestNoHooksCostNothing(t *testing.T) {
	reply, err := hooks(t, nil).Run(t.Context(), nil, hook.Call{Flow: make(chan int)})
	if err != nil || reply == nil {
		t.Errorf("got %v, %v", reply, err)
	}
	if _, err := hooks(t, nil).Run(t.Context(), []hook.Config{{URL: "https://example.org"}}, hook.Call{Flow: make(chan int)}); err == nil {
		t.Error("a flow that is no document was sent")
	}
}
