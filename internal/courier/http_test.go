package courier

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// seen is a request as a service got it.
type seen struct {
	method, path, user, password, contentType string
	header                                    http.Header
	body                                      map[string]any
}

// service plays the service behind an HTTP channel.
func service(t *testing.T) (config RequestConfig, requests chan seen) {
	t.Helper()
	requests = make(chan seen, 10)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got := seen{method: r.Method, path: r.URL.Path, header: r.Header, contentType: r.Header.Get("Content-Type")}
		got.user, got.password, _ = r.BasicAuth()
		text, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(text, &got.body); err != nil {
			t.Errorf("the body is no JSON: %v: %s", err, text)
		}
		requests <- got
	}))
	t.Cleanup(s.Close)
	config = defaultRequest()
	config.URL = s.URL + "/messages"
	return config, requests
}

func TestHTTPChannel(t *testing.T) {
	config, requests := service(t)
	dir := t.TempDir()
	write(t, dir, "sms.gotmpl", `{"to": {{json .recipient}}, "text": {{json .body}}, "kind": "{{.message_type}}/{{.template_type}}", "code": {{json .template_data.login_code}}, "minutes": {{.template_data.expires_in_minutes}}}`)
	write(t, dir, "mail.jsonnet", `function(ctx) { … }`)
	sms := config
	sms.URL = strings.TrimSuffix(config.URL, "messages") + "sms"
	sms.Method = "PUT"
	sms.Headers = map[string]secret.String{"X-Account": "hunter2"}
	sms.Auth = fetch.AuthConfig{Type: "basic_auth", Config: fetch.AuthValues{User: "u", Password: "hunter2"}}
	sms.Body, sms.BodyFormat = "file://"+filepath.Join(dir, "sms.gotmpl"), templateBody
	f := newFixture(t, testkit.SQLite(t, "management"), func(o *Options) {
		o.Config.DeliveryStrategy = byHTTP
		o.Config.HTTP.RequestConfig = config
		o.Config.HTTP.RequestConfig.Auth = fetch.AuthConfig{Type: "api_key", Config: fetch.AuthValues{Name: "X-Key", Value: "hunter2", In: "header"}}
		o.Config.Channels = []ChannelConfig{{ID: SMS, Type: byHTTP, RequestConfig: sms}}
	})
	f.queue(t, loginCode("anna@example.com"))
	f.pass(t)
	r := f.one(t)
	got := <-requests
	if got.method != "POST" || got.path != "/messages" || got.contentType != "application/json" || got.header.Get("X-Key") != "hunter2" || got.header.Get("Idempotency-Key") != r.ID {
		t.Errorf("%+v", got)
	}
	// What Kratos sends where nobody wrote a template.
	want := map[string]any{
		"recipient": "anna@example.com", "to": "anna@example.com", "template_type": "login_code_valid", "subject": "Your code to sign in to Example",
		"body": r.Document.Body, "recovery_code": nil, "recovery_url": nil, "verification_code": nil, "verification_url": nil,
	}
	if diff := cmp.Diff(want, got.body); diff != "" {
		t.Error(diff)
	}

	text := loginCode("+491701234567")
	text.Channel, text.Lang = SMS, "de"
	f.queue(t, text)
	f.pass(t)
	got = <-requests
	if got.method != "PUT" || got.path != "/sms" || got.user != "u" || got.password != "hunter2" || got.header.Get("X-Account") != "hunter2" {
		t.Errorf("%+v", got)
	}
	want = map[string]any{
		"to": "+491701234567", "kind": "phone/login_code_valid", "code": "012345", "minutes": 15.0,
		"text": "012345 ist Ihr Code zur Anmeldung bei Example. Gültig für 15 Min. Geben Sie ihn nicht weiter.\n",
	}
	if diff := cmp.Diff(want, got.body); diff != "" {
		t.Error(diff)
	}
	tellsNothing(t, "the log", f.log.String())
}

