package hook

import (
	"fmt"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// ClientsConfig says how this server calls others on behalf of flows. The keys are those of Ory Kratos.
type ClientsConfig struct {
	// All calls over HTTP.
	HTTP HTTPConfig `yaml:"http"`
	// Web hooks in particular.
	WebHook WebHookConfig `yaml:"web_hook"`
}

// HTTPConfig is about all calls over HTTP.
type HTTPConfig struct {
	// With true, addresses that only this machine or this network can reach are refused, whatever a name resolves to. With
	// false, hooks can run beside this server.
	DisallowPrivateIPRanges bool `yaml:"disallow_private_ip_ranges" default:"false"`
	// URLs that may be called although they are private, exactly as they are written where they are used.
	PrivateIPExceptionURLs []string `yaml:"private_ip_exception_urls"`
}

// WebHookConfig is about web hooks in particular.
type WebHookConfig struct {
	// The headers of a person's request that programs of hooks get to see, as ctx.request_headers. Cookie and Authorization
	// hold what signs people in: whoever writes them here gives that away.
	HeaderAllowlist []string `yaml:"header_allowlist"`
}

// DefaultClientsConfig shows programs the headers that hold no credential.
func DefaultClientsConfig() ClientsConfig {
	return ClientsConfig{WebHook: WebHookConfig{HeaderAllowlist: []string{
		"Accept", "Accept-Encoding", "Accept-Language", "Content-Length", "Content-Type", "Origin", "Priority", "Referer", "Sec-Ch-Ua",
		"Sec-Ch-Ua-Mobile", "Sec-Ch-Ua-Platform", "Sec-Fetch-Dest", "Sec-Fetch-Mode", "Sec-Fetch-Site", "Sec-Fetch-User",
		"True-Client-Ip", "User-Agent",
	}}}
}

// Validate returns everything that is wrong with c, each fault with the path of its field below `clients`.
func (c ClientsConfig) Validate() (faults []error) {
	for i, name := range c.WebHook.HeaderAllowlist {
		if !fetch.IsToken(name) {
			faults = append(faults, fmt.Errorf("web_hook.header_allowlist[%d]: %q is no name of a header", i, name))
		}
	}
	for i, address := range c.HTTP.PrivateIPExceptionURLs {
		if err := fetch.CheckURL(address); err != nil {
			faults = append(faults, fmt.Errorf("http.private_ip_exception_urls[%d]: %w", i, err))
		}
	}
	return faults
}

// Config is one web hook. The keys are those of Ory Kratos; body_format, timeout and max_retries are ours.
type Config struct {
	// What logs and metrics call the hook. Empty means the host of its URL.
	ID string `yaml:"id"`
	// Where it is called: https or http.
	URL string `yaml:"url"`
	// With which HTTP method.
	Method string `yaml:"method" default:"POST"`
	// Headers of the call. Values may be secrets and are never shown. Content-Type is application/json unless it is said to be
	// application/x-www-form-urlencoded, for which the body must evaluate to an object of single values.
	Headers map[string]secret.String `yaml:"headers"`
	// URI (file://, https://, http:// or base64://) of the program that makes the body. It sees flow, identity, session,
	// request_headers, request_method, request_url and request_cookies, and failure in hooks on failed logins. Files are read
	// when the server starts, URLs when the hook is first called and then each hour. Without a program the call has no body.
	Body string `yaml:"body"`
	// The language of body: jsonnet, a function of ctx; or gotemplate, where {{json .flow.id}} writes a value as JSON.
	BodyFormat string `yaml:"body_format" default:"jsonnet" enum:"jsonnet,gotemplate"`
	// How the other service knows this server.
	Auth fetch.AuthConfig `yaml:"auth"`
	// What its answer is worth.
	Response ResponseConfig `yaml:"response"`
	// The older word for response.parse: with true, messages of an answer stop the flow.
	CanInterrupt bool `yaml:"can_interrupt" default:"false"`
	// How long a call may take, all its tries together. People wait for it, unless response.ignore is true.
	Timeout time.Duration `yaml:"timeout" default:"10s" min:"100ms" max:"1m"`
	// How often a call is tried again when there is no answer, or one that asks for it: 429 and 5xx. -1 means never. Tries of
	// one call have the same Ory-Webhook-Trigger-ID.
	MaxRetries int `yaml:"max_retries" default:"2" min:"-1" max:"10"`
}

// ResponseConfig is what an answer is worth.
type ResponseConfig struct {
	// With true nobody waits for the answer: the call is made in the background, and failures are only logged.
	Ignore bool `yaml:"ignore" default:"false"`
	// With true an answer may change the identity, or stop the flow with messages.
	Parse bool `yaml:"parse" default:"false"`
}

// The values of Config.BodyFormat.
const (
	formatJsonnet  = "jsonnet"
	formatTemplate = "gotemplate"
)

const (
	contentType = "Content-Type"
	mediaJSON   = "application/json"
	mediaForm   = "application/x-www-form-urlencoded"
)

// withDefaults fills in what an entry of a list, which has no defaults of its own, was not given.
func (c Config) withDefaults() Config {
	if c.Method == "" {
		c.Method = "POST"
	}
	if c.BodyFormat == "" {
		c.BodyFormat = formatJsonnet
	}
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	switch {
	case c.MaxRetries == 0:
		c.MaxRetries = 2
	case c.MaxRetries < 0:
		c.MaxRetries = 0
	}
	if u, err := url.Parse(c.URL); err == nil && c.ID == "" {
		c.ID = u.Host
	}
	return c
}

// media is the content type that the configuration asks for, without parameters.
func (c Config) media() string {
	for name, value := range c.Headers {
		if textproto.CanonicalMIMEHeaderKey(name) == contentType {
			media, _, _ := strings.Cut(value.Reveal(), ";")
			return strings.ToLower(strings.TrimSpace(media))
		}
	}
	return mediaJSON
}

// parses reports whether an answer may say something.
func (c Config) parses() bool { return c.Response.Parse || c.CanInterrupt }

// Validate returns everything that is wrong with c, each fault with the path of its field below the hook's `config`.
func (c Config) Validate() (faults []error) {
	bad := func(path, format string, a ...any) { faults = append(faults, fmt.Errorf(path+": "+format, a...)) }
	if err := fetch.CheckURL(c.URL); err != nil {
		bad("url", "%w", err)
	}
	if c.Method != "" && !fetch.IsToken(c.Method) {
		bad("method", "%q is no HTTP method", c.Method)
	}
	for _, err := range fetch.ValidateHeaders(c.Headers) {
		faults = append(faults, fmt.Errorf("headers.%w", err))
	}
	if media := c.media(); c.Body != "" && media != mediaJSON && media != mediaForm {
		bad("headers."+contentType, "bodies are %s or %s", mediaJSON, mediaForm)
	}
	if c.Body != "" {
		if _, err := bodySource(c.Body); err != nil {
			bad("body", "%w", err)
		}
	}
	if !slices.Contains([]string{"", formatJsonnet, formatTemplate}, c.BodyFormat) {
		bad("body_format", "%q is neither jsonnet nor gotemplate", c.BodyFormat)
	}
	if c.Response.Ignore && c.parses() {
		bad("response.ignore", "an answer cannot be ignored and parsed; choose one")
	}
	for _, err := range c.Auth.Validate() {
		faults = append(faults, fmt.Errorf("auth.%w", err))
	}
	return faults
}
