package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// events waits until so many events are in the log, and returns them, oldest first.
func events(t *testing.T, s server, n int, filter ...string) []document {
	t.Helper()
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		out := works(t, "", append([]string{"activity", "export", "--endpoint", s.admin}, filter...)...)
		if strings.Count(out, "\n") < n && time.Since(begun) < 30*time.Second {
			continue
		}
		var all []document
		for line := range strings.Lines(out) {
			all = append(all, asJSON[document](t, line))
		}
		if len(all) != n {
			t.Fatalf("%d events, want %d:\n%s", len(all), n, out)
		}
		return all
	}
}

// What is done to clients and people is in the log, and no secret is.
func TestActivity(t *testing.T) {
	file := filepath.Join(t.TempDir(), "activity.jsonl")
	s := start(t, "selfservice: {account_enumeration: {mitigate: false}}\nactivity: {exports: [{name: file, url: 'file://"+file+"'}]}\n")
	at := []string{"--endpoint", s.admin}
	made := asJSON[document](t, works(t, "", append([]string{"clients", "create", "--id", "shop", "--grant-type", "client_credentials", "--scope", "read", "--format", "json"}, at...)...))
	works(t, "", append([]string{"clients", "update", "shop", "--scope", "read write"}, at...)...)
	works(t, "", append([]string{"clients", "delete", "shop"}, at...)...)
	var actions []string
	for _, e := range events(t, s, 3, "--action", "client") {
		actions = append(actions, e["action"].(string))
		if e["subject"].(document)["id"] != "shop" || e["address"] == "" || e["request_id"] == "" {
			t.Errorf("%v", e)
		}
	}
	if fmt.Sprint(actions) != "[client.created client.updated client.deleted]" {
		t.Errorf("%v", actions)
	}
	signInTwice(t, s, "ada@example.com", "correct horse battery staple 7", "wrong horse battery staple 7")
	if e := events(t, s, 1, "--action", "login.failed")[0]; e["subject"].(document)["kind"] != "identity" || e["detail"].(document)["method"] != "password" {
		t.Errorf("%v", e)
	}
	events(t, s, 1, "--action", "identity.registered")
	events(t, s, 2, "--action", "login.succeeded") // with the registration, and again
	report := asJSON[document](t, works(t, "", append([]string{"activity", "verify", "--format", "json"}, at...)...))
	if report["intact"] != true {
		t.Errorf("%v", report)
	}
	noted := fmt.Sprintf("%v:%v", report["last"], report["hash"])
	works(t, "", append([]string{"activity", "verify", "--known", noted}, at...)...)
	fails(t, call(t, "", append([]string{"activity", "verify", "--known", "1:x"}, at...)...), 1, "known: line 1 has another hash", "not what was written")
	fails(t, call(t, "", append([]string{"activity", "list", "--action", "clients.created"}, at...)...), 1, "is no action")
	if out := works(t, "", append([]string{"activity", "list", "--limit", "1", "--subject", "shop"}, at...)...); !strings.Contains(out, "client.deleted") || strings.Contains(out, "client.updated") {
		t.Errorf("%s", out)
	}
	all := works(t, "", append([]string{"activity", "export"}, at...)...)
	for _, word := range []string{made["client_secret"].(string), "battery", "ada@example.com"} {
		if strings.Contains(all, word) {
			t.Errorf("%q is in the log:\n%s", word, all)
		}
	}
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		sent, _ := os.ReadFile(file)
		if strings.Count(string(sent), "\n") >= strings.Count(all, "\n") {
			break
		}
		if time.Since(begun) > 30*time.Second {
			t.Fatalf("the file has\n%s", sent)
		}
	}
}

func TestActivityTail(t *testing.T) {
	s := start(t, "")
	works(t, "", "clients", "create", "--id", "before", "--endpoint", s.admin)
	events(t, s, 1, "--action", "client")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out := &bytes.Buffer{}
	root := newRoot()
	root.SetOut(writerFunc(func(p []byte) (int, error) {
		defer stop()
		return out.Write(p)
	}))
	root.SetArgs([]string{"activity", "tail", "--action", "client", "--endpoint", s.admin})
	go func() {
		for i := 0; ctx.Err() == nil; i++ {
			call(t, "", "clients", "create", "--id", fmt.Sprint("after-", i), "--endpoint", s.admin)
			time.Sleep(50 * time.Millisecond)
		}
	}()
	if err := root.ExecuteContext(ctx); err != nil && ctx.Err() == nil {
		t.Fatal(err)
	}
	var e document
	if err := json.NewDecoder(out).Decode(&e); err != nil || !strings.HasPrefix(e["subject"].(document)["id"].(string), "after-") {
		t.Errorf("%v, %v", err, e)
	}
}

// A server that starts anew does not end who follows its log; one that turns him away does.
func TestActivityTailWaits(t *testing.T) {
	answers := make(chan int, 8)
	for _, status := range []int{200, 503, 503, 200, 403} {
		answers <- status
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		status := <-answers
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		if status != http.StatusOK {
			_, _ = io.WriteString(w, `{"error":{"code":503,"message":"not now"}}`)
			return
		}
		fmt.Fprintf(w, `[{"seq":%d,"action":"login.succeeded"}]`, 10-len(answers))
	}))
	t.Cleanup(server.Close)
	r := call(t, "", "activity", "tail", "--endpoint", server.URL)
	fails(t, r, 1, "not now")
	if strings.Count(r.errs, "waiting for the server") != 1 || strings.Count(r.out, "login.succeeded") != 1 {
		t.Errorf("%s\n%s", r.out, r.errs)
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// signInTwice registers somebody, fails to sign in, and signs in.
func signInTwice(t *testing.T, s server, email, password, wrong string) {
	t.Helper()
	submit := func(kind string, want int, values document) {
		t.Helper()
		var flow struct{ UI struct{ Action string } }
		do(t, http.MethodGet, s.public+"/self-service/"+kind+"/api", nil, 200, &flow)
		do(t, http.MethodPost, flow.UI.Action, values, want, &document{})
	}
	submit("registration", 200, document{"method": "password", "password": password, "traits": document{"email": email}})
	submit("login", 400, document{"method": "password", "identifier": email, "password": wrong})
	submit("login", 200, document{"method": "password", "identifier": email, "password": password})
}

func do(t *testing.T, method, address string, body any, want int, out any) {
	t.Helper()
	encoded, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, address, bytes.NewReader(encoded))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil || resp.StatusCode != want {
		t.Fatalf("%s: %d %v: %v", address, resp.StatusCode, out, err)
	}
}
