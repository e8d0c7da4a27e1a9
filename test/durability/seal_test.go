package durability

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/test/process"
)

const (
	oldSecret = "zU3qPfW8rT5kLx2vNb7mYc4d"
	newSecret = "kD7wQs4hJ9pXe2Rt6uVb8nMa"
)

// secrets is the configuration with system secrets, the first in use.
func secrets(system ...string) string {
	return "secrets: {system: [" + strings.Join(system, ", ") + "], cookie: [hG6jKs9pQw2eRt5yUi8oAz3x]}\nlimits: {enabled: false}\nhashing: {memory: 8192, time: 1}\n" +
		"selfservice: {methods: {password: {config: {haveibeenpwned_enabled: false}}}}\n"
}

// sealing is a server whose people's credentials are sealed anew.
type sealing struct {
	*process.Server
	t *testing.T
}

// ask calls the admin API. It fails where the server was killed meanwhile.
func (s sealing) ask(ctx context.Context, method, path, body string) (int, map[string]any, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.Admin+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, nil, err
	}
	var out map[string]any
	if err := json.Unmarshal(text, &out); err != nil {
		return 0, nil, fmt.Errorf("%s answers %q: %w", path, text, err)
	}
	return resp.StatusCode, out, nil
}

// must calls the admin API of a server that runs.
func (s sealing) must(method, path, body string, want int) map[string]any {
	s.t.Helper()
	code, out, err := s.ask(s.t.Context(), method, path, body)
	if err != nil || code != want {
		s.t.Fatalf("%s %s answers %d, not %d: %v, %v", method, path, code, want, out, err)
	}
	return out
}

// stale is how many values are under another key than the first.
func (s sealing) stale() float64 {
	s.t.Helper()
	n, ok := s.must(http.MethodGet, "/admin/seal-keys/status", "", http.StatusOK)["stale"].(float64)
	if !ok {
		s.t.Fatal("the status says nothing of stale values")
	}
	return n
}

// people is how many sign in by password.
const people = 60

// populate makes people, each with a password of its own.
func (s sealing) populate() {
	s.t.Helper()
	for i := range people {
		s.must(http.MethodPost, "/admin/identities", fmt.Sprintf(`{"schema_id":"default","traits":{"email":"p%d@example.com"},
			"credentials":{"password":{"config":{"password":%q}}}}`, i, password(i, 0)), http.StatusCreated)
	}
}

func password(i, round int) string { return fmt.Sprintf("quiet-harbour-lantern-%d-%d", i, round) }

// signsIn tries a password.
func (s sealing) signsIn(i, round int) int {
	s.t.Helper()
	resp, err := http.Get(s.Public + "/self-service/login/api")
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var flow struct{ ID string }
	if err := json.NewDecoder(resp.Body).Decode(&flow); err != nil {
		s.t.Fatal(err)
	}
	in, err := http.Post(s.Public+"/self-service/login?flow="+flow.ID, "application/json",
		strings.NewReader(fmt.Sprintf(`{"method":"password","identifier":"p%d@example.com","password":%q}`, i, password(i, round))))
	if err != nil {
		s.t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, in.Body)
	_ = in.Body.Close()
	return in.StatusCode
}

// disturb changes passwords until ctx ends, and keeps of each person the round that was acknowledged last; unsure where the
// answer did not arrive. It calls changed after each.
func (s sealing) disturb(ctx context.Context, ids []string, rounds []int, unsure []bool, changed func()) {
	for round := rounds[0] + 1; ctx.Err() == nil; round++ {
		for i := 0; i < len(ids) && ctx.Err() == nil; i += 3 {
			code, _, err := s.ask(ctx, http.MethodPut, "/admin/identities/"+ids[i], fmt.Sprintf(`{"schema_id":"default","state":"active",
				"traits":{"email":"p%d@example.com"},"credentials":{"password":{"config":{"password":%q}}}}`, i, password(i, round)))
			if err != nil || code != http.StatusOK {
				unsure[i] = true
				continue
			}
			rounds[i], unsure[i] = round, false
			changed()
		}
	}
}

