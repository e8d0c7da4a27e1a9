package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-iam/gatehouse/test/process"
)

const alicesPassword = "quiet-harbour-lantern-47"

// alice is an identity for signsIn; its id is returned.
func alice(t *testing.T, s server) string {
	t.Helper()
	file := write(t, t.TempDir(), "alice.jsonl",
		`{"schema_id":"default","traits":{"email":"alice@example.com"},"credentials":{"password":{"config":{"password":"`+alicesPassword+`"}}}}`)
	works(t, "", "identities", "import", file, "--endpoint", s.admin)
	return asJSON[[]document](t, works(t, "", "identities", "list", "--endpoint", s.admin, "--format", "json"))[0]["id"].(string)
}

// signsIn opens an address, signs in as alice, answers what the application asks for and gives the last page.
func signsIn(t *testing.T, address, answer string) string {
	t.Helper()
	p := process.NewPerson(t)
	p.Open(address)
	p.Press("method", "password", url.Values{"identifier": {"alice@example.com"}, "password": {alicesPassword}})
	p.Press("said", answer, nil)
	return p.Page
}

// prompt is standard error of a login: it hands over the address as soon as it is printed whole.
type prompt struct {
	bytes.Buffer
	address chan string
	once    sync.Once
}

func (p *prompt) Write(b []byte) (int, error) {
	n, err := p.Buffer.Write(b)
	if m := regexp.MustCompile(`(?m)^  (http\S+)$`).FindStringSubmatch(p.String()); m != nil {
		p.once.Do(func() { p.address <- m[1] })
	}
	return n, err
}

// login runs `perform authorization-code` with a browser that does something with the address.
func login(t *testing.T, browse func(address string), args ...string) result {
	t.Helper()
	errs := &prompt{address: make(chan string, 1)}
	var out bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		ended <- run(append([]string{"perform", "authorization-code"}, args...), strings.NewReader(""), &out, errs)
	}()
	select {
	case address := <-errs.address:
		browse(address)
	case status := <-ended:
		t.Fatalf("exits with %d before it prints an address: %s", status, errs.String())
	}
	return result{<-ended, out.String(), errs.String()}
}

func TestPerformAuthorizationCode(t *testing.T) {
	s := start(t, "")
	subject := alice(t, s)
	create := func(args ...string) document {
		args = append([]string{"clients", "create", "--grant-type", "authorization_code", "--grant-type", "refresh_token", "--response-type", "code",
			"--scope", "openid", "--scope", "offline", "--redirect-uri", "http://127.0.0.1/callback", "--endpoint", s.admin, "--format", "json"}, args...)
		return asJSON[document](t, works(t, "", args...))
	}
	create("--id", "public", "--token-endpoint-auth-method", "none")
	t.Setenv(clientSecretVariable, fmt.Sprint(create("--id", "confidential")["client_secret"]))

	for id, method := range map[string]string{"public": "none", "confidential": "client_secret_basic"} {
		page := ""
		r := login(t, func(address string) { page = signsIn(t, address, "yes") },
			"--client-id", id, "--auth-method", method, "--scope", "openid", "--scope", "offline", "--issuer", s.public+"/", "--format", "json")
		if r.status != 0 || !strings.Contains(page, "go back to the terminal") {
			t.Fatalf("%s: exits with %d: %s\n%s", id, r.status, r.errs, page)
		}
		got := asJSON[document](t, r.out)
		for _, name := range []string{"access_token", "refresh_token", "id_token"} {
			if got[name] == nil {
				t.Errorf("%s: no %s in %s", id, name, r.out)
			}
		}
		if out := works(t, fmt.Sprint(got["access_token"]), "introspect", "--endpoint", s.admin, "--format", "json"); !strings.Contains(out, `"sub":"`+subject+`"`) {
			t.Errorf("%s: the token is %s", id, out)
		}
	}

	page := ""
	create("--id", "another", "--token-endpoint-auth-method", "none") // what the first was allowed is remembered
	r := login(t, func(address string) { page = signsIn(t, address, "no") }, "--client-id", "another", "--auth-method", "none", "--issuer", s.public)
	fails(t, r, 1, "the login was refused: access_denied")
	if !strings.Contains(page, "The login was refused") {
		t.Errorf("the browser shows %s", page)
	}
}

// Who knows the port can knock; only the answer with the right state, from the right issuer, counts.
func TestCallbackRefusesStrangers(t *testing.T) {
	at := answering(t, http.StatusOK, nil, `{"issuer":"https://id.example.com/"}`)
	knock := func(address string, change func(url.Values)) int {
		asked, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		answer := url.Values{"state": {asked.Query().Get("state")}, "iss": {"https://id.example.com/"}, "code": {"c"}}
		change(answer)
		resp, err := http.Get(asked.Query().Get("redirect_uri") + "?" + answer.Encode())
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	r := login(t, func(address string) {
		if code := knock(address, func(a url.Values) { a.Set("state", "guessed") }); code != http.StatusBadRequest {
			t.Errorf("another state is answered %d", code)
		}
		knock(address, func(a url.Values) { a.Set("iss", "https://other.example.com/") })
	}, "--client-id", "a", "--auth-method", "none", "--issuer", at)
	fails(t, r, 1, "https://other.example.com/", "https://id.example.com/")
}

func TestInterruptedLoginEnds(t *testing.T) {
	at := answering(t, http.StatusOK, nil, `{"issuer":"x"}`)
	r := login(t, func(string) {
		self, err := os.FindProcess(os.Getpid())
		if err == nil {
			err = self.Signal(os.Interrupt)
		}
		if err != nil {
			t.Error(err)
		}
	}, "--client-id", "a", "--auth-method", "none", "--issuer", at)
	fails(t, r, 1, "ended before the login came back")
}

// RFC 6749 §2.3.1: what goes into the Authorization header is form-encoded first.
func TestCredentialsAreEncoded(t *testing.T) {
	var id, secret, grant string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, secret, _ = r.BasicAuth()
		grant = r.PostFormValue("audience")
		_, _ = w.Write([]byte(`{"access_token":"t"}`))
	}))
	defer s.Close()
	t.Setenv(clientSecretVariable, "a:b %")
	works(t, "", "perform", "client-credentials", "--client-id", "x:y", "--audience", "one", "--audience", "two", "--issuer", s.URL)
	if id != "x%3Ay" || secret != "a%3Ab+%25" || grant != "one two" {
		t.Errorf("sent %q %q %q", id, secret, grant)
	}
}

func TestCancelledCallSaysSo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a := api{endpoint: answering(t, 200, nil, "[]"), http: http.DefaultClient}
	if _, err := a.send(ctx, http.MethodGet, clients.path, nil, nil); err == nil || err.Error() != "ended before the server answered" {
		t.Errorf("the error is %v", err)
	}
}
