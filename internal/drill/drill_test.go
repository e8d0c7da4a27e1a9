package drill

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestPublishedKeys(t *testing.T) {
	restored := map[string]bool{"signs": true, "next": true}
	for name, c := range map[string]struct {
		set       keySet
		published []string
		says      string
		bad       bool
	}{
		"all":                 {keySet{restored, []string{"signs"}}, []string{"signs", "next"}, "2 of the backup", false},
		"some made":           {keySet{restored, []string{"signs"}}, []string{"signs", "other"}, "1 made for the drill", false},
		"none there were":     {keySet{}, []string{"other"}, "0 of the backup, 1 made", false},
		"the one that signs":  {keySet{restored, []string{"signs"}}, []string{"next", "other"}, "the key signs of the backup", true},
		"none are published":  {keySet{}, nil, "no key", true},
		"of a set of its own": {keySet{restored, nil}, []string{"other"}, "0 of the backup", false},
	} {
		detail, err := c.set.judge(c.published)
		if err != nil {
			detail = err.Error()
		}
		if (err != nil) != c.bad || !strings.Contains(detail, c.says) {
			t.Errorf("%s: %s %v", name, detail, err)
		}
	}
}

// answers are those of a server that is not what it should be.
type answers map[string]string

// RoundTrip implements http.RoundTripper.
func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	body, known := a[r.Method+" "+r.URL.Path]
	status := http.StatusOK
	if !known {
		status, body = http.StatusInternalServerError, `{"error":{"message":"An internal error.","reason":"it is broken"}}`
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body)), Header: http.Header{}}, nil
}

// Every step that does not show what it should fails and says why, and the others are tried all the same.
func TestBrokenServers(t *testing.T) {
	const key = `{"kty":"oct","kid":"k","alg":"HS256","k":"AAAA"}`
	for name, c := range map[string]struct {
		public, admin answers
		step, says    string
	}{
		"nothing works": {nil, nil, "signing keys", "GET /admin/keys: the server answered HTTP 500: An internal error: it is broken"},
		"another issuer": {answers{"GET /.well-known/openid-configuration": `{"issuer":"https://evil.example.com"}`}, nil,
			"discovery", "the issuer is https://evil.example.com, and not https://a.example.com/"},
		"no JSON": {answers{"GET /.well-known/openid-configuration": `<html>`}, nil, "discovery", "no JSON"},
		"unknown token": {answers{"POST /oauth2/token": `{"access_token":"hidden"}`},
			answers{"POST /t/a/admin/clients": `{"client_id":"c","client_secret":"hidden"}`, "POST /t/a/admin/oauth2/introspect": `{"active":false}`}, "opaque token", "does not know the token"},
		"no JWT": {answers{"POST /oauth2/token": `{"access_token":"hidden"}`, "GET /.well-known/jwks.json": `{"keys":[` + key + `]}`},
			answers{"GET /t/a/admin/keys": `[]`, "POST /t/a/admin/clients": `{"client_id":"c","client_secret":"hidden"}`, "POST /t/a/admin/oauth2/introspect": `{"active":true,"client_id":"c"}`}, "signed token", "no JWT"},
		"nobody takes a password": {nil, answers{"GET /t/a/admin/identities": `[{"id":"i","state":"active","credentials":{"password":{}}}]`}, "login", "none of 1 people with a password can be given another one"},
		"the session is another's": {answers{"GET /self-service/login/api": `{"id":"f"}`, "POST /self-service/login": `{"session_token":"hidden"}`, "GET /sessions/whoami": `{"active":true,"identity":{"id":"j"}}`},
			answers{"GET /t/a/admin/identities": `[{"id":"i","state":"active","credentials":{"password":{}}}]`, "PUT /t/a/admin/identities/i": `{"id":"i","credentials":{"password":{"identifiers":["x"]}}}`}, "login", "not that of who signed in"},
	} {
		told := map[string]Step{}
		server := &SmokeTest{Public: c.public, Admin: c.admin, Key: "hidden", Now: time.Now, Told: func(s Step) { told[s.Name] = s }}
		if server.Run(t.Context(), Tenant{ID: "a", URL: "https://a.example.com", Issuer: "https://a.example.com/"}) {
			t.Errorf("%s: it is good", name)
		}
		if s := told[c.step]; s.Outcome != Failed || !strings.Contains(s.Detail, c.says) || s.Tenant != "a" {
			t.Errorf("%s: %+v", name, s)
		}
		if len(told) < 4 {
			t.Errorf("%s: only %v were tried", name, told)
		}
		for _, s := range told {
			if strings.Contains(s.Detail, "hidden") {
				t.Errorf("%s shows a secret: %+v", name, s)
			}
		}
	}
}

// Where nobody has a password and nobody can be made, that is told and is no fault.
func TestNobodyToSignIn(t *testing.T) {
	refuses := roundTrip(func(r *http.Request) (*http.Response, error) {
		status, body := http.StatusOK, `[{"id":"i","state":"active","credentials":{}},{"id":"j","state":"inactive","credentials":{"password":{}}}]`
		if r.Method == http.MethodPost {
			status, body = http.StatusBadRequest, `{"error":{"message":"a name is missing"}}`
		}
		return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body)), Header: http.Header{}}, nil
	})
	one := &run{SmokeTest: &SmokeTest{Admin: refuses}, of: Tenant{ID: "a"}}
	_, err := one.login(t.Context())
	if outcome(err) != Skipped || !strings.Contains(err.Error(), "among 2 people nobody has a password") || !strings.Contains(err.Error(), "a name is missing") {
		t.Errorf("%v", err)
	}
	ctx, end := context.WithCancel(t.Context())
	end()
	if one.step(ctx, "login", func(context.Context) (string, error) { return "", errors.New("it is not even tried") }) {
		t.Error("it was told to end, and goes on")
	}
}

type roundTrip func(r *http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
