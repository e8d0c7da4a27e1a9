package courier

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// HTTPConfig is the service that sends mails.
type HTTPConfig struct {
	// The request that is made for each mail.
	RequestConfig RequestConfig `yaml:"request_config"`
}

// ChannelConfig is one further channel.
type ChannelConfig struct {
	// What the channel is for: sms. It is the `via` of an address in the identity schema.
	ID string `yaml:"id" enum:"sms"`
	// How messages leave: http.
	Type string `yaml:"type" default:"http" enum:"http"`
	// The request that is made for each message.
	RequestConfig RequestConfig `yaml:"request_config"`
}

// RequestConfig is an HTTP request that hands over one message. An answer of 2xx means that it was taken; all else is
// tried again.
type RequestConfig struct {
	// Where the request goes; http:// is for services on the same host or network.
	URL string `yaml:"url"`
	// The HTTP method of the request.
	Method string `yaml:"method" default:"POST"`
	// Its headers. Values may be secrets and are never shown.
	Headers map[string]secret.String `yaml:"headers"`
	// URI (file://, https://, http:// or base64://) of the template of its body. It sees recipient, subject, body,
	// html_body, template_type, template_data, message_type and request_headers. Without one the body is a JSON object
	// with recipient, template_type, to, recovery_code, recovery_url, verification_url, verification_code, subject and
	// body.
	Body string `yaml:"body"`
	// The language of body: jsonnet, a function of ctx; or gotemplate, where {{json .}} writes a value as JSON.
	BodyFormat string `yaml:"body_format" default:"jsonnet" enum:"jsonnet,gotemplate"`
	// How the service knows this server.
	Auth fetch.AuthConfig `yaml:"auth"`
	// How long one request may take.
	Timeout time.Duration `yaml:"timeout" default:"15s" min:"1s" max:"5m"`
}

// The values of BodyFormat.
const (
	jsonnetBody  = "jsonnet"
	templateBody = "gotemplate"
)

const defaultHTTPTimeout = 15 * time.Second

func defaultRequest() RequestConfig {
	return RequestConfig{Method: "POST", BodyFormat: jsonnetBody, Timeout: defaultHTTPTimeout}
}

// withDefaults fills what an entry of a list, which has no defaults of its own, was not given.
func (c RequestConfig) withDefaults() RequestConfig {
	d := defaultRequest()
	if c.Method == "" {
		c.Method = d.Method
	}
	if c.BodyFormat == "" {
		c.BodyFormat = d.BodyFormat
	}
	if c.Timeout == 0 {
		c.Timeout = d.Timeout
	}
	return c
}

func (c RequestConfig) validate(f *faults, key string) {
	c = c.withDefaults()
	if c.URL == "" {
		f.add(key+"url", "is missing: write the URL of the service that sends the messages")
	} else if err := fetch.CheckURL(c.URL); err != nil {
		f.add(key+"url", "%w", err)
	}
	if !slices.Contains([]string{"POST", "PUT", "PATCH", "GET"}, c.Method) {
		f.add(key+"method", "must be POST, PUT, PATCH or GET, is %q", c.Method)
	}
	for _, err := range fetch.ValidateHeaders(c.Headers) {
		*f = append(*f, fmt.Errorf("%sheaders.%w", key, err))
	}
	if c.Body != "" {
		if wrong := wrongURI(c.Body); wrong != "" {
			f.add(key+"body", "%s", wrong)
		}
	}
	f.oneOf(key+"body_format", c.BodyFormat, jsonnetBody, templateBody)
	for _, err := range c.Auth.Validate() {
		*f = append(*f, fmt.Errorf("%sauth.%w", key, err))
	}
}

// TemplatesConfig are templates by URI.
type TemplatesConfig struct {
	// Mails with a link to get an account back; invalid is for addresses of nobody.
	Recovery PairConfig `yaml:"recovery"`
	// Mails and text messages with a code to get an account back; invalid is for addresses of nobody.
	RecoveryCode PairConfig `yaml:"recovery_code"`
	// Mails with a link to confirm an address; invalid is for addresses of nobody.
	Verification PairConfig `yaml:"verification"`
	// Mails and text messages with a code to confirm an address; invalid is for addresses of nobody.
	VerificationCode PairConfig `yaml:"verification_code"`
	// Mails and text messages with a code to sign in; invalid is for addresses of nobody.
	LoginCode PairConfig `yaml:"login_code"`
	// Mails and text messages with a code to sign up.
	RegistrationCode ValidConfig `yaml:"registration_code"`
	// Mails to somebody who signs up with an address that has an account.
	Registration DuplicateConfig `yaml:"registration"`
	// Messages to the address that was taken out of an account.
	VerifiableAddressChanged TemplateConfig `yaml:"verifiable_address_changed"`
	// Messages about a new way to sign in.
	AuthenticatorKeyAdded TemplateConfig `yaml:"authenticator_key_added"`
}

