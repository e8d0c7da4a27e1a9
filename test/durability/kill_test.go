package durability

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/test/process"
)

func TestMain(m *testing.M) { process.Main(m) }

// A token that a client holds must be known after the server died in the middle of writing others.
func TestKilledUnderLoadLosesNoAcknowledgedToken(t *testing.T) {
	for name, dsn := range map[string]func(*testing.T) string{
		"sqlite":   func(*testing.T) string { return "" },
		"postgres": testkit.Postgres,
		"mariadb":  testkit.MariaDB,
	} {
		t.Run(name, func(t *testing.T) {
			s := process.Start(t, process.Options{DSN: dsn(t)})
			id, secret := register(t, s)
			acknowledged := []string{}
			for range 3 {
				acknowledged = append(acknowledged, loadUntilKilled(t, s, id, secret)...)
				s.Run()
			}
			for _, token := range acknowledged {
				if !active(t, s, token) {
					t.Fatalf("one of %d acknowledged tokens is unknown after the restart", len(acknowledged))
				}
			}
			t.Logf("%d acknowledged tokens, all known after 3 kills", len(acknowledged))
		})
	}
}

const (
	// underLoad is how many tokens a server has acknowledged when it is killed.
	underLoad = 500
	// patience is how long that may take. It takes a second, but on a machine that does other things, or whose disk is slow.
	patience = 5 * time.Minute
)

// loadUntilKilled asks for tokens over 16 connections, kills the server in the middle, and gives back the tokens whose
// whole answer had arrived.
func loadUntilKilled(t *testing.T, s *process.Server, id, secret string) []string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var mu sync.Mutex
	var tokens []string
	loaded := make(chan struct{})
	var wg sync.WaitGroup
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	for range 16 {
		wg.Go(func() {
			for ctx.Err() == nil {
				token, err := issue(ctx, client, s, id, secret)
				if err != nil {
					return // the kill, or what was cut off by it: not acknowledged
				}
				mu.Lock()
				tokens = append(tokens, token)
				if len(tokens) == underLoad {
					close(loaded)
				}
				mu.Unlock()
			}
		})
	}
	select {
	case <-loaded:
	case <-time.After(patience):
		t.Errorf("fewer than %d tokens in %s: that is no load", underLoad, patience)
	}
	s.Kill()
	cancel()
	wg.Wait()
	return tokens
}

func issue(ctx context.Context, client *http.Client, s *process.Server, id, secret string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Public+"/oauth2/token", strings.NewReader("grant_type=client_credentials"))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(id, secret)
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("HTTP %d: %w", resp.StatusCode, err)
	}
	return answer.AccessToken, nil
}

func register(t *testing.T, s *process.Server) (id, secret string) {
	t.Helper()
	resp, err := http.Post(s.Admin+"/admin/clients", "application/json", strings.NewReader(`{"grant_types":["client_credentials"]}`))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var c struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&c); err != nil || resp.StatusCode != http.StatusCreated {
		t.Fatalf("registering a client: HTTP %d, %v", resp.StatusCode, err)
	}
	return c.ID, c.Secret
}

func active(t *testing.T, s *process.Server, token string) bool {
	t.Helper()
	resp, err := http.PostForm(s.Admin+"/admin/oauth2/introspect", url.Values{"token": {token}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Active bool `json:"active"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatalf("introspection answered %q: %v", body, err)
	}
	return answer.Active
}
