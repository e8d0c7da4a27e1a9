package courier

import (
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

func TestDefaultConfigIsValid(t *testing.T) {
	if faults := DefaultConfig().Validate(); len(faults) > 0 {
		t.Error(faults)
	}
}

func TestConfigFaults(t *testing.T) {
	request := func(edit func(*RequestConfig)) func(*Config) {
		return func(c *Config) {
			r := RequestConfig{URL: "https://sms.example.com/"}
			edit(&r)
			c.Channels = []ChannelConfig{{ID: SMS, Type: byHTTP, RequestConfig: r}}
		}
	}
	for want, edit := range map[string]func(*Config){
		"smtp.connection_uri: ":                   func(c *Config) { c.SMTP.ConnectionURI, c.SMTP.FromAddress = "smtp://u:hunter2@/", "a@example.com" },
		"smtp.from_address: is ":                  func(c *Config) { c.SMTP.ConnectionURI = "smtp://mail" },
		"smtp.from_address: is no e-mail address": func(c *Config) { c.SMTP.FromAddress = "Example <a@example.com>" },
		"smtp.from_name: ":                        func(c *Config) { c.SMTP.FromName = "a\nb" },
		"smtp.client_cert_path: ":                 func(c *Config) { c.SMTP.ClientKeyPath = "x" },
		"smtp.local_name: ":                       func(c *Config) { c.SMTP.LocalName = "a b" },
		"smtp.headers.Subject: ":                  func(c *Config) { c.SMTP.Headers = map[string]string{"Subject": "x"} },
		"smtp.headers.X: ":                        func(c *Config) { c.SMTP.Headers = map[string]string{"X": "a\r\nBcc: b"} },
		"smtp.headers.X Y: ":                      func(c *Config) { c.SMTP.Headers = map[string]string{"X Y": "a"} },
		"delivery_strategy: ":                     func(c *Config) { c.DeliveryStrategy = "pigeon" },
		"http.request_config.url: is missing":     func(c *Config) { c.DeliveryStrategy = byHTTP },
		"channels[0].id: ": func(c *Config) {
			c.Channels = []ChannelConfig{{ID: "fax", Type: byHTTP, RequestConfig: RequestConfig{URL: "https://a"}}}
		},
		"channels[0].type: ": func(c *Config) {
			c.Channels = []ChannelConfig{{ID: SMS, Type: "x", RequestConfig: RequestConfig{URL: "https://a"}}}
		},
		"channels[1].id: ":                              func(c *Config) { request(func(*RequestConfig) {})(c); c.Channels = append(c.Channels, c.Channels[0]) },
		"channels[0].request_config.url: is no":         request(func(r *RequestConfig) { r.URL = "ftp://a" }),
		"channels[0].request_config.url: must not hold": request(func(r *RequestConfig) { r.URL = "https://u:hunter2@a" }),
		"channels[0].request_config.method: ":           request(func(r *RequestConfig) { r.Method = "DELETE" }),
		"channels[0].request_config.headers.A B: ":      request(func(r *RequestConfig) { r.Headers = map[string]secret.String{"A B": "hunter2"} }),
		"channels[0].request_config.body: ":             request(func(r *RequestConfig) { r.Body = "/a/path" }),
		"channels[0].request_config.body: names a file": request(func(r *RequestConfig) { r.Body = "file:///nothing" }),
		"channels[0].request_config.body_format: ":      request(func(r *RequestConfig) { r.BodyFormat = "xml" }),
		"channels[0].request_config.auth.type: ":        request(func(r *RequestConfig) { r.Auth.Type = "oauth" }),
		"channels[0].request_config.auth.config.name: ": request(func(r *RequestConfig) {
			r.Auth = fetch.AuthConfig{Type: "api_key", Config: fetch.AuthValues{Value: "x", In: "header"}}
		}),
		"channels[0].request_config.auth.config.in: ": request(func(r *RequestConfig) {
			r.Auth = fetch.AuthConfig{Type: "api_key", Config: fetch.AuthValues{Name: "x", Value: "x", In: "query"}}
		}),
		"channels[0].request_config.auth.config.value: ": request(func(r *RequestConfig) {
			r.Auth = fetch.AuthConfig{Type: "api_key", Config: fetch.AuthValues{Name: "x", In: "header"}}
		}),
		"channels[0].request_config.auth.config.user: ":         request(func(r *RequestConfig) { r.Auth = fetch.AuthConfig{Type: "basic_auth"} }),
		"template_override_path: ":                              func(c *Config) { c.TemplateOverridePath = "/nothing/here" },
		"templates.recovery_code.invalid.email.body.plaintext:": func(c *Config) { c.Templates.RecoveryCode.Invalid.Email.Body.Plaintext = "base64://%" },
		"templates.login_code.valid.sms.body.plaintext: ":       func(c *Config) { c.Templates.LoginCode.Valid.SMS.Body.Plaintext = "https://u:p@a/" },
		"templates.verifiable_address_changed.email.subject: ":  func(c *Config) { c.Templates.VerifiableAddressChanged.Email.Subject = "Hello" },
		"default_language: ":                                    func(c *Config) { c.DefaultLanguage = "fr" },
		"retry.max: ":                                           func(c *Config) { c.Retry.Max = time.Second },
		"show_bodies: ":                                         func(c *Config) { c.ShowBodies = "" },
	} {
		c := DefaultConfig()
		edit(&c)
		faults := c.Validate()
		if len(faults) != 1 || !strings.HasPrefix(faults[0].Error(), want) || strings.Contains(faults[0].Error(), "hunter2") {
			t.Errorf("want %q, got %q", want, faults)
		}
	}
}

func TestSMTPConfigTLS(t *testing.T) {
	for uri, want := range map[string]string{
		"": "none", "mail.example.com": "none", "smtps://u:hunter2@mail.example.com/": "checked", "smtp://mail.example.com/": "checked",
		"smtps://u:hunter2@mail.example.com/?skip_ssl_verify=true": "unchecked", "smtp://mail.example.com/?disable_starttls=true": "clear",
		"smtp://mail.example.com/?disable_starttls=true&skip_ssl_verify=true": "clear",
	} {
		if got := (SMTPConfig{ConnectionURI: secret.String(uri)}).TLS(); got != want {
			t.Errorf("%s: %s, want %s", uri, got, want)
		}
	}
}
