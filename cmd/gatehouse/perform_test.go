package main

import (
	"bytes"
	"context"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// person sits at a browser, signs in as alice and says yes to what is asked, or no.
type person struct {
	t      *testing.T
	http   *http.Client
	answer string
}

const alicesPassword = "quiet-harbour-lantern-47"

// alice is an identity for newPerson; its id is returned.
func alice(t *testing.T, s server) string {
	t.Helper()
	file := write(t, t.TempDir(), "alice.jsonl",
		`{"schema_id":"default","traits":{"email":"alice@example.com"},"credentials":{"password":{"config":{"password":"`+alicesPassword+`"}}}}`)
	works(t, "", "identities", "import", file, "--endpoint", s.admin)
	return asJSON[[]document](t, works(t, "", "identities", "list", "--endpoint", s.admin, "--format", "json"))[0]["id"].(string)
}

func newPerson(t *testing.T, answer string) *person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &person{t: t, http: &http.Client{Jar: jar, Timeout: 20 * time.Second}, answer: answer}
}

// logsIn opens an address, fills in the forms that come and gives the last page.
func (p *person) logsIn(address string) string {
	req, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		p.t.Error(err)
		return ""
	}
	req.Header.Set("Accept", "text/html")
	resp, err := p.http.Do(req)
	for range 5 {
		if err != nil {
			p.t.Error(err)
			return ""
		}
		content, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		page := string(content)
		form := url.Values{}
		for name, value := range hiddenFields(page) {
			form.Set(name, value)
		}
		switch path.Base(resp.Request.URL.Path) {
		case "login":
			form.Set("identifier", "alice@example.com")
			form.Set("password", alicesPassword)
			form.Set("method", "password")
		case "consent":
			form["grant_scope"] = []string{"openid", "offline"}
			form.Set("said", p.answer)
		default:
			return page
		}
		action := regexp.MustCompile(`<form method="post" action="([^"]+)"`).FindStringSubmatch(page)
		if action == nil {
			p.t.Errorf("there is no form in %s", page)
			return ""
		}
		to, err := resp.Request.URL.Parse(html.UnescapeString(action[1]))
		if err != nil {
			p.t.Error(err)
			return ""
		}
		resp, err = p.http.PostForm(to.String(), form)
	}
	p.t.Error("there are always more forms")
	return ""
}

func hiddenFields(page string) map[string]string {
	fields := map[string]string{}
	for _, m := range regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		fields[m[1]] = html.UnescapeString(m[2])
	}
	return fields
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
		r := login(t, func(address string) { page = newPerson(t, "yes").logsIn(address) },
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
	r := login(t, func(address string) { page = newPerson(t, "no").logsIn(address) }, "--client-id", "public", "--auth-method", "none", "--issuer", s.public)
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
	if _, err := a.send(ctx, http.MethodGet, clientsPath, nil, nil); err == nil || err.Error() != "ended before the server answered" {
		t.Errorf("the error is %v", err)
	}
}
