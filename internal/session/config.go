package session

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// Config is the `session` part of the configuration.
type Config struct {
	// Lifespan is how long a session lasts, counted from the last time that the person proved who they are. Unit:
	// duration. Default: 24h. A change counts for sessions that begin or are extended after it.
	Lifespan time.Duration `yaml:"lifespan" default:"24h" min:"1m" max:"87600h"`
	// EarliestPossibleExtend is how long before its end a session can be extended; earlier requests leave it as it is.
	// Unit: duration. Default: 0s, which means at any time. A value keeps clients that extend with every request from
	// writing to the database each time.
	EarliestPossibleExtend time.Duration `yaml:"earliest_possible_extend" default:"0s" min:"0s" max:"87600h"`
	// Sliding extends a session by itself when it is used within earliest_possible_extend before its end, or in the
	// second half of its lifespan where that is 0s. Default: false: a session ends when its lifespan is over, used or not.
	Sliding bool `yaml:"sliding" default:"false"`
	// MaxLifespan is how long a session can last however often it is extended, counted from its beginning. Unit:
	// duration. Default: 0s, which means for ever.
	MaxLifespan time.Duration `yaml:"max_lifespan" default:"0s" min:"0s" max:"876000h"`
	// KeepEnded is how long sessions that have expired are kept for administrators to look at. Unit: duration. Default:
	// 24h. Revoked ones stay until they would have expired and this time is over.
	KeepEnded time.Duration `yaml:"keep_ended" default:"24h" min:"0s" max:"87600h"`
	// CacheSize is how many sessions a server keeps in memory. Default: 50000. One takes about 3 KiB; asking for one
	// that is not kept costs a statement.
	CacheSize int `yaml:"cache_size" default:"50000" min:"1" max:"10000000"`
	// Cookie says what browsers keep.
	Cookie CookieConfig `yaml:"cookie"`
	// Whoami says how /sessions/whoami answers.
	Whoami WhoamiConfig `yaml:"whoami"`
}

// CookieConfig says what browsers keep. The cookie is always HttpOnly, and Secure where the public base URL is https.
type CookieConfig struct {
	// Name of the cookie. Default: ory_kratos_session, which proxies and applications written for Kratos look for. Named
	// __Host-ory_kratos_session, sibling domains cannot plant one; that needs https, no domain and path "/". Renaming it
	// signs everybody out.
	Name string `yaml:"name" default:"ory_kratos_session"`
	// Persistent keeps the cookie when the browser is closed, for as long as the session lasts. Default: true.
	Persistent bool `yaml:"persistent" default:"true"`
	// SameSite says whether the cookie goes along with requests that other sites cause: Strict, Lax or None. Default:
	// Lax. None needs https; without it, Lax is sent.
	SameSite string `yaml:"same_site" default:"Lax" enum:"Strict,Lax,None"`
	// Domain shares the cookie with that domain's hosts, for applications that are served beside this server. Default:
	// none: only the public host gets it.
	Domain string `yaml:"domain"`
	// Path below which the cookie is sent. Default: the path of the public base URL.
	Path string `yaml:"path"`
}

// WhoamiConfig says how /sessions/whoami answers.
type WhoamiConfig struct {
	// RequiredAAL is the level a session needs: aal1, or highest_available, which asks those who have set up a second
	// factor to use it and answers 403 until they did. Default: highest_available.
	RequiredAAL string `yaml:"required_aal" default:"highest_available" enum:"aal1,highest_available"`
	// CacheableSessions adds the header Ory-Session-Cache-For, by which a proxy in front may keep the answer for that
	// many seconds. Default: false. What a proxy keeps, it goes on believing after the session was revoked.
	CacheableSessions bool `yaml:"cacheable_sessions" default:"false"`
	// CacheableSessionsMaxAge bounds that time. Unit: duration. Default: 0s, which means until the session ends.
	CacheableSessionsMaxAge time.Duration `yaml:"cacheable_sessions_max_age" default:"0s" min:"0s" max:"87600h"`
	// Tokenizer turns sessions into JWTs.
	Tokenizer TokenizerConfig `yaml:"tokenizer"`
}

// TokenizerConfig turns sessions into JWTs.
type TokenizerConfig struct {
	// Templates by the name that ?tokenize_as= asks for.
	Templates map[string]TemplateConfig `yaml:"templates"`
}

