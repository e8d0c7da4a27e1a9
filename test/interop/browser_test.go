package interop

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	hydra "github.com/ory/hydra-client-go/v2"

	"github.com/gatehouse-iam/gatehouse/internal/apiclient"
	"github.com/gatehouse-iam/gatehouse/test/process"
)

// The address that logins come back to; nobody listens there, since the test reads the redirect itself.
const callback = "http://127.0.0.1:9/callback"

// browser follows redirects and keeps cookies; what is a page of a login app goes to the app instead.
type browser struct {
	t    *testing.T
	http *http.Client
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t: t, http: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// app answers a challenge of a kind (login, consent, logout) with the address that the browser goes on to.
type app func(kind, challenge string) (redirectTo string)

// visit goes to an address and on until the client's callback is reached.
func (b *browser) visit(address string, answer app) *url.URL {
	b.t.Helper()
	for range 12 {
		u, err := url.Parse(address)
		if err != nil {
			b.t.Fatal(err)
		}
		if strings.HasPrefix(address, callback) {
			return u
		}
		for _, kind := range []string{"login", "consent", "logout"} {
			if challenge := u.Query().Get(kind + "_challenge"); challenge != "" {
				address = answer(kind, challenge)
			}
		}
		resp, err := b.http.Get(address)
		if err != nil {
			b.t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		location, err := resp.Location()
		if err != nil {
			b.t.Fatalf("%s answered %d without a Location:\n%s", u.Path, resp.StatusCode, body)
		}
		address = location.String()
	}
	b.t.Fatal("the browser did not come back to the client")
	return nil
}

// sdk gives Ory's client for the two listeners of a server.
func sdk(s *process.Server) (public, admin *hydra.APIClient) {
	at := func(address string) *hydra.APIClient {
		c := hydra.NewConfiguration()
		c.Servers = hydra.ServerConfigurations{{URL: address}}
		return hydra.NewAPIClient(c)
	}
	return at(s.Public), at(s.Admin)
}

// loginApp is an external login and consent app, written as Ory's documentation tells: with the SDK.
type loginApp struct {
	t        *testing.T
	ctx      context.Context
	admin    hydra.OAuth2API
	subject  string
	remember bool
	session  *hydra.AcceptOAuth2ConsentRequestSession
	// seen counts the challenges by kind; skipped those that the server said need no question.
	seen, skipped map[string]int
}

func newLoginApp(t *testing.T, s *process.Server, subject string) *loginApp {
	t.Helper()
	_, admin := sdk(s)
	return &loginApp{t: t, ctx: t.Context(), admin: admin.OAuth2API, subject: subject, seen: map[string]int{}, skipped: map[string]int{}}
}

func (l *loginApp) answer(kind, challenge string) string {
	l.t.Helper()
	l.seen[kind]++
	var to *hydra.OAuth2RedirectTo
	var err error
	switch kind {
	case "login":
		var asked *hydra.OAuth2LoginRequest
		if asked, _, err = l.admin.GetOAuth2LoginRequest(l.ctx).LoginChallenge(challenge).Execute(); err != nil {
			l.t.Fatalf("get login request: %v", err)
		}
		accept := hydra.NewAcceptOAuth2LoginRequest(l.subject)
		accept.SetRemember(l.remember)
		accept.SetAcr("1")
		accept.SetAmr([]string{"pwd"})
		if asked.Skip {
			l.skipped[kind]++
			accept.SetSubject(asked.Subject)
		}
		to, _, err = l.admin.AcceptOAuth2LoginRequest(l.ctx).LoginChallenge(challenge).AcceptOAuth2LoginRequest(*accept).Execute()
	case "consent":
		var asked *hydra.OAuth2ConsentRequest
		if asked, _, err = l.admin.GetOAuth2ConsentRequest(l.ctx).ConsentChallenge(challenge).Execute(); err != nil {
			l.t.Fatalf("get consent request: %v", err)
		}
		if asked.GetSkip() {
			l.skipped[kind]++
		}
		accept := hydra.NewAcceptOAuth2ConsentRequest()
		accept.SetGrantScope(asked.RequestedScope)
		accept.SetGrantAccessTokenAudience(asked.RequestedAccessTokenAudience)
		accept.SetRemember(l.remember)
		accept.Session = l.session
		to, _, err = l.admin.AcceptOAuth2ConsentRequest(l.ctx).ConsentChallenge(challenge).AcceptOAuth2ConsentRequest(*accept).Execute()
	case "logout":
		if _, _, err = l.admin.GetOAuth2LogoutRequest(l.ctx).LogoutChallenge(challenge).Execute(); err != nil {
			l.t.Fatalf("get logout request: %v", err)
		}
		to, _, err = l.admin.AcceptOAuth2LogoutRequest(l.ctx).LogoutChallenge(challenge).Execute()
	}
	if err != nil {
		l.t.Fatalf("accept %s: %v", kind, err)
	}
	return to.RedirectTo
}

// contextWithBasic makes the SDK authenticate as a client.
func contextWithBasic(ctx context.Context, c *hydra.OAuth2Client) context.Context {
	return context.WithValue(ctx, hydra.ContextBasicAuth, hydra.BasicAuth{UserName: c.GetClientId(), Password: c.GetClientSecret()})
}

// nextToken reads the page token of the next page from the Link header.
func nextToken(t *testing.T, h http.Header) string {
	t.Helper()
	query, err := apiclient.NextPage(h)
	if err != nil {
		t.Fatal(err)
	}
	return query.Get("page_token")
}
