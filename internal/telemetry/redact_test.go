package telemetry

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// places are the ways in which a secret gets into a log. %s is the secret, %q and {url} are forms of it.
var places = []string{
	"password={url}", "user=x&password={url}&next=1", "https://a.test/x?client_secret={url}#top", "https://a.test/cb#access_token={url}&state=1",
	`{"password":{json}}`, `{"a":1,"client_secret": {json} ,"b":2}`, `body={{"refresh_token":{json}}}`,
	"/cb?code={url}&state=y", "GET /oauth2/auth?login_verifier={url} HTTP/1.1",
	"return_to=https%3A%2F%2Fa.test%2Fcb%3Fcode%3D{url2}%26state%3Dx",
	"r=https%253A%252F%252Fa.test%253Fcode%253D{url3}%2526s%253D1",
	`{"redirect_to":"https://a.test/?x=1\u0026code={url}\u0026y=2"}`,
	"{\"inner\":\"{\\\"password\\\":\\\"{alnum}\\\"}\"}",
	"Authorization: Bearer {alnum}", "authorization=Bearer%20{alnum}", "curl -H 'Authorization: Basic {alnum}' https://a.test",
	"Cookie: a=b; session={alnum}; c=d", "Set-Cookie: s={alnum}; Path=/", "map[Authorization:[Bearer {alnum}] Accept:[*/*]]",
	"{ClientSecret:{alnum} ID:7}", "token => {alnum}", "X-Session-Token: {alnum}", "Password: {spaced}", "password='{spaced}'", `pwd="{spaced}"`,
	"postgres://gate:{url}@db.test:5432/oauth?sslmode=disable", "cannot open gate:{alnum}@tcp(db.test:3306)/oauth", "dsn=gate:{alnum}@tcp(db)/x",
	"client_assertion={url}&client_assertion_type=x", "code_verifier={url}", "device_code={url}", "user_code={url}", "id_token_hint={url}",
	"oauth.secrets.system: {alnum}", `"api_key" : "{alnum}"`,
	"failed for {alnum}@example.com", "email={alnum}%40example.com&x=1", "<{alnum}@mail.example.com>: refused", "mailto:{alnum}@example.com",
	"q={alnum}%2540example.org", "to \"{spaced}\"@example.com",
}

func fill(place, secret string) string {
	quoted, _ := json.Marshal(secret)
	return strings.NewReplacer("{{", "{", "}}", "}", "{url}", url.QueryEscape(secret), "{url2}", url.QueryEscape(url.QueryEscape(secret)),
		"{url3}", url.QueryEscape(url.QueryEscape(url.QueryEscape(secret))), "{json}", string(quoted), "{alnum}", secret, "{spaced}", secret).Replace(place)
}

// random text of an alphabet that a place can carry without encoding.
func randomText(t testing.TB, alphabet string, n int) string {
	t.Helper()
	b := make([]byte, n)
	for i := range b {
		k, err := rand.Int(rand.Reader, big.NewInt(int64(len(alphabet))))
		if err != nil {
			t.Fatal(err)
		}
		b[i] = alphabet[k.Int64()]
	}
	return string(b)
}

const alnum = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

func secretFor(t testing.TB, place string, n int) string {
	t.Helper()
	switch {
	case strings.Contains(place, "{alnum}"):
		return "Z" + randomText(t, alnum, n) + "7"
	case strings.Contains(place, "{spaced}"):
		return "Z" + randomText(t, alnum, n/2) + " " + randomText(t, alnum, n/2) + "7"
	default:
		return "Z" + randomText(t, alnum+"!#$%&'()*+,-./:;<=>?@[\\]^_`{|}~\" ", n) + "7"
	}
}

// leaks reports whether any piece of the secret that is long enough to help can be found. Pieces of an encoded form
// are longer, or they would be found in the encoding of what stands around it.
func leaks(out, secret string) bool {
	return shares(out, secret, 6) || shares(out, url.QueryEscape(secret), 14) || shares(out, url.PathEscape(secret), 14)
}

func shares(out, form string, n int) bool {
	for i := 0; i+n <= len(form); i++ {
		if strings.Contains(out, form[i:i+n]) {
			return true
		}
	}
	return false
}

func TestRedactHidesSecretsWhereverTheyStand(t *testing.T) {
	for _, place := range places {
		for range 60 {
			s := secretFor(t, place, 12)
			line := fill(place, s)
			if out := Redact(line); leaks(out, s) {
				t.Errorf("%s\n in %s\nout %s", place, line, out)
				break
			}
		}
	}
}

