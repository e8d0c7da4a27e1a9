package courier

import (
	"fmt"
	"net/mail"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// Config says how messages leave, in which words, and how long they are kept. Keys that Ory Kratos has too have its names.
type Config struct {
	// The mail server. Without a connection_uri no mail is sent: messages stay in the queue, where the admin API shows
	// them.
	SMTP SMTPConfig `yaml:"smtp"`
	// How mails leave: smtp hands them to the server of smtp.connection_uri, http to the service of http.request_config.
	DeliveryStrategy string `yaml:"delivery_strategy" default:"smtp" enum:"smtp,http"`
	// The HTTP service that sends mails where delivery_strategy is http.
	HTTP HTTPConfig `yaml:"http"`
	// Further channels. Text messages need one with the id sms; without it they stay in the queue.
	Channels []ChannelConfig `yaml:"channels"`
	// A directory with templates of your own, read at run time: a changed file is used for the next message. It holds
	// Kratos' names, such as recovery_code/valid/email.body.gotmpl, also below a language: de/recovery_code/valid/….
	// What is missing, or does not work, is replaced by what is built in.
	TemplateOverridePath string `yaml:"template_override_path"`
	// Templates of your own by URI (file://, https://, http:// or base64://). They go before template_override_path and
	// are the same for every language. Remote ones are read every five minutes.
	Templates TemplatesConfig `yaml:"templates"`
	// Language of messages to people whose language is not known, or in which no template is written.
	DefaultLanguage string `yaml:"default_language" default:"en" enum:"en,de"`
	// How often sending a message is tried again after it failed, before it is abandoned.
	MessageRetries int `yaml:"message_retries" default:"5" min:"0" max:"100"`
	// The pause before a message is tried again. It begins with min and is four times as long each time, up to max; a
	// quarter more or less of it is left to chance.
	Retry RetryConfig `yaml:"retry"`
	// How this server works through the queue. Any number of servers may do so.
	Worker WorkerConfig `yaml:"worker"`
	// How long messages are kept.
	Retention RetentionConfig `yaml:"retention"`
	// Whether the admin API shows what messages say, codes and links included: development shows it in the development
	// profile only, as Kratos does; always shows it to every holder of an admin key, who could sign in as anybody.
	ShowBodies string `yaml:"show_bodies" default:"development" enum:"development,always,never"`
}

// SMTPConfig is the mail server and what stands on the envelope.
type SMTPConfig struct {
	// Where the mail server is: smtp://user:password@host:587/ (StartTLS, enforced) or smtps://user:password@host:465/
	// (TLS from the start). Parameters: disable_starttls=true sends in the clear; skip_ssl_verify=true believes any
	// certificate (refused in production); server_name=name is the name that the certificate must hold where it is not
	// the host's; legacy_ssl=true means TLS from the start also with smtp://.
	ConnectionURI secret.String `yaml:"connection_uri"`
	// File with the certificate (PEM) by which this server identifies itself to the mail server.
	ClientCertPath string `yaml:"client_cert_path"`
	// File with the private key (PEM) of client_cert_path.
	ClientKeyPath string `yaml:"client_key_path"`
	// File with the certificate authorities (PEM) that are believed instead of the system's.
	CAPath string `yaml:"ca_path"`
	// Address that mails come from. The mail server must accept it; needed where mails are sent by SMTP.
	FromAddress string `yaml:"from_address"`
	// Name that mails come from, as people see it.
	FromName string `yaml:"from_name"`
	// Further headers of every mail.
	Headers map[string]string `yaml:"headers"`
	// Name by which this server greets the mail server (EHLO). Some relays want a real host name.
	LocalName string `yaml:"local_name" default:"localhost"`
	// How long one attempt to send may take, from connecting to the server's last word.
	Timeout time.Duration `yaml:"timeout" default:"30s" min:"1s" max:"5m"`
}

// RetryConfig is the pause between attempts.
type RetryConfig struct {
	// The first pause. Short, because the first reason for a failure is a hiccup and somebody is waiting for a code.
	Min time.Duration `yaml:"min" default:"2s" min:"100ms" max:"1h"`
	// The longest pause between two attempts.
	Max time.Duration `yaml:"max" default:"15m" min:"1s" max:"24h"`
}

// WorkerConfig is how one server works through the queue.
type WorkerConfig struct {
	// How many messages are looked up at a time.
	PullCount int `yaml:"pull_count" default:"10" min:"1" max:"1000"`
	// How long the server rests before it looks again for messages that others queued or that are to be tried again. It
	// sends what it queued itself at once.
	PullWait time.Duration `yaml:"pull_wait" default:"5s" min:"100ms" max:"10m"`
	// How many messages this server sends at the same time, each over a connection of its own.
	Parallel int `yaml:"parallel" default:"4" min:"1" max:"100"`
}

// RetentionConfig is how long messages are kept.
type RetentionConfig struct {
	// How long subject, text and template data are kept after a message was sent or abandoned; 0s removes them at once.
	Body time.Duration `yaml:"body" default:"24h" min:"0s" max:"8760h"`
	// How long after it was queued a message is deleted altogether, whatever became of it.
	Message time.Duration `yaml:"message" default:"720h" min:"1h" max:"87600h"`
}

// The values of DeliveryStrategy and ShowBodies.
const (
	bySMTP          = "smtp"
	byHTTP          = "http"
	showDevelopment = "development"
	showAlways      = "always"
	showNever       = "never"
)

// DefaultConfig sends nothing until it is told where.
func DefaultConfig() Config {
	return Config{
		SMTP:             SMTPConfig{LocalName: "localhost", Timeout: 30 * time.Second},
		DeliveryStrategy: bySMTP,
		HTTP:             HTTPConfig{RequestConfig: defaultRequest()},
		DefaultLanguage:  "en",
		MessageRetries:   5,
		Retry:            RetryConfig{Min: 2 * time.Second, Max: 15 * time.Minute},
		Worker:           WorkerConfig{PullCount: 10, PullWait: 5 * time.Second, Parallel: 4},
		Retention:        RetentionConfig{Body: 24 * time.Hour, Message: 30 * 24 * time.Hour},
		ShowBodies:       showDevelopment,
	}
}

// faults collects what is wrong with a configuration.
type faults []error

func (f *faults) add(key, format string, a ...any) {
	*f = append(*f, fmt.Errorf("%s: "+format, append([]any{key}, a...)...))
}

func (f *faults) oneOf(key, value string, known ...string) {
	if !slices.Contains(known, value) {
		f.add(key, "must be %s, is %q", strings.Join(known, " or "), value)
	}
}

// Validate returns everything that is wrong with c, each fault with the path of its key below `courier`.
func (c Config) Validate() []error {
	var f faults
	c.SMTP.validate(&f, c.DeliveryStrategy == bySMTP)
	f.oneOf("delivery_strategy", c.DeliveryStrategy, bySMTP, byHTTP)
	if c.DeliveryStrategy == byHTTP {
		c.HTTP.RequestConfig.validate(&f, "http.request_config.")
	}
	seen := map[string]bool{}
	for i, channel := range c.Channels {
		key := fmt.Sprintf("channels[%d].", i)
		f.oneOf(key+"id", channel.ID, SMS)
		if channel.Type != "" { // an entry of a list has no defaults
			f.oneOf(key+"type", channel.Type, byHTTP)
		}
		channel.RequestConfig.validate(&f, key+"request_config.")
		if seen[channel.ID] {
			f.add(key+"id", "%q is in the list a second time", channel.ID)
		}
		seen[channel.ID] = true
	}
	if dir := c.TemplateOverridePath; dir != "" {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			f.add("template_override_path", "is no directory that can be read")
		}
	}
	c.Templates.validate(&f)
	f.oneOf("default_language", c.DefaultLanguage, languages...)
	if c.Retry.Max < c.Retry.Min {
		f.add("retry.max", "must be at least retry.min (%s), is %s", c.Retry.Min, c.Retry.Max)
	}
	f.oneOf("show_bodies", c.ShowBodies, showDevelopment, showAlways, showNever)
	return f
}