// Sealing anew is killed in the middle, the server again and again while people's passwords change, and the command; running it again
// finishes it, and nobody is locked out.
func TestKilledWhileSealingAnew(t *testing.T) {
	for name, dsn := range map[string]func(*testing.T) string{
		"sqlite":   func(*testing.T) string { return "" },
		"postgres": testkit.Postgres,
		"mariadb":  testkit.MariaDB,
	} {
		t.Run(name, func(t *testing.T) {
			s := sealing{process.Configure(t, process.Options{DSN: dsn(t), Config: secrets(oldSecret)}), t}
			s.Run()
			t.Cleanup(func() { s.Stop() })
			s.populate()
			ids := s.ids()
			old := s.making()
			s.Stop()
			s.Override(secrets(newSecret, oldSecret))
			s.Run()
			before := s.stale()
			if before < people {
				t.Fatalf("only %v values are under the old key", before)
			}
			rounds, unsure := make([]int, people), make([]bool, people)
			for range 3 {
				s.resealUntilKilled(ids, rounds, unsure)
				s.Run()
			}
			half := s.stale()
			if slices.Max(rounds) == 0 {
				t.Fatal("no password was changed meanwhile")
			}
			s.killTheCommand(half)
			if output, status := s.Command("keys", "seal", "reseal", "--endpoint", s.Admin); status != 0 || !strings.Contains(output, "100 %") {
				t.Fatalf("sealing anew exits with %d: %s", status, output)
			}
			if left := s.stale(); left != 0 {
				t.Fatalf("%v values are left", left)
			}
			s.Eventually(func() bool { // a value of the old key may be on its way for some seconds
				_, status := s.Command("keys", "seal", "retire", "--endpoint", s.Admin, "--", old)
				return status == 0
			})
			s.Stop()
			s.Override(secrets(newSecret))
			s.Run()
			for i := range people {
				if code := s.signsIn(i, rounds[i]); code != http.StatusOK && !unsure[i] {
					t.Errorf("person %d does not sign in by the password of round %d: HTTP %d", i, rounds[i], code)
				}
			}
			t.Logf("%v values, %v of them left after 3 kills, none after the next run", before, half)
			for _, hidden := range []string{oldSecret, newSecret} {
				if strings.Contains(s.Output(), hidden) {
					t.Error("a secret is in the log")
				}
			}
		})
	}
}

// killTheCommand kills `gatehouse keys seal reseal` in the midst, while the server goes on: it asks for one value at a time, and when one
// was sealed anew it waits for the next until it is dead.
func (s sealing) killTheCommand(before float64) {
	s.t.Helper()
	var sealed, waiting atomic.Bool
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in map[string]any
		text, err := io.ReadAll(r.Body)
		if r.Method == http.MethodPost && err == nil {
			if sealed.Load() {
				waiting.Store(true)
				<-r.Context().Done()
				return
			}
			_ = json.Unmarshal(text, &in)
			in["limit"] = 1
			text, _ = json.Marshal(in)
		}
		code, out, err := s.ask(r.Context(), r.Method, r.URL.RequestURI(), string(text))
		if err != nil {
			code, out = http.StatusBadGateway, nil
		}
		if n, ok := out["resealed"].(float64); ok && n > 0 {
			sealed.Store(true)
		}
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(out)
	}))
	defer front.Close()
	output, state := s.CommandSignalled(syscall.SIGKILL, waiting.Load, "keys", "seal", "reseal", "--endpoint", front.URL)
	if state.Exited() {
		s.t.Fatalf("it ended by itself: %s", output)
	}
	if left := s.stale(); left == 0 || left >= before {
		s.t.Fatalf("%v values were left before, %v afterwards", before, left)
	}
}

func (s sealing) making() string {
	s.t.Helper()
	keys, ok := s.must(http.MethodGet, "/admin/seal-keys", "", http.StatusOK)["keys"].([]any)
	if !ok || len(keys) != 1 {
		s.t.Fatalf("the keys are %v", keys)
	}
	return fmt.Sprint(keys[0].(map[string]any)["id"])
}

// ids are those of the people, in their order.
func (s sealing) ids() []string {
	s.t.Helper()
	resp, err := http.Get(s.Admin + "/admin/identities?page_size=500")
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var all []struct {
		ID     string
		Traits struct{ Email string }
	}
	if err := json.NewDecoder(resp.Body).Decode(&all); err != nil {
		s.t.Fatal(err)
	}
	ids := make([]string, people)
	for _, one := range all {
		var i int
		if _, err := fmt.Sscanf(one.Traits.Email, "p%d@", &i); err != nil {
			s.t.Fatal(err)
		}
		ids[i] = one.ID
	}
	return ids
}

// resealUntilKilled seals some values anew, one a batch, waits in the midst of it for a password to change, goes on, and kills the
// server while it seals a further one.
func (s sealing) resealUntilKilled(ids []string, rounds []int, unsure []bool) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	defer cancel()
	var wg sync.WaitGroup
	changed := make(chan struct{})
	wg.Go(func() { s.disturb(ctx, ids, rounds, unsure, sync.OnceFunc(func() { close(changed) })) })
	batches := make(chan struct{}, 1000)
	wg.Go(func() {
		after := ""
		for n := 0; ctx.Err() == nil; n++ {
			if n == 4 {
				select {
				case <-changed:
				case <-ctx.Done():
				}
			}
			code, out, err := s.ask(ctx, http.MethodPost, "/admin/seal-keys/reseal", fmt.Sprintf(`{"limit":1,"after":%q}`, after))
			switch {
			case err != nil:
				return // killed
			case code != http.StatusOK:
				s.t.Errorf("sealing anew answers %d: %v", code, out)
				return
			case out["done"] == true:
				batches <- struct{}{}
				return
			}
			after = fmt.Sprint(out["after"])
			batches <- struct{}{}
		}
	})
	done, deadline := 0, time.After(3*time.Minute)
	for done < 8 {
		select {
		case <-batches:
			done++
		case <-deadline:
			s.t.Error("fewer than 8 batches in three minutes")
			done = 8
		}
	}
	s.Kill()
	cancel()
	wg.Wait()
}
