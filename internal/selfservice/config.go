package selfservice

import (
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/hook"
)

// Config says which flows there are, where their pages are and what happens around them. The keys are those of Ory Kratos.
type Config struct {
	// Where browsers go when a flow has ended and nothing else says where: an absolute URL, or a path on the public listener.
	DefaultBrowserReturnURL string `yaml:"default_browser_return_url" default:"/account/"`
	// Where the return_to parameter may lead: scheme and host must be equal and the path must begin so.
	// https://*.example.com allows every subdomain, at any depth, but not example.com itself. Paths on the public listener are
	// always allowed. Everything else is refused, or any site could use this server's good name to lead people to itself.
	AllowedReturnURLs []string `yaml:"allowed_return_urls"`
	// The flows, each with its page and its hooks.
	Flows FlowsConfig `yaml:"flows"`
	// Whether strangers can find out who has an account.
	AccountEnumeration EnumerationConfig `yaml:"account_enumeration"`
}

// EnumerationConfig is about finding out who has an account.
type EnumerationConfig struct {
	// With true, registering an identifier that is taken is answered as one that is free, and the owner gets a mail that says
	// so. Because of that, a registration whose address is not proven yet signs nobody in: the session comes when the code of
	// the verification mail was entered. Until then the password that was chosen is answered as a wrong one is, and signing in
	// with it sends the verification mail again. It needs the verification flow; without that, and with false, the person is
	// told that the identifier is taken. Login, recovery and verification never tell, whatever is written here. Settings tell who is
	// signed in and wants an address that somebody has, for a change holds at once; with true, an account is told so five
	// times, as limits.lockout counts failures, and waits then, longer each time.
	Mitigate bool `yaml:"mitigate" default:"true"`
}

// FlowsConfig are the flows, each with its own keys.
type FlowsConfig struct {
	// How people sign in to their account.
	Login LoginConfig `yaml:"login"`
	// How people make an account.
	Registration RegistrationConfig `yaml:"registration"`
	// How people change their own account.
	Settings SettingsConfig `yaml:"settings"`
	// How people regain an account whose password is lost.
	Recovery RecoveryConfig `yaml:"recovery"`
	// How people prove that an address is their own.
	Verification VerificationConfig `yaml:"verification"`
	// How people sign out of their account.
	Logout LogoutConfig `yaml:"logout"`
	// How errors outside of a form are shown.
	Error ErrorConfig `yaml:"error"`
}

// LoginConfig is `flows.login`.
type LoginConfig struct {
	// The page that shows the login: a URL, or a path on the public listener.
	UIURL string `yaml:"ui_url" default:"/account/login"`
	// How long a login may take from its first page to its end.
	Lifespan time.Duration `yaml:"lifespan" default:"1h" min:"1m" max:"24h"`
	// unified asks for everything on one page; identifier_first asks for the identifier first, and then for what the
	// methods need for it.
	Style string `yaml:"style" default:"unified" enum:"unified,identifier_first"`
	// What happens when a login begins.
	Before BeforeConfig `yaml:"before"`
	// What happens when it has succeeded, or failed.
	After AfterLoginConfig `yaml:"after"`
}

// RegistrationConfig is `flows.registration`.
type RegistrationConfig struct {
	// Whether people may register. With false only the admin API and imports make identities.
	Enabled bool `yaml:"enabled" default:"true"`
	// The page that shows the registration: a URL, or a path on the public listener.
	UIURL string `yaml:"ui_url" default:"/account/registration"`
	// How long a registration may take from its first page to its end.
	Lifespan time.Duration `yaml:"lifespan" default:"1h" min:"1m" max:"24h"`
	// profile_first asks for the traits first and for a credential on a second page; unified asks for all on one page.
	Style string `yaml:"style" default:"profile_first" enum:"unified,profile_first"`
	// With true, a person whose identifier is taken is told which methods sign that account in. It tells strangers too.
	LoginHints bool `yaml:"login_hints" default:"false"`
	// What happens when a registration begins.
	Before BeforeConfig `yaml:"before"`
	// What happens when it has succeeded. Where hooks is not written, the hook session signs the new person in, and
	// show_verification_ui leads to the page on which the address is verified.
	After AfterConfig `yaml:"after"`
}

