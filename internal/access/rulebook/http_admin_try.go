package rulebook

import (
	"context"
	"net/http"
	"net/netip"
	"net/textproto"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/target"
	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

var (
	errTryURL     = fault.New(fault.Invalid, "bad_request", "url must be an absolute URL such as https://api.example.com/orders/7.")
	errTryMethod  = fault.New(fault.Invalid, "bad_request", "method must be an HTTP method, such as GET.")
	errTryAddress = fault.New(fault.Invalid, "bad_request", "remote_ip must be an IP address.")
	errTryHeader  = fault.New(fault.Invalid, "bad_request", "A header has a name or value that no request can have.")
)

// trial is a request that nobody makes: what would become of it?
type trial struct {
	// Method is GET where it is not given.
	Method string `json:"method"`
	// URL is what is asked for, as the client would write it.
	URL string `json:"url"`
	// Headers are the request's.
	Headers map[string]string `json:"headers"`
	// Token goes into the header Authorization, as a bearer token; Session into the cookie of sessions.
	Token   string `json:"token"`
	Session string `json:"session"`
	// RemoteIP is where the request comes from.
	RemoteIP string `json:"remote_ip"`
	// Body is the request's. Without it, it is a request of whose body the door got nothing.
	Body *string `json:"body"`
}

// verdict is what would become of a trial.
type verdict struct {
	Allowed bool `json:"allowed"`
	// Status is what the client would be answered with; 200 stands for whatever the application says. Location is where a browser
	// would be sent.
	Status   int           `json:"status"`
	Location string        `json:"location,omitempty"`
	Error    *tryError     `json:"error,omitempty"`
	Target   tryTarget     `json:"target"`
	Rule     *access.Rule  `json:"rule,omitempty"`
	Source   string        `json:"source,omitempty"`
	Who      string        `json:"subject,omitempty"`
	Steps    []access.Step `json:"steps"`
	To       *tryUpstream  `json:"upstream,omitempty"`
}

type tryError struct {
	ID      string `json:"id"`
	Message string `json:"message"`
}

// tryTarget is what the server reads the URL as.
type tryTarget struct {
	URL        string `json:"url"`
	Normalized bool   `json:"normalized,omitempty"`
}

// tryUpstream is what the application would get. Credentials are hidden.
type tryUpstream struct {
	URL     string            `json:"url,omitempty"`
	Host    string            `json:"host,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
}

type testIn struct {
	Body trial `body:"json"`
}

func (a *Admin) test(ctx context.Context, in testIn) (verdict, error) {
	r, err := in.Body.request(ctx, a.SessionCookie)
	if err != nil {
		return verdict{}, err
	}
	taken := a.Engine.Strip(r) // as doors do
	d := a.Engine.Explain(ctx, r)
	d.Taken = taken
	v := verdict{Allowed: d.Allowed(), Status: http.StatusOK, Steps: d.Steps, Target: tryTarget{URL: r.Target.String(), Normalized: r.Target.Changed}}
	if d.Err != nil {
		refusal := d.Refuse(r)
		v.Status, v.Location, v.Error = refusal.Status, refusal.Header.Get("Location"), &tryError{ID: d.Err.Code, Message: d.Err.Message}
	}
	if v.Steps == nil {
		v.Steps = []access.Step{}
	}
	if d.Rule == nil {
		return v, nil
	}
	if id, _ := tenant.From(ctx); d.Rule.Tenant != id { // its rules are not for this one's eyes
		v.Steps = []access.Step{{Stage: "match", Outcome: "passed", Reason: "a rule of another tenant matches"}}
		return v, nil
	}
	v.Rule, v.Source = d.Rule, d.Rule.Source
	if d.Principal != nil {
		v.Who = d.Principal.Subject
	}
	if d.Allowed() {
		v.To = shown(d, r)
	}
	return v, nil
}

// request makes the request that a door would make of it.
func (t trial) request(ctx context.Context, sessionCookie string) (*access.Request, error) {
	header, err := t.header(sessionCookie)
	if err != nil {
		return nil, err
	}
	target, err := t.target()
	if err != nil {
		return nil, err
	}
	r := &access.Request{Method: strings.ToUpper(t.Method), Target: target, Header: header, ID: web.RequestID(ctx)}
	if r.Method == "" {
		r.Method = http.MethodGet
	}
	if strings.ContainsFunc(r.Method, func(c rune) bool { return c < 'A' || c > 'Z' }) {
		return nil, errTryMethod
	}
	if t.RemoteIP != "" {
		if r.Client, err = netip.ParseAddr(t.RemoteIP); err != nil {
			return nil, errTryAddress
		}
	}
	r.Body, r.Unseen = t.body, t.Body == nil
	return r, nil
}

func (t trial) body(limit int64) ([]byte, error) {
	switch {
	case t.Body == nil:
		return nil, nil
	case int64(len(*t.Body)) > limit:
		return nil, access.ErrBodyTooLarge
	}
	return []byte(*t.Body), nil
}

// target reads the URL as doors do: what is between host and query is left as it is written.
func (t trial) target() (target.Target, error) {
	u, err := url.Parse(t.URL)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http" {
		return target.Target{}, errTryURL
	}
	rest := t.URL[strings.Index(t.URL, "://")+3:]
	path := "/"
	if i := strings.IndexAny(rest, "/?#"); i >= 0 && rest[i] == '/' {
		path, _, _ = strings.Cut(rest[i:], "#")
		path, _, _ = strings.Cut(path, "?")
	}
	return target.Parse(u.Scheme, u.Host, path, u.RawQuery, target.Options{})
}

func (t trial) header(sessionCookie string) (access.Header, error) {
	header := access.Header{}
	for name, value := range t.Headers {
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		if name == "" || strings.ContainsAny(name, " :\r\n\x00") || strings.ContainsAny(value, "\r\n\x00") {
			return nil, errTryHeader
		}
		header[canonical] = []string{value}
	}
	if t.Token != "" {
		header["Authorization"] = []string{"Bearer " + t.Token}
	}
	if t.Session != "" {
		cookie := (&http.Cookie{Name: sessionCookie, Value: t.Session}).String()
		if others := header.Get("Cookie"); others != "" {
			cookie = others + "; " + cookie
		}
		header["Cookie"] = []string{cookie}
	}
	if strings.ContainsAny(header.Get("Authorization")+header.Get("Cookie"), "\r\n\x00") {
		return nil, errTryHeader
	}
	return header, nil
}

// shown is what the rule's upstream would get of the request: where it goes, and the fields that the mutators set.
func shown(d *access.Decision, r *access.Request) *tryUpstream {
	up := &tryUpstream{Headers: map[string]string{}}
	if d.Rule.Upstream.URL != "" {
		to := d.UpstreamURL(r.Target)
		up.URL, up.Host = to.String(), to.Host
		if d.Rule.Upstream.PreserveHost {
			up.Host = r.Target.Host
		}
	}
	for name, values := range d.Upstream(r.Header) {
		up.Headers[name] = veil(name, strings.Join(values, ", "))
	}
	return up
}

// secretFields are fields whose values open something.
func secretFields() []string {
	return []string{"Authorization", "Proxy-Authorization", "Cookie", "X-Session-Token"}
}

// veil hides credentials, but for their scheme: who tests a rule sees that there is one, and gets none.
func veil(name, value string) string {
	if !slices.Contains(secretFields(), name) {
		return value
	}
	if scheme, _, ok := strings.Cut(value, " "); ok && strings.HasSuffix(name, "Authorization") {
		return scheme + " [hidden]"
	}
	return "[hidden]"
}