// TLS says how mails go to the mail server: none where there is no server, checked, unchecked (TLS with any certificate), or clear.
func (c SMTPConfig) TLS() string {
	server, err := parseURI(c.ConnectionURI.Reveal())
	switch {
	case c.ConnectionURI == "" || err != nil:
		return "none"
	case !server.implicit && !server.startTLS:
		return "clear"
	case server.skipVerify:
		return "unchecked"
	}
	return "checked"
}

func (c SMTPConfig) validate(f *faults, used bool) {
	if c.ConnectionURI != "" {
		if _, err := parseURI(c.ConnectionURI.Reveal()); err != nil {
			f.add("smtp.connection_uri", "%w", err)
		}
		if used && c.FromAddress == "" {
			f.add("smtp.from_address", "is missing: write the address that mails come from, such as no-reply@example.com")
		}
	}
	if c.FromAddress != "" {
		if a, err := mail.ParseAddress(c.FromAddress); err != nil || a.Address != c.FromAddress {
			f.add("smtp.from_address", "is no e-mail address; the name that people see is smtp.from_name")
		}
	}
	if hasControl(c.FromName) {
		f.add("smtp.from_name", "holds control characters")
	}
	if (c.ClientCertPath == "") != (c.ClientKeyPath == "") {
		f.add("smtp.client_cert_path", "and smtp.client_key_path need each other")
	}
	if c.LocalName == "" || hasControl(c.LocalName) || strings.Contains(c.LocalName, " ") {
		f.add("smtp.local_name", "is no host name")
	}
	for name, value := range c.Headers {
		if wrong := wrongHeader(name, value); wrong != "" {
			f.add("smtp.headers."+name, "%s", wrong)
		}
	}
}
