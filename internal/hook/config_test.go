package hook_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/hook"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

func TestConfigSaysWhatIsWrong(t *testing.T) {
	good := func() hook.Config { return hook.Config{URL: "https://example.org/hook"} }
	if faults := good().Validate(); faults != nil {
		t.Errorf("a good configuration is wrong: %v", faults)
	}
	for _, c := range []struct {
		want   string
		change func(*hook.Config)
	}{
		{"url: is no absolute", func(c *hook.Config) { c.URL = "" }},
		{"url: is no absolute", func(c *hook.Config) { c.URL = "ftp://example.org" }},
		{"url: must not hold a user", func(c *hook.Config) { c.URL = "https://a:b@example.org" }},
		{"method: ", func(c *hook.Config) { c.Method = "PO ST" }},
		{"headers.a b: ", func(c *hook.Config) { c.Headers = map[string]secret.String{"a b": ""} }},
		{"headers.a: ", func(c *hook.Config) { c.Headers = map[string]secret.String{"a": "x\r\nb: c"} }},
		{"headers.Content-Type: ", func(c *hook.Config) {
			c.Body, c.Headers = "base64://MQ", map[string]secret.String{"content-type": "text/plain"}
		}},
		{"body: ", func(c *hook.Config) { c.Body = "ftp://example.org" }},
		{"body: ", func(c *hook.Config) { c.Body = "https://" }},
		{"body: ", func(c *hook.Config) { c.Body = "file://" }},
		{"body: ", func(c *hook.Config) { c.Body = "base64://*" }},
		{"body_format: ", func(c *hook.Config) { c.BodyFormat = "xslt" }},
		{"response.ignore: ", func(c *hook.Config) { c.Response = hook.ResponseConfig{Ignore: true, Parse: true} }},
		{"response.ignore: ", func(c *hook.Config) { c.Response.Ignore, c.CanInterrupt = true, true }},
		{"auth.type: ", func(c *hook.Config) { c.Auth.Type = "oauth" }},
		{"auth.type: ", func(c *hook.Config) { c.Auth.Config.User = "x" }},
		{"auth.config.name: ", func(c *hook.Config) {
			c.Auth = fetch.AuthConfig{Type: "api_key", Config: fetch.AuthValues{Value: "x", In: "header"}}
		}},
		{"auth.config.value: ", func(c *hook.Config) {
			c.Auth = fetch.AuthConfig{Type: "api_key", Config: fetch.AuthValues{Name: "x", Value: "a\n", In: "header"}}
		}},
		{"auth.config.in: ", func(c *hook.Config) {
			c.Auth = fetch.AuthConfig{Type: "api_key", Config: fetch.AuthValues{Name: "x", Value: "a", In: "query"}}
		}},
		{"auth.config.user: ", func(c *hook.Config) {
			c.Auth = fetch.AuthConfig{Type: "basic_auth", Config: fetch.AuthValues{User: "a:b"}}
		}},
	} {
		config := good()
		c.change(&config)
		faults := config.Validate()
		if len(faults) != 1 || !strings.HasPrefix(faults[0].Error(), c.want) {
			t.Errorf("got %v, want %s", faults, c.want)
		}
	}
}

func TestClientsConfigSaysWhatIsWrong(t *testing.T) {
	c := hook.DefaultClientsConfig()
	if faults := c.Validate(); faults != nil {
		t.Errorf("the default is wrong: %v", faults)
	}
	c.WebHook.HeaderAllowlist = []string{"A", "B C"}
	c.HTTP.PrivateIPExceptionURLs = []string{"10.0.0.1"}
	got := fmt.Sprint(c.Validate())
	for _, want := range []string{"web_hook.header_allowlist[1]: ", "http.private_ip_exception_urls[0]: "} {
		if !strings.Contains(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestCredentialsAreNotPrinted(t *testing.T) {
	c := hook.Config{
		URL: "https://example.org", Headers: map[string]secret.String{"X-Key": "hunter2"},
		Auth: fetch.AuthConfig{Type: "basic_auth", Config: fetch.AuthValues{User: "u", Password: "hunter2", Value: "hunter2"}},
	}
	if got := fmt.Sprintf("%v %+v %#v", c, c, c); strings.Contains(got, "hunter2") {
		t.Errorf("printed: %s", got)
	}
}
