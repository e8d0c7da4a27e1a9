package harden

import (
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

func peopleChecks() []Check {
	return []Check{
		{
			ID: "hash-cheap", Severity: Critical, Title: "Password hashes are cheap",
			Why: "Who gets the database guesses passwords quickly.", How: "Raise hashing.memory or hashing.time, or hashing.bcrypt.cost; stored hashes are renewed at the next sign-in.",
			Settings: []string{"hashing.algorithm", "hashing.memory", "hashing.time", "hashing.bcrypt.cost"}, Reference: "OWASP Password Storage Cheat Sheet, RFC 9106 §4",
			find: func(f *Facts) (v verdict) {
				c := secret.HashConfig{Algorithm: f.text("hashing.algorithm"), Memory: f.number("hashing.memory"), Time: f.number("hashing.time")}
				c.Bcrypt.Cost = f.number("hashing.bcrypt.cost")
				if key, why := c.Cheap(); why != "" {
					v.at("hashing."+key, "%s", why)
				}
				return v
			},
		},
		{
			ID: "limits-off", Severity: High, Title: "Nobody is kept from trying passwords",
			Why: "Strangers guess at full speed, and fill mailboxes.", How: "Take limits.enabled: false out, or accept this where something in front does the same.",
			Settings: []string{"limits.enabled"}, Reference: "NIST SP 800-63B §5.2.2", find: setTo("limits.enabled", "false"),
		},
		{
			ID: "lockout-off", Severity: Medium, Title: "Wrong passwords for a name never lock it",
			Why: "Many addresses together guess one person's password.", How: "Set limits.lockout.failures and limits.lockout.failures_anywhere above 0; locks end by themselves.",
			Settings: []string{"limits.lockout.failures", "limits.lockout.failures_anywhere"}, Reference: "NIST SP 800-63B §5.2.2",
			find: func(f *Facts) (v verdict) {
				for _, key := range []string{"limits.lockout.failures", "limits.lockout.failures_anywhere"} {
					if f.text(key) == "0" {
						v.at(key, "is 0")
					}
				}
				return v
			},
		},
		{
			ID: "password-short", Severity: Medium, Title: "Passwords may have fewer than eight characters",
			Why: "They are guessed in no time once the hashes are stolen.", How: "Raise selfservice.methods.password.config.min_password_length.",
			Settings: []string{"selfservice.methods.password.config.min_password_length"}, Reference: "NIST SP 800-63B §5.1.1.2",
			find: func(f *Facts) (v verdict) {
				if n := f.number("selfservice.methods.password.config.min_password_length"); n > 0 && n < 8 {
					v.at("selfservice.methods.password.config.min_password_length", "is %d", n)
				}
				return v
			},
		},
		{
			ID: "password-breached", Severity: Medium, Title: "Passwords are not compared with those that were stolen elsewhere",
			Why: "Lists of them are tried first.", How: "Turn selfservice.methods.password.config.haveibeenpwned_enabled on, or give a list in breached_passwords_file where the network has no way out.",
			Settings:  []string{"selfservice.methods.password.config.haveibeenpwned_enabled", "selfservice.methods.password.config.breached_passwords_file"},
			Reference: "NIST SP 800-63B §5.1.1.2",
			find: func(f *Facts) (v verdict) {
				if f.text("selfservice.methods.password.config.haveibeenpwned_enabled") == "false" && f.text("selfservice.methods.password.config.breached_passwords_file") == "" {
					v.at("selfservice.methods.password.config.haveibeenpwned_enabled", "is false, and there is no list")
				}
				return v
			},
		},
		{
			ID: "account-enumeration", Severity: Medium, Title: "Strangers are told who has an account",
			Why: "A list of names is half of what guessing needs, and tells who uses the service.", How: "Take selfservice.account_enumeration.mitigate: false out.",
			Settings: []string{"selfservice.account_enumeration.mitigate"}, Reference: "CWE-204", find: setTo("selfservice.account_enumeration.mitigate", "false"),
		},
		{
			ID: "session-endless", Severity: Medium, Title: "Sessions last for more than 90 days",
			Why: "A forgotten browser stays signed in.", How: "Shorten session.lifespan, or oauth.lifespans.authentication_session.",
			Settings: []string{"session.lifespan", "oauth.lifespans.authentication_session"}, Reference: "NIST SP 800-63B §7.2",
			find: longerThan(90*24*time.Hour, "session.lifespan", "oauth.lifespans.authentication_session"),
		},
		{
			ID: "cookie-cross-site", Severity: Medium, Title: "The session cookie goes along with requests of other sites",
			Why: "What keeps other sites from acting as the signed-in person is one step less.", How: "Set session.cookie.same_site to Lax.",
			Settings: []string{"session.cookie.same_site"}, Reference: "RFC 6265bis §8.8, CWE-1275", find: setTo("session.cookie.same_site", "None"),
		},
		{
			ID: "cookie-shared", Severity: Low, Title: "The session cookie is shared with a whole domain",
			Why: "Every host in the domain can read it, a forgotten one too.", How: "Take session.cookie.domain out where applications do not need it, and name the cookie __Host-… .",
			Settings: []string{"session.cookie.domain"}, Reference: "RFC 6265 §8.7",
			find: func(f *Facts) (v verdict) {
				if d := f.text("session.cookie.domain"); d != "" {
					v.at("session.cookie.domain", "is %s", d)
				}
				return v
			},
		},
	}
}

// messageChecks are about what is sent to people and about them.
func messageChecks() []Check {
	return []Check{
		{
			ID: "mail-unchecked", Severity: Critical, Title: "Any certificate will do for the mail server",
			Why: "Anybody on the way reads all mails, and the codes in them.", How: "Take skip_ssl_verify out of courier.smtp.connection_uri: name the authority in courier.smtp.ca_path, or the certificate's name by the parameter server_name.",
			Settings: []string{"courier.smtp.connection_uri"}, Reference: "RFC 8314 §3, CWE-295",
			find: func(f *Facts) (v verdict) {
				if f.MailTLS == "unchecked" {
					v.at("courier.smtp.connection_uri", "has skip_ssl_verify=true")
				}
				return v
			},
		},
		{
			ID: "mail-in-the-clear", Severity: High, Title: "Mails go to the mail server in the clear",
			Why: "Anybody on the way reads the codes by which accounts are recovered, and the mail server's password.", How: "Take disable_starttls out of courier.smtp.connection_uri.",
			Settings: []string{"courier.smtp.connection_uri"}, Reference: "RFC 8314 §3",
			find: func(f *Facts) (v verdict) {
				if f.MailTLS == "clear" {
					v.at("courier.smtp.connection_uri", "has disable_starttls=true")
				}
				return v
			},
		},
		{
			ID: "message-bodies-shown", Severity: High, Title: "The admin API shows what mails say",
			Why: "Who has an admin key reads codes and signs in as anybody.", How: "Take courier.show_bodies: always out.",
			Settings: []string{"courier.show_bodies"}, Reference: "CWE-200", find: setTo("courier.show_bodies", "always"),
		},
		{
			ID: "hook-plain-http", Severity: Medium, Title: "People's data is sent to another service in the clear",
			Why: "Anybody on the way reads it, and changes the answer.", How: "Write https in the URL that is named.",
			Settings:  []string{"selfservice.flows.**hooks[].config.url", "courier.http.request_config.url", "courier.channels[].request_config.url", "selfservice.methods.password.config.migrate_hook.config.url"},
			Reference: "CWE-319", find: plainHooks,
		},
		{
			ID: "hook-sees-credentials", Severity: High, Title: "Web hooks are shown what signs people in",
			Why: "Who runs the other service, or reads its logs, acts as them.", How: "Take Cookie, Authorization and X-Session-Token out of clients.web_hook.header_allowlist.",
			Settings: []string{"clients.web_hook.header_allowlist"}, Reference: "CWE-200",
			find: func(f *Facts) (v verdict) {
				for i, name := range f.values("clients.web_hook.header_allowlist") {
					switch strings.ToLower(name) {
					case "cookie", "authorization", "x-session-token", "proxy-authorization":
						v.at(place("clients.web_hook.header_allowlist", i), "is %s", name)
					}
				}
				return v
			},
		},
		{
			ID: "hook-reaches-inside", Severity: Low, Title: "Web hooks may call addresses of your own network",
			Why: "Where a URL of a hook is made of what people write, they choose whom the server asks.", How: "Set clients.http.disallow_private_ip_ranges: true, and name what is inside in clients.http.private_ip_exception_urls.",
			Settings: []string{"clients.http.disallow_private_ip_ranges"}, Reference: "CWE-918", find: setTo("clients.http.disallow_private_ip_ranges", "false"),
		},
	}
}

func plainHooks(f *Facts) (v verdict) {
	for _, pattern := range []string{"selfservice.flows.**hooks[].config.url", "courier.http.request_config.url", "courier.channels[].request_config.url", "selfservice.methods.password.config.migrate_hook.config.url"} {
		for _, s := range f.like(pattern) {
			if plainURL(s.Values[0]) {
				v.at(s.Key, "is %s", shown(s.Values[0]))
			}
		}
	}
	return v
}