func TestLoggerHidesSecretsAtEveryLevelAndInEveryShape(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		for _, level := range []slog.Level{LevelTrace, slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
			for _, place := range places {
				s := secretFor(t, place, 16)
				line := fill(place, s)
				u, _ := url.Parse("https://a.test/?" + url.Values{"code": {s}}.Encode())
				var out bytes.Buffer
				log := NewLogger(&out, LogConfig{Level: "trace", Format: format})
				log.With("with", line).WithGroup("g").LogAttrs(context.Background(), level, line,
					slog.String("text", line),
					slog.Any("error", fmt.Errorf("wrapped: %w", errors.New(line))),
					slog.Any("stringer", u),
					slog.Any("bytes", []byte(s)),
					slog.Any("list", []string{"a", line}),
					slog.Any("header", http.Header{"Authorization": {"Bearer " + s}, "Cookie": {"x=" + s}, "X": {line}}),
					slog.Any("map", map[string]any{"password": s, "nested": map[string]any{"client_secret": []string{s}, "ok": line}}),
					slog.Any("struct", struct {
						Password string `json:"password"`
						Note     string
					}{s, line}),
					slog.Group("token", slog.String("value", s), slog.Group("deep", slog.String("more", s))),
					slog.String("password", s), slog.Any("client_secret", s), slog.String("Set-Cookie", s), slog.String("code", s),
					slog.Any("secret", secret.String(s)), slog.Any("valuer", valuer{s}),
				)
				if leaks(out.String(), s) {
					t.Fatalf("%s at %s, %s:\nsecret %s\n%s", format, level, place, s, out.String())
				}
			}
		}
	}
}

type valuer struct{ s string }

func (v valuer) LogValue() slog.Value {
	return slog.GroupValue(slog.String("access_token", v.s), slog.String("id", "kept"))
}

// Our own tokens, JWTs and keys are hidden where nothing announces them.
func TestRedactKnowsTokensByTheirShape(t *testing.T) {
	for range 500 {
		raw := make([]byte, 32)
		if _, err := rand.Read(raw); err != nil {
			t.Fatal(err)
		}
		b64 := base64.RawURLEncoding.EncodeToString(raw)
		std := base64.StdEncoding.EncodeToString(raw)
		for _, s := range []string{b64, "gh_at_" + b64 + "." + b64, "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0." + b64} {
			for _, around := range []string{"%s", "got %s here", "(%s)", "a,%s,b", "/x/%s/y", "x=%s"} {
				if out := Redact(fmt.Sprintf(around, s)); leaks(out, s) {
					t.Fatalf("%s: %s", fmt.Sprintf(around, s), out)
				}
			}
		}
		if out := Redact("key=" + std + "&secret=" + std); strings.Contains(out, std) {
			t.Fatalf("%s", out)
		}
	}
}

func TestRedactLeavesTheRestReadable(t *testing.T) {
	for _, s := range []string{
		"", "listening on http://127.0.0.1:4444/", "GET /oauth2/auth", "dial tcp 10.0.0.5:5432: connect: connection refused",
		"client 0196b3a8-7c1e-7d3a-9c1b-2f5e8d7a6b5c not found", "trace 4bf92f3577b34da6a3ce929d0e0e4736", "http://localhost:4318/v1/traces",
		"applied 0004_token.sql in 12ms", "ERROR: duplicate key value violates unique constraint \"oauth_token_pkey\" (SQLSTATE 23505)",
		"github.com/prometheus/client_golang@v1.25.0/prometheus/registry.go:12", "token_type=bearer", "code_challenge_method=S256",
		"github.com/gatehouse-iam/gatehouse/internal/web.(*Mux).ServeHTTP(0xc000123456, {0x1, 0x2})", "the bearer token is missing", "basic authentication failed.",
		"grant_type=authorization_code&redirect_uri=https%3A%2F%2Fa.test%2Fcb", "/etc/gatehouse/tls/tls.crt changed", "mail at noon", "100% @ 5", "@", "%40", "a@", "://@",
	} {
		if out := Redact(s); out != s && s != "://@" {
			t.Errorf("%s\n%s", s, out)
		}
	}
	for in, want := range map[string]string{
		"user=1&password=x&next=/home":                 "user=1&password=[redacted]&next=/home",
		`{"id":"a","client_secret":"b c","scope":"d"}`: `{"id":"a","client_secret":[redacted],"scope":"d"}`,
		"postgres://u:p@db:5432/x?sslmode=disable":     "postgres://[redacted]@db:5432/x?sslmode=disable",
		"postgres://u:pa/ss@db.test/x":                 "postgres://[redacted]@db.test/x",
		"postgres://u:p@ss@db.test/x":                  "postgres://[redacted]@db.test/x",
		"https://a.test:8080/@ann":                     "https://a.test:8080/@ann",
		"ann@[10.0.0.1] bounced":                       "[redacted] bounced",
		"Cookie: a=b\r\nHost: x":                       "Cookie: [redacted]\r\nHost: x",
		`{"msg":"line\ncode=abc"}`:                     `{"msg":"line\ncode=[redacted]"}`,
		"mail to ann@example.com failed":               "mail to [redacted] failed",
		"password=[redacted]&x=1":                      "password=[redacted]&x=1",
	} {
		if got := Redact(in); got != want {
			t.Errorf("%s\n got %s\nwant %s", in, got, want)
		}
	}
}