func TestJsonnetBody(t *testing.T) {
	config, requests := service(t)
	config.Body = "base64://ZnVuY3Rpb24oY3R4KSB7fQ=="
	config.Auth = fetch.AuthConfig{Type: "api_key", Config: fetch.AuthValues{Name: "key", Value: "hunter2", In: "cookie"}}
	var fails error
	f := newFixture(t, testkit.SQLite(t, "management"), func(o *Options) {
		o.Config.DeliveryStrategy = byHTTP
		o.Config.HTTP.RequestConfig = config
		o.Evaluate = func(_ context.Context, snippet string, input []byte) ([]byte, error) {
			var ctx map[string]any
			if err := json.Unmarshal(input, &ctx); err != nil || snippet != "function(ctx) {}" {
				t.Errorf("%q, %s", snippet, input)
			}
			var keys []string
			for key := range ctx {
				keys = append(keys, key)
			}
			out, err := json.Marshal(map[string]any{"count": len(keys), "html": ctx["html_body"], "code": ctx["template_data"].(map[string]any)["login_code"]})
			return out, errors.Join(err, fails)
		}
	})
	f.queue(t, loginCode("anna@example.com"))
	f.pass(t)
	got := <-requests
	if got.body["code"] != "012345" || got.body["count"] != 8.0 || !strings.HasPrefix(got.body["html"].(string), "<!DOCTYPE html>") || got.header.Get("Cookie") != "key=hunter2" {
		t.Errorf("%+v", got)
	}
	fails = errors.New("RUNTIME ERROR: boom 012345 anna@example.com")
	f.queue(t, loginCode("bert@example.com"))
	f.pass(t)
	if r := f.all(t)[0]; r.Status != Queued || !strings.Contains(r.Dispatches[0].Reason, "boom [data] [address]") {
		t.Errorf("%+v", r)
	}
	tellsNothing(t, "the log", f.log.String())
	f.channels[Email].(*httpChannel).evaluate = nil
	f.clock.Advance(time.Hour)
	f.pass(t)
	if r := f.all(t)[0]; !strings.Contains(r.Dispatches[1].Reason, "gotemplate") {
		t.Errorf("%+v", r)
	}
}

func TestHTTPChannelGoesNowhereElse(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	t.Cleanup(elsewhere.Close)
	f := newFixture(t, testkit.SQLite(t, "management"), viaHTTP(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	}))
	f.queue(t, loginCode("anna@example.com"))
	f.pass(t)
	if r := f.one(t); r.Status != Queued || !strings.HasSuffix(r.Dispatches[0].Reason, "answered 307") {
		t.Errorf("%+v", r)
	}
	gone := newFixture(t, testkit.SQLite(t, "management"), func(o *Options) {
		o.Config.DeliveryStrategy = byHTTP
		o.Config.HTTP.RequestConfig.URL = "http://127.0.0.1:1/?key=hunter2"
	})
	gone.queue(t, loginCode("anna@example.com"))
	gone.pass(t)
	if r := gone.one(t); r.Status != Queued {
		t.Errorf("%+v", r)
	}
	tellsNothing(t, "the log", gone.log.String())
	tellsNothing(t, "the reason", gone.one(t).Dispatches[0].Reason)
}

// admin serves the admin API.
func (f *fixture) admin(t *testing.T) func(target string) (*http.Response, string) {
	t.Helper()
	mux := web.NewMux(web.KratosErrors, web.Options{})
	(&Handler{Courier: f.Courier, Ring: testkit.Ring(t).For("page tokens")}).MountAdmin(mux)
	return func(target string) (*http.Response, string) {
		t.Helper()
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
		return w.Result(), w.Body.String()
	}
}

