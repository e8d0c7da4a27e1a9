package access

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

func errorHandlers(t *testing.T, config func(*ErrorsConfig), refs ...string) *ErrorHandlers {
	t.Helper()
	c := ErrorsConfig{}
	if config != nil {
		config(&c)
	}
	h, err := NewErrorHandlers(c, errorRefs(refs))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// errorRefs are handlers and their settings in turn.
func errorRefs(refs []string) []ErrorHandler {
	var all []ErrorHandler
	for i := 0; i+1 < len(refs); i += 2 {
		all = append(all, ErrorHandler{Handler: refs[i], Config: []byte(refs[i+1])})
	}
	return all
}

// The conditions of Oathkeeper's documentation.
func TestErrorHandlersAreChosen(t *testing.T) {
	browser := []string{"Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}
	for name, c := range map[string]struct {
		handlers []string
		status   int
		header   []string
		client   string
		want     string
	}{
		"none":                   {status: 403, want: "json"},
		"without conditions":     {handlers: []string{"redirect", `{"to":"/login"}`}, status: 404, want: "redirect"},
		"the error":              {handlers: []string{"redirect", `{"to":"/login","when":[{"error":["unauthorized","forbidden"]}]}`}, status: 403, want: "redirect"},
		"another error":          {handlers: []string{"redirect", `{"to":"/login","when":[{"error":["unauthorized","forbidden"]}]}`}, status: 404, want: "json"},
		"unavailable is ours":    {handlers: []string{"redirect", `{"to":"/login","when":[{"error":["internal_server_error"]}]}`}, status: 503, want: "redirect"},
		"one of the conditions":  {handlers: []string{"redirect", `{"to":"/login","when":[{"error":["not_found"]},{"error":["forbidden"]}]}`}, status: 403, want: "redirect"},
		"the first of several":   {handlers: []string{"redirect", `{"to":"/a"}`, "www_authenticate", `{}`}, status: 401, want: "redirect"},
		"a browser":              {handlers: []string{"redirect", `{"to":"/login","when":[{"request":{"header":{"accept":["text/html"]}}}]}`}, status: 401, header: browser, want: "redirect"},
		"a wildcard is no HTML":  {handlers: []string{"redirect", `{"to":"/login","when":[{"request":{"header":{"accept":["text/html"]}}}]}`}, status: 401, header: []string{"Accept", "*/*"}, want: "json"},
		"kinds of text":          {handlers: []string{"redirect", `{"to":"/login","when":[{"request":{"header":{"accept":["text/*"]}}}]}`}, status: 401, header: browser, want: "redirect"},
		"no header is a stream":  {handlers: []string{"redirect", `{"to":"/login","when":[{"request":{"header":{"accept":["application/octet-stream"]}}}]}`}, status: 401, want: "redirect"},
		"the content's type":     {handlers: []string{"redirect", `{"to":"/login","when":[{"request":{"header":{"content_type":["application/x-www-form-urlencoded"]}}}]}`}, status: 401, header: []string{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}, want: "redirect"},
		"both headers":           {handlers: []string{"redirect", `{"to":"/login","when":[{"request":{"header":{"accept":["text/html"],"content_type":["a/b"]}}}]}`}, status: 401, header: browser, want: "json"},
		"the client":             {handlers: []string{"www_authenticate", `{"when":[{"request":{"remote_ip":{"match":["192.168.1.0/24","10.0.0.1"]}}}]}`}, status: 401, client: "10.0.0.1", want: "www_authenticate"},
		"the client by cidr":     {handlers: []string{"www_authenticate", `{"when":[{"request":{"cidr":["192.168.1.0/24"]}}]}`}, status: 401, client: "::ffff:192.168.1.7", want: "www_authenticate"},
		"another client":         {handlers: []string{"www_authenticate", `{"when":[{"request":{"remote_ip":{"match":["192.168.1.0/24"]}}}]}`}, status: 401, client: "10.0.0.1", want: "json"},
		"a proxy":                {handlers: []string{"www_authenticate", `{"when":[{"request":{"remote_ip":{"match":["192.168.1.0/24"],"respect_forwarded_for_header":true}}}]}`}, status: 401, client: "10.0.0.1", header: []string{"X-Forwarded-For", "1.2.3.4, 192.168.1.9"}, want: "www_authenticate"},
		"a proxy, not respected": {handlers: []string{"www_authenticate", `{"when":[{"request":{"remote_ip":{"match":["192.168.1.0/24"]}}}]}`}, status: 401, client: "10.0.0.1", header: []string{"X-Forwarded-For", "192.168.1.9"}, want: "json"},
		"all of a condition":     {handlers: []string{"redirect", `{"to":"/login","when":[{"error":["unauthorized"],"request":{"header":{"accept":["text/html"]}}}]}`}, status: 403, header: browser, want: "json"},
	} {
		r := &Request{Header: Header{}}
		for i := 0; i < len(c.header); i += 2 {
			r.Header[c.header[i]] = []string{c.header[i+1]}
		}
		if c.client != "" {
			r.Client = netip.MustParseAddr(c.client)
		}
		if got := errorHandlers(t, nil, c.handlers...).Choose(c.status, r).Handler; got != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestErrorFallback(t *testing.T) {
	r := &Request{}
	config := func(c *ErrorsConfig) {
		settings, err := NewRawSettings(`{"to":"https://login.example.com/?a=b","code":301,"return_to_query_param":"to","when":[{"error":["unauthorized"]}]}`)
		if err != nil {
			t.Fatal(err)
		}
		c.Fallback = []string{ErrorRedirect, ErrorWWWAuthenticate}
		c.Handlers = map[string]HandlerConfig{ErrorRedirect: {Config: settings}}
	}
	h := errorHandlers(t, config, ErrorJSON, `{"verbose":true,"when":[{"error":["not_found"]}]}`)
	if a := h.Choose(404, r); a.Handler != ErrorJSON || !a.JSON.Verbose {
		t.Errorf("%+v", a)
	}
	if a := h.Choose(401, r); a.Handler != ErrorRedirect || a.Redirect.Code != 301 || a.Redirect.ReturnToQueryParam != "to" {
		t.Errorf("%+v", a)
	}
	if a := h.Choose(403, r); a.Handler != ErrorWWWAuthenticate || a.WWWAuthenticate.Realm != "Please authenticate." {
		t.Errorf("%+v", a)
	}
	if a := (*ErrorHandlers)(nil).Choose(500, r); a.Handler != ErrorJSON || a.JSON.Verbose {
		t.Errorf("%+v", a)
	}
}

func TestErrorSettingsAreChecked(t *testing.T) {
	off := false
	for _, c := range [][3]string{
		{"redirect", `{}`, "[0]: config.to: must be"},
		{"redirect", `{"to":"javascript:alert(1)"}`, "[0]: config.to: must be"},
		{"redirect", `{"to":"/","code":307}`, "[0]: config.code: must be 301 or 302"},
		{"redirect", `{"to":"/","return_to_query_param":"a b"}`, "[0]: config.return_to_query_param"},
		{"redirect", `{"too":"/"}`, "[0]: config.too: is not known; did you mean to?"},
		{"json", `{"when":[{"error":["unauthorised"]}]}`, `[0]: config.when[0].error[0]: "unauthorised" is no error; did you mean unauthorized?`},
		{"json", `{"when":[{"request":{"remote_ip":{"match":["10.0.0.0/33"]}}}]}`, `[0]: config.when[0].request.remote_ip.match[0]: "10.0.0.0/33" is not a network`},
		{"www_authenticate", `{"realm":"a\nb"}`, "[0]: config.realm: must not have control characters"},
		{"xml", `{}`, `[0]: handler: "xml" is no error handler; known are json, redirect, www_authenticate`},
	} {
		if _, err := NewErrorHandlers(ErrorsConfig{}, errorRefs(c[:2])); err == nil || !strings.HasPrefix(err.Error(), c[2]) {
			t.Errorf("%s: %v", c[1], err)
		}
	}
	disabled := ErrorsConfig{Handlers: map[string]HandlerConfig{"redirect": {Enabled: &off}}}
	if _, err := NewErrorHandlers(disabled, errorRefs([]string{"redirect", `{"to":"/"}`})); err == nil || !strings.Contains(err.Error(), "switched off by access.errors.handlers.redirect.enabled") {
		t.Error(err)
	}
	bad := ErrorsConfig{Fallback: []string{"redirekt"}, Handlers: map[string]HandlerConfig{"xml": {}}}
	said := fmt.Sprint(bad.Validate())
	for _, want := range []string{"handlers.xml: is no error handler", `fallback: handler: "redirekt" is no error handler; did you mean redirect?`} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not in\n%s", want, said)
		}
	}
}