// PairConfig is a template for people who have an account and one for people who do not.
type PairConfig struct {
	// To somebody who has an account.
	Valid TemplateConfig `yaml:"valid"`
	// To somebody who has none.
	Invalid TemplateConfig `yaml:"invalid"`
}

// ValidConfig is a template that exists for success alone.
type ValidConfig struct {
	// To somebody who signs up.
	Valid TemplateConfig `yaml:"valid"`
}

// DuplicateConfig is a template for who has an account already.
type DuplicateConfig struct {
	// To somebody who has an account already.
	Duplicate TemplateConfig `yaml:"duplicate"`
}

// TemplateConfig is the parts of a template.
type TemplateConfig struct {
	// The mail that is sent.
	Email EmailTemplateConfig `yaml:"email"`
	// The text message that is sent.
	SMS SMSTemplateConfig `yaml:"sms"`
}

// EmailTemplateConfig is the parts of a mail.
type EmailTemplateConfig struct {
	// URI of the subject, a Go text template.
	Subject string `yaml:"subject"`
	// The text of the message.
	Body EmailBodyConfig `yaml:"body"`
}

// EmailBodyConfig is the two forms of a mail's text.
type EmailBodyConfig struct {
	// URI of the plain text, a Go text template.
	Plaintext string `yaml:"plaintext"`
	// URI of the HTML, a Go HTML template.
	HTML string `yaml:"html"`
}

// SMSTemplateConfig is the parts of a text message.
type SMSTemplateConfig struct {
	// The text of the message.
	Body SMSBodyConfig `yaml:"body"`
}

// SMSBodyConfig is the text of a text message.
type SMSBodyConfig struct {
	// URI of the text, a Go text template.
	Plaintext string `yaml:"plaintext"`
}

// named gives the configured URIs by template and part.
func (c TemplatesConfig) named() map[string]TemplateConfig {
	return map[string]TemplateConfig{
		RecoveryValid: c.Recovery.Valid, RecoveryInvalid: c.Recovery.Invalid,
		RecoveryCodeValid: c.RecoveryCode.Valid, RecoveryCodeInvalid: c.RecoveryCode.Invalid,
		VerificationValid: c.Verification.Valid, VerificationInvalid: c.Verification.Invalid,
		VerificationCodeValid: c.VerificationCode.Valid, VerificationCodeInvalid: c.VerificationCode.Invalid,
		LoginCodeValid: c.LoginCode.Valid, LoginCodeInvalid: c.LoginCode.Invalid,
		RegistrationCodeValid: c.RegistrationCode.Valid, RegistrationDuplicate: c.Registration.Duplicate,
		VerifiableAddressChanged: c.VerifiableAddressChanged, AuthenticatorKeyAdded: c.AuthenticatorKeyAdded,
	}
}

// uri gives the URI of a part, or "".
func (c TemplateConfig) uri(p part) string {
	switch p {
	case subject:
		return c.Email.Subject
	case plaintext:
		return c.Email.Body.Plaintext
	case htmlPart:
		return c.Email.Body.HTML
	default:
		return c.SMS.Body.Plaintext
	}
}

func (c TemplatesConfig) validate(f *faults) {
	named := c.named()
	for _, name := range templates() {
		for _, p := range parts {
			if uri := named[name].uri(p); uri != "" {
				if wrong := wrongURI(uri); wrong != "" {
					f.add(templateKey(name, p), "%s", wrong)
				}
			}
		}
	}
}

func hasControl(s string) bool { return strings.ContainsFunc(s, unicode.IsControl) }

// wrongHeader says what is wrong with a further header of a mail, "" when nothing is.
func wrongHeader(name, value string) string {
	switch strings.ToLower(name) {
	case "from", "to", "cc", "bcc", "sender", "subject", "date", "message-id", "mime-version", "content-type", "content-transfer-encoding":
		return "is written by the server itself"
	}
	if !fetch.IsToken(name) || hasControl(value) {
		return "is no header of a mail"
	}
	return ""
}
