package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/app"
	"github.com/gatehouse-iam/gatehouse/internal/config"
	"github.com/gatehouse-iam/gatehouse/test/pki"
	"github.com/gatehouse-iam/gatehouse/test/process"
)

// result is what a call of the command left behind.
type result struct {
	status    int
	out, errs string
}

// call runs the command inside this process.
func call(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	status := run(args, strings.NewReader(stdin), &out, &errs)
	return result{status, out.String(), errs.String()}
}

// works runs a command that must succeed and gives what it printed.
func works(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	r := call(t, stdin, args...)
	if r.status != 0 {
		t.Fatalf("gatehouse %s exits with %d: %s", strings.Join(args, " "), r.status, r.errs)
	}
	return r.out
}

// fails runs a command that must fail with a status, and say every one of the words.
func fails(t *testing.T, r result, status int, words ...string) {
	t.Helper()
	if r.status != status {
		t.Errorf("exits with %d and not %d: %s", r.status, status, r.errs)
	}
	for _, w := range words {
		if !strings.Contains(r.errs, w) {
			t.Errorf("does not say %q: %s", w, r.errs)
		}
	}
}

func asJSON[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("not JSON: %v\n%s", err, text)
	}
	return v
}

// server is a real one inside this process.
type server struct{ public, admin string }

// start starts one; more is configuration that wins over its own.
func start(t *testing.T, more string) server {
	t.Helper()
	dir := t.TempDir()
	public, admin := process.FreeAddress(t), process.FreeAddress(t)
	file := filepath.Join(dir, "gatehouse.yaml")
	text := fmt.Sprintf(`profile: development
data_dir: %q
serve:
  public: {address: %q}
  admin: {address: %q}
keys: {id_token: {algorithm: ES256}}
log: {level: error}
`, dir, public, admin)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	serve(t, file, write(t, dir, "more.yaml", more))
	return server{public: "http://" + public, admin: "http://" + admin}
}

// serve runs the server of a configuration for the length of the test.
func serve(t *testing.T, files ...string) {
	t.Helper()
	cfg, err := config.Load(files, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := app.New(t.Context(), cfg, "test")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- s.Run(ctx, func() { close(ready) }) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the server ended: %v", err)
		}
	})
	select {
	case <-ready:
	case <-time.After(time.Minute):
		t.Fatal("the server does not become ready")
	}
}

// clientCertificate writes a certificate that nobody signed but itself, and its key.
func clientCertificate(t *testing.T, dir string) (certificate, key string) {
	t.Helper()
	pair, err := pki.SelfSigned(&x509.Certificate{})
	certificate, key = filepath.Join(dir, "client.crt"), filepath.Join(dir, "client.key")
	if err := errors.Join(err, pair.Write(certificate, key)); err != nil {
		t.Fatal(err)
	}
	return certificate, key
}

func write(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// askForCode begins the recovery of an account, as an app does.
func askForCode(t *testing.T, s server, email string) {
	t.Helper()
	resp, err := http.Get(s.public + "/self-service/recovery/api")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var flow struct {
		UI struct{ Action string } `json:"ui"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&flow); err != nil {
		t.Fatal(err)
	}
	sent, err := http.Post(flow.UI.Action, "application/json", strings.NewReader(fmt.Sprintf(`{"method":"code","email":%q}`, email)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sent.Body.Close() }()
	if sent.StatusCode != http.StatusOK {
		t.Fatalf("asking for a code: HTTP %d", sent.StatusCode)
	}
}