// SettingsConfig is `flows.settings`.
type SettingsConfig struct {
	// The page that shows the settings: a URL, or a path on the public listener.
	UIURL string `yaml:"ui_url" default:"/account/settings"`
	// How long the settings page can be used before it must be loaded anew.
	Lifespan time.Duration `yaml:"lifespan" default:"1h" min:"1m" max:"24h"`
	// For how long after signing in a credential or an identifier may be changed; later the person is asked to sign in again.
	PrivilegedSessionMaxAge time.Duration `yaml:"privileged_session_max_age" default:"1h" min:"10s" max:"720h"`
	// The assurance level that the settings need: aal1, or highest_available, which asks those who have a second factor for it.
	RequiredAAL string `yaml:"required_aal" default:"highest_available" enum:"aal1,highest_available"`
	// What happens when the settings are opened.
	Before BeforeConfig `yaml:"before"`
	// What happens when something was changed.
	After AfterConfig `yaml:"after"`
}

// RecoveryConfig is `flows.recovery`.
type RecoveryConfig struct {
	// Whether people may recover an account to which they have lost the credential.
	Enabled bool `yaml:"enabled" default:"true"`
	// The page that shows the recovery: a URL, or a path on the public listener.
	UIURL string `yaml:"ui_url" default:"/account/recovery"`
	// How long a recovery may take from its first page to its end.
	Lifespan time.Duration `yaml:"lifespan" default:"1h" min:"1m" max:"24h"`
	// What is sent: a code that is typed in, or a link that is opened.
	Use string `yaml:"use" default:"code" enum:"code,link"`
	// Whether an address that nobody has gets a mail that says so. Strangers can have mails sent with it.
	NotifyUnknownRecipients bool `yaml:"notify_unknown_recipients" default:"false"`
	// What happens when a recovery begins.
	Before BeforeConfig `yaml:"before"`
	// What happens when it has succeeded.
	After AfterConfig `yaml:"after"`
}

// VerificationConfig is `flows.verification`.
type VerificationConfig struct {
	// Whether addresses are verified.
	Enabled bool `yaml:"enabled" default:"true"`
	// The page that shows the verification: a URL, or a path on the public listener.
	UIURL string `yaml:"ui_url" default:"/account/verification"`
	// How long a verification may take from its first page to its end.
	Lifespan time.Duration `yaml:"lifespan" default:"1h" min:"1m" max:"24h"`
	// What is sent: a code that is typed in, or a link that is opened.
	Use string `yaml:"use" default:"code" enum:"code,link"`
	// Whether an address that nobody has gets a mail that says so. Strangers can have mails sent with it.
	NotifyUnknownRecipients bool `yaml:"notify_unknown_recipients" default:"false"`
	// What happens when a verification begins.
	Before BeforeConfig `yaml:"before"`
	// What happens when it has succeeded.
	After AfterConfig `yaml:"after"`
}

// LogoutConfig is `flows.logout`.
type LogoutConfig struct {
	// With true, browsers are asked to forget everything that they keep of this origin (Clear-Site-Data), other
	// applications' data on the same origin included. It works over https only.
	ClearBrowserData bool `yaml:"clear_browser_data" default:"false"`
	// What happens when somebody has logged out.
	After ReturnConfig `yaml:"after"`
}

// ErrorConfig is `flows.error`.
type ErrorConfig struct {
	// The page that shows what went wrong: a URL, or a path on the public listener.
	UIURL string `yaml:"ui_url" default:"/account/error"`
}

// BeforeConfig is what happens when a flow begins.
type BeforeConfig struct {
	// The hooks, in their order: web_hook.
	Hooks []HookConfig `yaml:"hooks"`
}

// ReturnConfig is where browsers go.
type ReturnConfig struct {
	// Where browsers go when no return_to says otherwise. Empty means selfservice.default_browser_return_url.
	DefaultBrowserReturnURL string `yaml:"default_browser_return_url"`
}

// MethodAfterConfig is what happens when a flow has ended by one method.
type MethodAfterConfig struct {
	// Where browsers go when no return_to says otherwise. Empty means the flow's own.
	DefaultBrowserReturnURL string `yaml:"default_browser_return_url"`
	// The hooks, in their order. Where there are some, they run instead of the flow's own.
	Hooks []HookConfig `yaml:"hooks"`
}