func TestAdminGet(t *testing.T) {
	answers := []int{http.StatusBadGateway, http.StatusOK}
	f := newFixture(t, testkit.SQLite(t, "management"), viaHTTP(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(answers[0])
		answers = answers[1:]
	}))
	f.queue(t, loginCode("anna@example.com"))
	f.clock.Advance(time.Second)
	f.pass(t)
	f.clock.Advance(time.Minute)
	f.pass(t)
	get := f.admin(t)
	r := f.one(t)
	res, body := get("/admin/courier/messages/" + r.ID)
	if res.StatusCode != http.StatusOK {
		t.Fatal(body)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	dispatches := got["dispatches"].([]any)
	delete(got, "dispatches")
	want := map[string]any{
		"id": r.ID, "status": "sent", "type": "email", "recipient": "anna@example.com", "subject": "Your code to sign in to Example",
		"body": r.Document.Body, "template_type": "login_code_valid", "channel": "email", "send_count": 2.0,
		"created_at": "2026-03-04T05:06:07.089012Z", "updated_at": "2026-03-04T05:07:08.089012Z",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	first := dispatches[0].(map[string]any)
	reason := first["error"].(map[string]any)["reason"].(string)
	delete(first, "id")
	delete(first["error"].(map[string]any), "reason")
	if diff := cmp.Diff(map[string]any{
		"message_id": r.ID, "status": "failed", "created_at": "2026-03-04T05:06:08.089012Z", "updated_at": "2026-03-04T05:06:08.089012Z",
		"error": map[string]any{"code": 500.0, "status": "Internal Server Error", "message": "The message could not be sent"},
	}, first); diff != "" || !strings.HasSuffix(reason, "answered 502") {
		t.Error(diff, reason)
	}
	if second := dispatches[1].(map[string]any); second["status"] != "success" || second["error"] != nil || len(dispatches) != 2 {
		t.Error(dispatches)
	}
	for target, status := range map[string]int{
		"/admin/courier/messages/nothing":                               400,
		"/admin/courier/messages/" + secret.NewID():                     404,
		"/admin/courier/messages?status=lost":                           400,
		"/admin/courier/messages?page_size=-1":                          400,
		"/admin/courier/messages?page_size=many":                        400,
		"/admin/courier/messages?page_token=forged":                     400,
		"/admin/courier/messages/" + strings.ToUpper(r.ID):              200,
		"/admin/courier/messages?page_size=100000&status=sent":          200,
		"/admin/courier/messages?recipient=%00":                         200,
		"/admin/courier/messages?recipient=" + strings.Repeat("a", 999): 200,
	} {
		res, body := get(target)
		var e struct {
			Error struct {
				Code   int    `json:"code"`
				Reason string `json:"reason"`
			} `json:"error"`
		}
		_ = json.Unmarshal([]byte(body), &e)
		if res.StatusCode != status || status >= 400 && (e.Error.Code != status || e.Error.Reason == "") {
			t.Errorf("%s: %d %s", target, res.StatusCode, body)
		}
	}
}

func TestAdminListPages(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "management"), nil)
	for i := range 7 {
		f.queue(t, loginCode(fmt.Sprintf("p%d@example.com", i%2)))
	}
	get := f.admin(t)
	var pages [][]string
	target := "/admin/courier/messages?page_size=2&recipient=p0%40example.com&status=queued"
	var tokens []string
	for target != "" {
		res, body := get(target)
		var list []map[string]any
		if err := json.Unmarshal([]byte(body), &list); err != nil || res.StatusCode != http.StatusOK {
			t.Fatal(err, body)
		}
		var page []string
		for _, m := range list {
			page = append(page, m["recipient"].(string))
			if _, has := m["dispatches"]; has {
				t.Error("a list shows attempts")
			}
		}
		pages = append(pages, page)
		if res.Header.Get("X-Total-Count") != "4" {
			t.Errorf("total %s", res.Header.Get("X-Total-Count"))
		}
		target = ""
		for link := range strings.SplitSeq(res.Header.Get("Link"), ",") {
			address, rel, _ := strings.Cut(link, ";")
			if strings.Contains(rel, "next") {
				target = strings.Trim(address, "<>")
				u, err := url.Parse(target)
				if err != nil {
					t.Fatal(err)
				}
				tokens = append(tokens, u.Query().Get("page_token"))
			}
		}
	}
	if diff := cmp.Diff([][]string{{"p0@example.com", "p0@example.com"}, {"p0@example.com", "p0@example.com"}}, pages); diff != "" {
		t.Error(diff)
	}
	// A token is good for the list that gave it.
	if res, _ := get("/admin/courier/messages?page_size=2&page_token=" + tokens[0]); res.StatusCode != http.StatusBadRequest {
		t.Errorf("another list took the token: %d", res.StatusCode)
	}
	if _, body := get("/admin/courier/messages?status=sent"); body != "[]" && body != "[]\n" {
		t.Errorf("an empty list is %q", body)
	}
}

func TestAdminShowsBodiesWhereItMay(t *testing.T) {
	for _, tc := range []struct {
		show        string
		development bool
		want        bool
	}{
		{showDevelopment, true, true}, {showDevelopment, false, false}, {showAlways, false, true}, {showNever, true, false},
	} {
		f := newFixture(t, testkit.SQLite(t, "management"), func(o *Options) { o.Config.ShowBodies, o.Development = tc.show, tc.development })
		f.queue(t, loginCode("anna@example.com"))
		get := f.admin(t)
		for _, target := range []string{"/admin/courier/messages", "/admin/courier/messages/" + f.one(t).ID} {
			_, body := get(target)
			if strings.Contains(body, "012345") != tc.want {
				t.Errorf("%s in development %v: %s", tc.show, tc.development, body)
			}
			if !tc.want && !strings.Contains(body, "redacted-unless-dev-mode") {
				t.Errorf("what is hidden does not say so: %s", body)
			}
		}
	}
}
