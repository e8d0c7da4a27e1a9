package harden

// invalid is the check of what no server takes. It is the one that cannot be accepted.
const invalid = "configuration-invalid"

// What several checks say.
const (
	makeSecret = "make one with `openssl rand -base64 32` and give it by GATEHOUSE_SECRETS_…_FILE"
	bcp        = "RFC 9700"
)

func secretChecks() []Check {
	return []Check{
		{
			ID: invalid, Severity: Critical, Title: "The configuration is not valid",
			Why: "A server does not start with it.", How: "Mend what is named; `gatehouse config validate` says the same.",
			find: func(f *Facts) verdict { return verdict{found: f.Faults} },
		},
		{
			ID: "profile-development", Severity: Critical, Title: "The development profile is not for a network",
			Why:      "It starts without secrets, lets the admin listener be open, speaks plain HTTP and does not check the certificates of databases.",
			How:      "Set profile: production, and look with `gatehouse harden --profile production` what it asks for.",
			Settings: []string{"profile"}, Reference: "NIST SP 800-123 §4.2",
			find: func(f *Facts) (v verdict) {
				if f.Profile != "production" {
					v.at("profile", "is %s", f.Profile)
				}
				return v
			},
		},
		{
			ID: "secret-weak", Severity: Critical, Title: "A secret is published, a placeholder, or easily guessed",
			Why: "Whoever guesses it reads what is sealed and makes tokens for anybody.", How: makeSecret + "; secrets.system is replaced while servers serve, as operating.md says.",
			Settings: []string{"secrets.system", "secrets.cookie", "secrets.admin"}, Reference: "CWE-798, CWE-1392",
			find: func(f *Facts) (v verdict) {
				for _, s := range f.Secrets {
					if s.Weak != "" && !s.Credential {
						v.at(s.Path, "%s", s.Weak)
					}
				}
				return v
			},
		},
		{
			ID: "credential-weak", Severity: High, Title: "What opens another service is published, a placeholder, or easily guessed",
			Why:       "Whoever guesses the password or key of a database, a cache, a mail server or an object store gets in as this server does.",
			How:       "Change it at the service, and give it here by a key that ends in _file, or by an environment variable that ends in _FILE.",
			Settings:  append(credentialSettings(), "databases.**password_file", "backup.destinations[].s3.secret_access_key_file", "selfservice.**client_secret_file"),
			Reference: "CWE-1392, CWE-521",
			find: func(f *Facts) (v verdict) {
				for _, s := range f.Secrets {
					if s.Weak != "" && s.Credential {
						v.at(s.Path, "%s", s.Weak)
					}
				}
				return v
			},
		},
		{
			ID: "secret-shared", Severity: Critical, Title: "One secret stands in two lists",
			Why: "Losing one loses both: who learns an admin key could also read what is sealed.", How: "Give each list of secrets.system, secrets.cookie and secrets.admin its own: " + makeSecret + ".",
			Settings: []string{"secrets.system", "secrets.cookie", "secrets.admin"}, Reference: "NIST SP 800-57 part 1 §5.2",
			find: func(f *Facts) (v verdict) {
				for _, s := range f.Secrets {
					if s.SameAs != "" {
						v.at(s.Path, "stands in %s too", s.SameAs)
					}
				}
				return v
			},
		},
		{
			ID: "secret-in-file", Severity: Medium, Title: "A secret stands in the configuration file",
			Why:      "The file is copied, reviewed and kept in places where secrets must not be.",
			How:      "Give secrets.system, secrets.cookie, secrets.admin, databases.dsn and other single keys by environment variables, better by those that end in _FILE; passwords of databases by password_file, the keys of object stores by secret_access_key_file, the secrets of providers by client_secret_file, or from the environment or the machine's role; or put secrets into a file of their own that holds nothing else.",
			Settings: append([]string{"secrets.system", "secrets.cookie", "secrets.admin"}, credentialSettings()...), Reference: "CWE-260",
			find: func(f *Facts) (v verdict) {
				for _, s := range f.Secrets {
					if s.File != "" {
						v.at(s.Path, "is written in %s", s.File)
					}
				}
				return v
			},
		},
	}
}

// credentialSettings are the keys that hold secrets besides the lists of the group secrets, or may hold them.
func credentialSettings() []string {
	return []string{
		"secrets.transit.token", "databases.dsn", "databases.management", "databases.oauth", "databases.activity", "databases.flow",
		"databases.**password", "databases.**parameters", "tracing.headers", "oauth.pairwise.salt",
		"selfservice.**client_secret", "selfservice.**headers", "selfservice.**auth.config.value", "selfservice.**auth.config.password",
		"courier.smtp.connection_uri", "courier.**headers", "courier.**auth.config.value", "courier.**auth.config.password",
		"access.rules.sources[].headers", "access.rules.sources[].auth.config.value", "access.rules.sources[].auth.config.password",
		"access.rules.sources[].s3.secret_access_key", "access.rules.sources[].s3.session_token", "access.authenticators.*.config",
		"access.authorizers.*.config", "access.mutators.*.config", "access.errors.handlers.*.config", "access.geoip.license_key",
		"cache.redis.password", "activity.exports[].header", "backup.destinations[].s3.secret_access_key",
		"backup.destinations[].s3.session_token", "session.whoami.tokenizer.templates.*.jwks_url",
	}
}