func TestAttributes(t *testing.T) {
	var out bytes.Buffer
	log := NewLogger(&out, LogConfig{Level: "debug", Format: "json"})
	log.Info("m", "tokens", 3, "code", 123456, "status", 200, "token_expired", true, "token_ttl", time.Hour,
		"client_ip", "203.0.113.77", "ip", netip.MustParseAddr("2001:db8:1:2::3"), "remote_addr", "198.51.100.9:1234", "none", nil,
		"peer", "x", "x_forwarded_for", "203.0.113.77, 10.0.0.1", "x_real_ip", "", "remote_ip", "[::1]:80",
		"unprintable", func() {}, "plain_any", any("mail ann@example.com"), "empty", map[string]any{"token": nil, "list": []any{"ann@example.com", 1}},
		"stats", map[string]any{"tokens": 4, "code": 1, "client_ip": "203.0.113.77", "active": true})
	var got map[string]any
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	for k, want := range map[string]any{
		"tokens": 3.0, "code": hidden, "status": 200.0, "token_expired": true, "token_ttl": 3.6e12,
		"client_ip": "203.0.113.0/24", "ip": "2001:db8:1::/48", "remote_addr": "198.51.100.0/24", "none": nil,
		"x_forwarded_for": hidden, "x_real_ip": "", "remote_ip": "::1", "plain_any": "mail [redacted]",
	} {
		if got[k] != want {
			t.Errorf("%s: %v, want %v", k, got[k], want)
		}
	}
	stats, _ := got["stats"].(map[string]any)
	if stats["tokens"] != 4.0 || stats["code"] != hidden || stats["client_ip"] != "203.0.113.0/24" || stats["active"] != true {
		t.Errorf("stats: %v", stats)
	}
}

func TestLeakSensitiveValues(t *testing.T) {
	var out bytes.Buffer
	log := NewLogger(&out, LogConfig{Level: "info", LeakSensitiveValues: true})
	log.Info("mail to ann@example.com", "token", "abc", "client_ip", "203.0.113.77", "ring", secret.String("never-this"))
	for _, want := range []string{"ann@example.com", "token=abc", "203.0.113.77"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s is hidden: %s", want, &out)
		}
	}
	if strings.Contains(out.String(), "never-this") {
		t.Errorf("a secret.String is shown: %s", &out)
	}
}

// A stranger's text must not cost more than its length.
func TestRedactIsLinear(t *testing.T) {
	for _, unit := range []string{"%40", "@", "a@", "://", "://a@", "token", "token=", "token\"", "password:[", "code%3D%253D", "\\\"", "eyJ.", "Bearer ", "a:b@c ", "a.", "\"@", "+/", "email=%40"} {
		began := testkit.CPUTime(t)
		Redact(strings.Repeat(unit, 60_000/len(unit)))
		if took := testkit.CPUTime(t) - began; took > 2*time.Second { // linear, it is some milliseconds
			t.Errorf("%q, again and again, takes %s", unit, took)
		}
	}
}

func FuzzRedact(f *testing.F) {
	for _, p := range places {
		f.Add(fill(p, "Zx9"), "s3cr3tValue")
	}
	f.Add("%", "a")
	f.Add(`"\"\\"`, "b")
	f.Fuzz(func(t *testing.T, text, value string) {
		once := Redact(text)
		if again := Redact(once); len(again) > len(once)+len(hidden)*(strings.Count(once, hidden)+8) {
			t.Errorf("grows: %q, %q", once, again)
		}
		// Whatever stands before it, a query parameter is hidden.
		for i := range len(value) {
			if !wordByte(value[i]) {
				return
			}
		}
		if len(value) < 6 || strings.Contains(text, value) || strings.Contains(hidden, value) {
			return
		}
		if out := Redact(text + " https://a.test/?client_secret=" + value); strings.Contains(out, value) {
			t.Errorf("%q shows %q", out, value)
		}
	})
}

func BenchmarkRedactNothing(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Redact("client 0196b3a8-7c1e-7d3a-9c1b-2f5e8d7a6b5c asked for https://a.test/cb?state=1 and got 200")
	}
}