// AfterConfig is what happens when a flow has ended. The keys of methods overrule the common ones.
type AfterConfig struct {
	// Where browsers go when no return_to says otherwise. Empty means selfservice.default_browser_return_url.
	DefaultBrowserReturnURL string `yaml:"default_browser_return_url"`
	// The hooks, in their order: session, show_verification_ui, verification, revoke_active_sessions,
	// require_verified_address, web_hook, as far as they make sense in the flow.
	Hooks []HookConfig `yaml:"hooks"`
	// What happens instead when a password did it.
	Password MethodAfterConfig `yaml:"password"`
	// What happens instead when a code did it.
	Code MethodAfterConfig `yaml:"code"`
	// What happens instead when the profile was changed.
	Profile MethodAfterConfig `yaml:"profile"`
	// What happens instead when an account at another provider did it.
	OIDC MethodAfterConfig `yaml:"oidc"`
}

// AfterLoginConfig is AfterConfig and what happens when somebody could not be signed in.
type AfterLoginConfig struct {
	AfterConfig `yaml:",inline"`

	// What happens when a login failed, because of a wrong identifier, password or code, too many tries, or an account that lets
	// nobody in: web hooks, which are told the flow, whose account it is where it is somebody's, and as failure the reason, the
	// message, the method and the identifier that was typed. The client's address is True-Client-Ip among the request's headers.
	// They do not change the answer. A hook that is waited for makes failed logins slower; response.ignore does not.
	Failed BeforeConfig `yaml:"failed"`
}

// HookConfig is one hook.
type HookConfig struct {
	// Which one: session, show_verification_ui, verification, revoke_active_sessions, require_verified_address or web_hook.
	Hook string `yaml:"hook" enum:"session,show_verification_ui,verification,revoke_active_sessions,require_verified_address,web_hook"`
	// What web_hook calls; other hooks have nothing to configure.
	Config hook.Config `yaml:"config"`
}

// DefaultConfig switches every flow on, with pages below /account/.
func DefaultConfig() Config {
	return Config{
		DefaultBrowserReturnURL: "/account/",
		AccountEnumeration:      EnumerationConfig{Mitigate: true},
		Flows: FlowsConfig{
			Login: LoginConfig{UIURL: "/account/login", Lifespan: time.Hour, Style: StyleUnified},
			Registration: RegistrationConfig{
				Enabled: true, UIURL: "/account/registration", Lifespan: time.Hour, Style: StyleProfileFirst,
				After: AfterConfig{Hooks: []HookConfig{{Hook: hookSession}, {Hook: hookShowVerification}}},
			},
			Settings: SettingsConfig{
				UIURL: "/account/settings", Lifespan: time.Hour, PrivilegedSessionMaxAge: time.Hour, RequiredAAL: highestAvailable,
			},
			Recovery:     RecoveryConfig{Enabled: true, UIURL: "/account/recovery", Lifespan: time.Hour, Use: "code"},
			Verification: VerificationConfig{Enabled: true, UIURL: "/account/verification", Lifespan: time.Hour, Use: "code"},
			Error:        ErrorConfig{UIURL: "/account/error"},
		},
	}
}

// The styles of logins and registrations.
const (
	StyleUnified         = "unified"
	StyleIdentifierFirst = "identifier_first"
	StyleProfileFirst    = "profile_first"
)

const highestAvailable = "highest_available"

// The hooks.
const (
	hookSession          = "session"
	hookShowVerification = "show_verification_ui"
	hookVerification     = "verification"
	hookRevoke           = "revoke_active_sessions"
	hookRequireVerified  = "require_verified_address"
	hookWeb              = "web_hook"
)

// afterMethods are those that AfterConfig has keys for.
var afterMethods = []string{"password", "code", "profile", "oidc"}

// method returns what differs for a method; the zero value where nothing does.
func (a AfterConfig) method(id string) MethodAfterConfig {
	switch id {
	case "password":
		return a.Password
	case "code":
		return a.Code
	case "profile":
		return a.Profile
	case "oidc":
		return a.OIDC
	}
	return MethodAfterConfig{}
}

// hooks returns those that run after the method did it.
func (a AfterConfig) hooks(method string) []HookConfig {
	if own := a.method(method).Hooks; len(own) > 0 {
		return own
	}
	return a.Hooks
}

// returnTo returns where browsers go after the method did it; empty where nothing is configured.
func (a AfterConfig) returnTo(method string) string {
	if own := a.method(method).DefaultBrowserReturnURL; own != "" {
		return own
	}
	return a.DefaultBrowserReturnURL
}