// TemplateConfig is one kind of JWT.
type TemplateConfig struct {
	// TTL is how long the JWT is valid. Unit: duration. Default: 1m. It stays valid when the session is revoked.
	TTL time.Duration `yaml:"ttl" min:"0s" max:"87600h"`
	// JWKSURL is where the private key is: file:///path or base64://… of a JSON Web Key Set, which is the key itself and
	// therefore never shown. Its first signing key signs; it needs alg and kid. Read when the server starts.
	JWKSURL secret.String `yaml:"jwks_url"`
	// KeySet is the name of a set of this server's own signing keys, instead of jwks_url. List it in keys.sets, so that
	// it rotates, and in keys.broadcast, so that /.well-known/jwks.json shows its public keys.
	KeySet string `yaml:"key_set"`
	// ClaimsMapperURL is where a Jsonnet program is, file:///path or base64://…, which gets the session as
	// std.extVar("session") and the claims so far as std.extVar("claims") and returns {claims: {…}}.
	ClaimsMapperURL string `yaml:"claims_mapper_url"`
	// Claims are added without a program: each value is either the path of a member of the session, such as
	// identity.traits.email, which keeps its JSON type, or a Go template over the session, such as
	// "{{.identity.traits.name.first}} {{.identity.traits.name.last}}". A path that leads nowhere adds no claim.
	Claims map[string]string `yaml:"claims"`
	// SubjectSource says what the claim sub holds: id, the identity's id, or external_id. Default: id.
	SubjectSource string `yaml:"subject_source" enum:"id,external_id"`
}

// DefaultConfig lets sessions last a day, in a cookie that only this host gets.
func DefaultConfig() Config {
	return Config{
		Lifespan:  24 * time.Hour,
		KeepEnded: 24 * time.Hour,
		CacheSize: 50_000,
		Cookie:    CookieConfig{Name: "ory_kratos_session", Persistent: true, SameSite: "Lax"},
		Whoami:    WhoamiConfig{RequiredAAL: HighestAvailable},
	}
}

// Validate returns everything that is wrong with c, each fault with the path of its field below `session`.
func (c Config) Validate() []error {
	var faults []error
	if c.MaxLifespan != 0 && c.MaxLifespan < c.Lifespan {
		faults = append(faults, fmt.Errorf("max_lifespan: must be 0s or at least lifespan (%s), is %s", c.Lifespan, c.MaxLifespan))
	}
	if !slices.Contains([]string{AAL1, HighestAvailable}, c.Whoami.RequiredAAL) {
		faults = append(faults, fmt.Errorf("whoami.required_aal: %q is neither aal1 nor highest_available", c.Whoami.RequiredAAL))
	}
	return append(append(faults, c.Cookie.validate()...), c.Whoami.Tokenizer.validate()...)
}

func (c CookieConfig) validate() (faults []error) {
	bad := func(key, format string, a ...any) {
		faults = append(faults, fmt.Errorf("cookie."+key+": "+format, a...))
	}
	if c.Name == "" || len(c.Name) > 100 || strings.IndexFunc(c.Name, notToken) >= 0 {
		bad("name", "%q is not a cookie's name: use letters, digits, - and _", c.Name)
	}
	if strings.HasPrefix(c.Name, "__Host-") && (c.Domain != "" || c.Path != "" && c.Path != "/") {
		bad("name", "with __Host- in front, browsers refuse a domain and any path but /")
	}
	if !slices.Contains([]string{"Strict", "Lax", "None"}, c.SameSite) {
		bad("same_site", "%q is not one of Strict, Lax, None", c.SameSite)
	}
	if strings.IndexFunc(c.Domain, func(r rune) bool { return r != '.' && notToken(r) }) >= 0 {
		bad("domain", "%q is not a host name", c.Domain)
	}
	if c.Path != "" && (c.Path[0] != '/' || strings.ContainsAny(c.Path, ";, \t\r\n\"\\")) {
		bad("path", "%q must begin with a slash and hold no separators", c.Path)
	}
	return faults
}

// notToken finds what has no place in a cookie's name (RFC 6265 §4.1.1 allows more than is wise).
func notToken(r rune) bool {
	return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
}

// reserved are the claims that the tokenizer itself answers for.
func reserved() []string { return []string{"iss", "sub", "sid", "jti", "iat", "nbf", "exp"} }

func (c TokenizerConfig) validate() (faults []error) {
	name := regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,100}$`)
	for key, t := range c.Templates {
		bad := func(field, format string, a ...any) {
			faults = append(faults, fmt.Errorf("whoami.tokenizer.templates."+key+field+": "+format, a...))
		}
		if !name.MatchString(key) {
			bad("", "a template's name is made of letters, digits, dot, - and _")
		}
		if (t.JWKSURL == "") == (t.KeySet == "") {
			bad(".jwks_url", "say where the private key is: either jwks_url or key_set")
		}
		for field, uri := range map[string]string{".jwks_url": t.JWKSURL.Reveal(), ".claims_mapper_url": t.ClaimsMapperURL} {
			if uri == "" {
				continue
			}
			if _, err := fetch.ParseLocal(uri); err != nil {
				bad(field, "%w", err)
			}
		}
		if !slices.Contains([]string{"", "id", "external_id"}, t.SubjectSource) {
			bad(".subject_source", "%q is neither id nor external_id", t.SubjectSource)
		}
		for claim, text := range t.Claims {
			if slices.Contains(reserved(), claim) {
				bad(".claims."+claim, "this claim is the tokenizer's own")
			} else if _, err := parseClaim(text); err != nil {
				bad(".claims."+claim, "%w", err)
			}
		}
	}
	return faults
}
