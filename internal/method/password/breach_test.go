package password

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

func digestOf(password string) string {
	sum := sha1.Sum([]byte(password))
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

// service is what Have I Been Pwned answers.
type service struct {
	asked  []string
	answer string
	err    error
}

func (s *service) fetch(_ context.Context, url string) ([]byte, error) {
	s.asked = append(s.asked, url)
	return []byte(s.answer), s.err
}

func breaches(t *testing.T, s *service, change func(*PolicyConfig)) (*Breaches, *testkit.Clock) {
	t.Helper()
	clock := &testkit.Clock{}
	c := DefaultConfig().Config
	change(&c)
	b, err := NewBreaches(BreachOptions{Config: c, Fetch: s.fetch, Now: clock.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b, clock
}

func same(*PolicyConfig) {}

func count(t *testing.T, b *Breaches, password string) int64 {
	t.Helper()
	n, err := b.Count(t.Context(), password)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestService(t *testing.T) {
	stolen := digestOf("password1")
	s := &service{answer: "0018A45C4D1DEF81644B54AB7F969B88D65:10\r\n" + strings.ToLower(stolen[5:]) + ":2413945\r\nnonsense\r\n:::\r\n"}
	b, _ := breaches(t, s, same)
	if n := count(t, b, "password1"); n != 2413945 {
		t.Errorf("stolen %d times", n)
	}
	if n := count(t, b, "correct horse battery"); n != 0 {
		t.Errorf("a good one stolen %d times", n)
	}
	if want := "https://api.pwnedpasswords.com/range/" + stolen[:5]; s.asked[0] != want {
		t.Errorf("asked %s, want %s", s.asked[0], want)
	}
	for _, url := range s.asked {
		if len(url) != len("https://api.pwnedpasswords.com/range/")+5 {
			t.Errorf("the service was told more than five digits: %s", url)
		}
	}
}

func TestServiceIsOff(t *testing.T) {
	s := &service{err: errors.New("asked")}
	b, _ := breaches(t, s, func(c *PolicyConfig) { c.HaveIBeenPwnedEnabled, c.IgnoreNetworkErrors = false, false })
	if n := count(t, b, "password1"); n != 0 || len(s.asked) != 0 {
		t.Errorf("stolen %d times, asked %v", n, s.asked)
	}
	var none *Breaches
	if n := count(t, none, "password1"); n != 0 {
		t.Errorf("nobody knows %d", n)
	}
}

// TestServiceIsAway: nobody waits twice for a service that is not there.
func TestServiceIsAway(t *testing.T) {
	s := &service{err: errors.New("no route to host")}
	b, clock := breaches(t, s, same)
	for _, want := range []struct {
		after time.Duration
		asked int
	}{{0, 1}, {29 * time.Second, 1}, {2 * time.Second, 2}, {59 * time.Second, 2}, {2 * time.Second, 3}} {
		clock.Advance(want.after)
		if n := count(t, b, "password1"); n != 0 || len(s.asked) != want.asked {
			t.Errorf("after %s: stolen %d times, asked %d times, want %d", want.after, n, len(s.asked), want.asked)
		}
	}
	clock.Advance(time.Hour)
	s.err, s.answer = nil, digestOf("password1")[5:]+":7"
	if n := count(t, b, "password1"); n != 7 {
		t.Errorf("back again: stolen %d times", n)
	}
	s.err = errors.New("away again")
	count(t, b, "password1")
	clock.Advance(31 * time.Second)
	before := len(s.asked)
	if count(t, b, "password1"); len(s.asked) != before+1 {
		t.Error("the pause did not begin anew")
	}
}

func TestServiceIsNeeded(t *testing.T) {
	s := &service{err: errors.New("no route to host")}
	b, _ := breaches(t, s, func(c *PolicyConfig) { c.IgnoreNetworkErrors = false })
	for range 2 {
		_, err := b.Count(t.Context(), "password1")
		if !errors.Is(err, ErrUncheckable) || fault.From(err).Kind != fault.Unavailable {
			t.Errorf("error is %v", err)
		}
	}
	if len(s.asked) != 2 {
		t.Errorf("asked %d times", len(s.asked))
	}
}

// TestServiceIsSlow: the time limit is the configuration's, and whoever leaves is no reason to leave the service alone.
func TestServiceIsSlow(t *testing.T) {
	s := &service{}
	b, _ := breaches(t, s, func(c *PolicyConfig) { c.HaveIBeenPwnedTimeout = 100 * time.Millisecond })
	b.fetch = func(ctx context.Context, _ string) ([]byte, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Count(ctx, "password1"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if b.resting() {
		t.Error("the service is left alone because somebody left")
	}
	if n := count(t, b, "password1"); n != 0 || !b.resting() {
		t.Errorf("slow: %d, resting %v", n, b.resting())
	}
}

func write(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestListOfDigests(t *testing.T) {
	var lines []string
	for i := range 1000 {
		lines = append(lines, fmt.Sprintf("%s:%d", digestOf(fmt.Sprint("stolen ", i)), i+1))
	}
	slices.Sort(lines)
	bare := make([]string, len(lines))
	for i, l := range lines {
		bare[i] = strings.ToLower(l[:40])
	}
	for name, text := range map[string]string{
		"as it is published":  strings.Join(lines, "\r\n") + "\r\n",
		"without a last line": strings.Join(lines, "\n"),
		"without counts":      strings.Join(bare, "\n") + "\n",
		"of one":              lines[0],
		"of two":              lines[0] + "\n" + lines[1] + "\n",
	} {
		s := &service{}
		path := write(t, text)
		b, _ := breaches(t, s, func(c *PolicyConfig) { c.BreachedPasswordsFile, c.HaveIBeenPwnedEnabled = path, false })
		for i := range 1000 {
			want := int64(i + 1)
			if !strings.Contains(strings.ToUpper(text), digestOf(fmt.Sprint("stolen ", i))) {
				want = 0
			} else if name == "without counts" {
				want = 1
			}
			if n := count(t, b, fmt.Sprint("stolen ", i)); n != want {
				t.Fatalf("%s: password %d stolen %d times, want %d", name, i, n, want)
			}
			if n := count(t, b, fmt.Sprint("good ", i)); n != 0 {
				t.Fatalf("%s: a good one stolen %d times", name, n)
			}
		}
	}
}

// TestListWithABrokenCount: a list that cannot be trusted says so, instead of that a password was stolen once or never.
func TestListWithABrokenCount(t *testing.T) {
	for after, want := range map[string]int64{"": 1, ":": 1, ":\r": 1, ":7": 7, ":7 \r": 7, ":seven": -1, ":7:8": -1} {
		path := write(t, digestOf("password1")+after+"\n")
		b, _ := breaches(t, &service{}, func(c *PolicyConfig) { c.BreachedPasswordsFile, c.HaveIBeenPwnedEnabled = path, false })
		n, err := b.Count(t.Context(), "password1")
		if want < 0 {
			if err == nil || !strings.HasPrefix(err.Error(), path+": ") {
				t.Errorf("%q: error is %v", after, err)
			}
			continue
		}
		if err != nil || n != want {
			t.Errorf("%q: stolen %d times, want %d: %v", after, n, want, err)
		}
	}
}

func TestListOfPasswords(t *testing.T) {
	s := &service{}
	path := write(t, "password1\r\n\n passphrase with blanks \ncorrect horse\npassword1\n"+strings.Repeat("x", 41)+"\n")
	b, _ := breaches(t, s, func(c *PolicyConfig) { c.BreachedPasswordsFile = path })
	for password, want := range map[string]int64{
		"password1": 1, " passphrase with blanks ": 1, "passphrase with blanks": 0, "correct horse": 1, "Password1": 0, "": 0,
		strings.Repeat("x", 41): 1,
	} {
		if n := count(t, b, password); n != want {
			t.Errorf("%q stolen %d times, want %d", password, n, want)
		}
	}
	if len(s.asked) != 3 { // who is in the list need not be asked for
		t.Errorf("the service was asked %d times", len(s.asked))
	}
}

func TestListIsMissing(t *testing.T) {
	c := DefaultConfig().Config
	c.BreachedPasswordsFile = filepath.Join(t.TempDir(), "none")
	if _, err := NewBreaches(BreachOptions{Config: c}); err == nil || !strings.Contains(err.Error(), "breached_passwords_file") {
		t.Errorf("error is %v", err)
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte("0018A45C4D1DEF81644B54AB7F969B88D65:10\r\n"), "0018A45C4D1DEF81644B54AB7F969B88D65")
	f.Add([]byte(":\n:-1\nx:99999999999999999999"), "x")
	f.Fuzz(func(t *testing.T, answer []byte, end string) {
		if n := countIn(answer, end); n < 0 {
			t.Errorf("%d times", n)
		}
	})
}

func FuzzList(f *testing.F) {
	f.Add(digestOf("a")+":1\n"+digestOf("b")+":2\n", "a")
	f.Add("not sorted\n\n"+digestOf("a"), "a")
	f.Add(digestOf("a")+"\n"+strings.Repeat("x", 600), "b")
	f.Fuzz(func(t *testing.T, text, password string) {
		l, err := openList(write(t, text))
		if err != nil {
			return
		}
		defer l.close()
		_, _ = l.count(password, digestOf(password)) // ends, without a panic, whatever the file holds
	})
}
