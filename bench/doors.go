package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// doorAddresses are where requests to applications come in.
type doorAddresses struct {
	decisions, proxy string
	// app is an application as small as they get, alone is the standard library's proxy before it.
	app, alone *server
	count      int // of rules
}

const doorConfig = `serve:
  decisions: {enabled: true, address: %q}
  proxy: {enabled: true, address: %q}
access: {rules: {repositories: ["file://%s"]}}
`

// configure writes the configuration of the doors and the rules, and starts what stands behind them.
func (d *doorAddresses) configure(dir string, rules int) (file string, err error) {
	var at [2]string
	for i := range at {
		if at[i], err = freeAddress(); err != nil {
			return "", err
		}
	}
	d.count, d.decisions, d.proxy = rules, "http://"+at[0], "http://"+at[1]
	if d.app, err = startBare(context.Background()); err != nil {
		return "", err
	}
	if d.alone, err = startBare(context.Background(), "-serve-proxy", d.app.public); err != nil {
		d.stop()
		return "", err
	}
	list := filepath.Join(dir, "rules.yaml")
	if err := os.WriteFile(list, d.rules(rules), 0o600); err != nil {
		return "", err
	}
	file = filepath.Join(dir, "doors.yaml")
	return file, os.WriteFile(file, fmt.Appendf(nil, doorConfig, at[0], at[1], list), 0o600)
}

// stop ends what stands behind the doors.
func (d *doorAddresses) stop() {
	for _, s := range []*server{d.app, d.alone} {
		if s != nil {
			s.stop()
		}
	}
}

// rules are n rules, one for each application, spread over a tenth as many hosts. The requests are for the last one.
func (d *doorAddresses) rules(n int) []byte {
	var b strings.Builder
	for i := range n {
		for _, by := range []struct{ path, authenticator string }{{"noop", "noop"}, {"token", "oauth2_introspection"}, {"jwt", "jwt"}, {"session", "bearer_token"}} {
			if i < n-1 && by.path != [...]string{"noop", "token", "jwt", "session"}[i%4] {
				continue
			}
			fmt.Fprintf(&b, "- id: %s-%d\n  match: {url: \"http://%s/application/%d/%s/<.*>\", methods: [GET]}\n  authenticators: [{handler: %s}]\n"+
				"  authorizer: {handler: allow}\n  mutators: [{handler: noop}]\n  upstream: {url: %q}\n", by.path, i, host(i, n), i, by.path, by.authenticator, d.app.public)
		}
	}
	return []byte(b.String())
}

func host(i, n int) string { return fmt.Sprintf("app%d.example.com", i%max(1, n/10)) }

// ruleCounts are the numbers of rules that the chosen workloads need.
func ruleCounts(only string) (list []int) {
	for _, w := range workloads {
		if w.rules > 0 && strings.Contains(w.name, only) && !slices.Contains(list, w.rules) {
			list = append(list, w.rules)
		}
	}
	return list
}

// who gives the path below which the rule for a kind of credential is, and a credential.
type who func(ctx context.Context, t *target, workers int) (path string, credentials []string, err error)

func nobody(_ context.Context, _ *target, workers int) (string, []string, error) {
	return "noop", make([]string, workers), nil
}

func opaqueToken(ctx context.Context, t *target, workers int) (string, []string, error) {
	return ofClient(ctx, t, workers, "token", t.opaque)
}

func jwtToken(ctx context.Context, t *target, workers int) (string, []string, error) {
	return ofClient(ctx, t, workers, "jwt", t.jwt)
}

func ofClient(ctx context.Context, t *target, workers int, path string, c credentials) (string, []string, error) {
	list := make([]string, workers)
	for i := range list {
		var got tokens
		if err := t.form(ctx, t.public+"/oauth2/token", c, "grant_type=client_credentials&scope=read", &got); err != nil {
			return "", nil, err
		}
		list[i] = "Bearer " + got.AccessToken
	}
	return path, list, nil
}

func sessionToken(ctx context.Context, t *target, workers int) (string, []string, error) {
	persons, err := t.people(ctx, workers)
	if err != nil {
		return "", nil, err
	}
	list := make([]string, workers)
	for i, p := range persons {
		token, err := t.login(ctx, p)
		if err != nil {
			return "", nil, err
		}
		list[i] = "Bearer " + token
	}
	return "session", list, nil
}

// asking has each worker request the last rule's application with a credential of its own.
func asking(from func(d doorAddresses) (base, prefix string), who who) func(context.Context, *target, int) ([]job, error) {
	return func(ctx context.Context, t *target, workers int) ([]job, error) {
		path, list, err := who(ctx, t, workers)
		if err != nil {
			return nil, err
		}
		base, prefix := from(t.doors)
		last := t.doors.count - 1
		jobs := make([]job, workers)
		for i, credential := range list {
			jobs[i] = func(ctx context.Context) error {
				req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s%s/application/%d/%s/x", base, prefix, last, path), nil)
				if err != nil {
					return err
				}
				req.Host = host(last, t.doors.count)
				if credential != "" {
					req.Header.Set("Authorization", credential)
				}
				_, err = t.read(req, http.StatusOK)
				return err
			}
		}
		return jobs, nil
	}
}

func decisions(who who) func(context.Context, *target, int) ([]job, error) {
	return asking(func(d doorAddresses) (string, string) { return d.decisions, "/decisions" }, who)
}

func proxied(who who) func(context.Context, *target, int) ([]job, error) {
	return asking(func(d doorAddresses) (string, string) { return d.proxy, "" }, who)
}

func direct(ctx context.Context, t *target, workers int) ([]job, error) {
	return asking(func(d doorAddresses) (string, string) { return d.app.public, "" }, nobody)(ctx, t, workers)
}

func reverseProxy(ctx context.Context, t *target, workers int) ([]job, error) {
	return asking(func(d doorAddresses) (string, string) { return d.alone.public, "" }, nobody)(ctx, t, workers)
}
