package interop

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	kratos "github.com/ory/kratos-client-go"

	"github.com/gatehouse-iam/gatehouse/test/process"
)

// forgiving is a server that tells whose identifier is taken, as Kratos does, and that can be asked often: the tests' clients all
// have one address. Passwords cost next to nothing, and nobody outside is asked about them.
const forgiving = `limits: {enabled: false}
hashing: {memory: 8192, time: 1}
selfservice:
  account_enumeration: {mitigate: false}
  allowed_return_urls: ["https://app.example.com/home", "https://*.apps.example.com"]
  methods:
    password: {config: {haveibeenpwned_enabled: false}}
`

const goodPassword = "quiet-harbour-lantern-47"

// site is a server and Ory's SDK for Kratos for both of its listeners. Every answer is held against the API's description.
type site struct {
	*process.Server
	t *testing.T
	// front is the public API as native apps use it, without cookies.
	front kratos.FrontendAPI
	// people and mails are the admin API, schemas the public one of identities.
	people, schemas kratos.IdentityAPI
	mails           kratos.CourierAPI
}

// newSite gives the SDK's clients of a server to one test.
func newSite(t *testing.T, s *process.Server) *site {
	t.Helper()
	public, admin := client(s.Public, &http.Client{Transport: checked{t}}), client(s.Admin, &http.Client{Transport: checked{t}})
	return &site{Server: s, t: t, front: public.FrontendAPI, people: admin.IdentityAPI, schemas: public.IdentityAPI, mails: admin.CourierAPI}
}

// path is that of a route: a tenant may be below a prefix.
func (s *site) path(route string) string {
	s.t.Helper()
	u, err := url.Parse(s.Public + route)
	if err != nil {
		s.t.Fatal(err)
	}
	return u.Path
}

func client(at string, by *http.Client) *kratos.APIClient {
	c := kratos.NewConfiguration()
	c.Servers = kratos.ServerConfigurations{{URL: at}}
	c.HTTPClient = by
	return kratos.NewAPIClient(c)
}

// page is the SDK as a single-page application uses it: with a browser's cookies, asking for JSON.
type page struct {
	kratos.FrontendAPI
	http *http.Client
}

func (s *site) page() *page {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	by := &http.Client{Jar: jar, Transport: checked{s.t}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &page{FrontendAPI: client(s.Public, by).FrontendAPI, http: by}
}

// ask sends what the SDK has no function for, and reads the answer into v where that is not nil.
func (s *site) ask(by *http.Client, method, address string, header http.Header, body string, v any) *http.Response {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if header != nil {
		req.Header = header
	}
	if body != "" && req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := by.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	resp.Body = io.NopCloser(bytes.NewReader(raw))
	if v != nil {
		if err := json.Unmarshal(raw, v); err != nil {
			s.t.Fatalf("%s %s answered %d: %v: %s", method, address, resp.StatusCode, err, raw)
		}
	}
	return resp
}

// ok gives what was answered, and fails the test with what the server said against it.
func ok[T any](t *testing.T) func(v T, resp *http.Response, err error) T {
	return func(v T, _ *http.Response, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(told(err))
		}
		return v
	}
}

// yes is ok for what answers nothing.
func yes(t *testing.T) func(resp *http.Response, err error) {
	return func(_ *http.Response, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(told(err))
		}
	}
}

// no wants a refusal with a status and, where there is one, an error id. It gives the body.
func no[T any](t *testing.T, status int, id string) func(v T, resp *http.Response, err error) map[string]any {
	return func(_ T, resp *http.Response, err error) map[string]any {
		t.Helper()
		return nothing(t, status, id)(resp, err)
	}
}

// nothing is no for what answers nothing when it is well.
func nothing(t *testing.T, status int, id string) func(resp *http.Response, err error) map[string]any {
	return func(resp *http.Response, err error) map[string]any {
		t.Helper()
		if err == nil || resp == nil {
			t.Fatalf("answered as if nothing were wrong, want %d %s; %v", status, id, err)
		}
		b := refusal(t, err)
		e, _ := b["error"].(map[string]any)
		if got, _ := e["id"].(string); resp.StatusCode != status || id != "" && got != id {
			t.Fatalf("want %d %s, got %s", status, id, told(err))
		}
		return b
	}
}

func told(err error) string {
	if e, is := errors.AsType[*kratos.GenericOpenAPIError](err); is {
		return e.Error() + ": " + string(e.Body())
	}
	return err.Error()
}

// refusal is the JSON that a refused call was answered with.
func refusal(t *testing.T, err error) map[string]any {
	t.Helper()
	e, is := errors.AsType[*kratos.GenericOpenAPIError](err)
	if !is {
		t.Fatalf("no answer of the API: %v", err)
	}
	var v map[string]any
	if err := json.Unmarshal(e.Body(), &v); err != nil {
		t.Fatalf("%v: %s", err, e.Body())
	}
	return v
}

// says wants a flow to show a message.
func says(t *testing.T, ui any, id int64) {
	t.Helper()
	raw, err := json.Marshal(ui)
	if err != nil {
		t.Fatal(err)
	}
	var form struct {
		Messages []struct{ ID int64 }
		Nodes    []struct{ Messages []struct{ ID int64 } }
	}
	if err := json.Unmarshal(raw, &form); err != nil {
		t.Fatal(err)
	}
	var ids []int64
	for _, m := range form.Messages {
		ids = append(ids, m.ID)
	}
	for _, n := range form.Nodes {
		for _, m := range n.Messages {
			ids = append(ids, m.ID)
		}
	}
	if !slices.Contains(ids, id) {
		t.Errorf("the form says %v and not %d", ids, id)
	}
}

// csrf is the token of a flow's form.
func csrf(t *testing.T, ui kratos.UiContainer) *string {
	t.Helper()
	token, is := value(ui, "csrf_token").(string)
	if !is {
		t.Fatal("the form has no csrf_token")
	}
	return &token
}

// value is what an input of a form holds; nil where there is none.
func value(ui kratos.UiContainer, name string) any {
	for _, n := range ui.Nodes {
		if in := n.Attributes.UiNodeInputAttributes; in != nil && in.Name == name {
			return in.GetValue()
		}
	}
	return nil
}

// has tells whether a form has an input of that name and, where it is not empty, group.
func has(ui kratos.UiContainer, name, group string) bool {
	return slices.ContainsFunc(ui.Nodes, func(n kratos.UiNode) bool {
		in := n.Attributes.UiNodeInputAttributes
		return in != nil && in.Name == name && (group == "" || n.Group == group)
	})
}

// signUp makes a person by the flow of native apps.
func (s *site) signUp(email string) *kratos.SuccessfulNativeRegistration {
	s.t.Helper()
	flow := ok[*kratos.RegistrationFlow](s.t)(s.front.CreateNativeRegistrationFlow(s.t.Context()).Execute())
	return ok[*kratos.SuccessfulNativeRegistration](s.t)(s.registerBy(flow.Id, &kratos.UpdateRegistrationFlowWithPasswordMethod{
		Method: "password", Password: goodPassword, Traits: map[string]any{"email": email},
	}))
}

func (s *site) registerBy(flow string, m *kratos.UpdateRegistrationFlowWithPasswordMethod) (*kratos.SuccessfulNativeRegistration, *http.Response, error) {
	return s.front.UpdateRegistrationFlow(s.t.Context()).Flow(flow).
		UpdateRegistrationFlowBody(kratos.UpdateRegistrationFlowWithPasswordMethodAsUpdateRegistrationFlowBody(m)).Execute()
}

// signIn signs somebody in by the flow of native apps.
func (s *site) signIn(identifier, password string) (*kratos.SuccessfulNativeLogin, *http.Response, error) {
	s.t.Helper()
	flow := ok[*kratos.LoginFlow](s.t)(s.front.CreateNativeLoginFlow(s.t.Context()).Execute())
	return s.front.UpdateLoginFlow(s.t.Context()).Flow(flow.Id).UpdateLoginFlowBody(byPassword(identifier, password, nil)).Execute()
}

// token is a new session token of somebody who has the good password.
func (s *site) token(identifier string) string {
	s.t.Helper()
	in := ok[*kratos.SuccessfulNativeLogin](s.t)(s.signIn(identifier, goodPassword))
	return in.GetSessionToken()
}

func byPassword(identifier, password string, csrf *string) kratos.UpdateLoginFlowBody {
	return kratos.UpdateLoginFlowWithPasswordMethodAsUpdateLoginFlowBody(&kratos.UpdateLoginFlowWithPasswordMethod{
		Method: "password", Identifier: identifier, Password: password, CsrfToken: csrf,
	})
}

// browserSignIn signs somebody in as a single-page application does.
func (s *site) browserSignIn(p *page, identifier string) *kratos.SuccessfulNativeLogin {
	s.t.Helper()
	flow := ok[*kratos.LoginFlow](s.t)(p.CreateBrowserLoginFlow(s.t.Context()).Execute())
	return ok[*kratos.SuccessfulNativeLogin](s.t)(p.UpdateLoginFlow(s.t.Context()).Flow(flow.Id).
		UpdateLoginFlowBody(byPassword(identifier, goodPassword, csrf(s.t, flow.Ui))).Execute())
}

var (
	sixDigits = regexp.MustCompile(`\b[0-9]{6}\b`)
	mailLink  = regexp.MustCompile(`https?://\S+[?&]token=[^\s"]+`)
)

// mail is the newest message of a kind for somebody.
func (s *site) mail(to, template string) *kratos.Message {
	s.t.Helper()
	for _, m := range ok[[]kratos.Message](s.t)(s.mails.ListCourierMessages(s.t.Context()).Recipient(to).Execute()) {
		if m.TemplateType == template {
			return ok[*kratos.Message](s.t)(s.mails.GetCourierMessage(s.t.Context(), m.Id).Execute())
		}
	}
	s.t.Fatalf("no %s for %s", template, to)
	return nil
}

// code is the one in the newest message of a kind.
func (s *site) code(to, template string) *string {
	s.t.Helper()
	m := s.mail(to, template)
	found := sixDigits.FindString(m.Body)
	if found == "" {
		s.t.Fatalf("no code in %q", m.Body)
	}
	return &found
}

// link is the one in the newest message of a kind.
func (s *site) link(to, template string) *url.URL {
	s.t.Helper()
	m := s.mail(to, template)
	u, err := url.Parse(mailLink.FindString(m.Body))
	if err != nil || u.Host == "" {
		s.t.Fatalf("no link in %q, %v", m.Body, err)
	}
	return u
}

// create makes an identity by the admin API, with the good password.
func (s *site) create(email string) *kratos.Identity {
	s.t.Helper()
	return ok[*kratos.Identity](s.t)(s.people.CreateIdentity(s.t.Context()).CreateIdentityBody(withPassword(email)).Execute())
}

func withPassword(email string) kratos.CreateIdentityBody {
	body := *kratos.NewCreateIdentityBody("default", map[string]any{"email": email})
	config := kratos.IdentityWithCredentialsPasswordConfig{}
	config.SetPassword(goodPassword)
	body.SetCredentials(kratos.IdentityWithCredentials{Password: &kratos.IdentityWithCredentialsPassword{Config: &config}})
	return body
}
