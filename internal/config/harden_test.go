package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/harden"
)

// found gives the checks that find something in a configuration, with the paths.
func found(t *testing.T, c *Config, faults Faults) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, f := range harden.Judge(today, nil, c.Facts(today, "test", faults)).Findings {
		all[f.Check] = append(all[f.Check], f.Path)
	}
	return all
}

// hard is sound with all that checks ask for besides.
const hard = sound + `
  admin: {address: "127.0.0.1:4445"}
activity: {exports: [{name: far, url: "https://logs.example.com/"}]}
tenants: [{id: people, hosts: [login.example.com]}]
identity: {default_schema_id: person, schemas: [{id: person, url: "base64://e30="}]}
clients: {http: {disallow_private_ip_ranges: true}}
backup:
  destinations: [{name: near, directory: /mnt/near}, {name: far, directory: /mnt/far}]
  recipients: [age16fukhfsmklawx5tkqun66mcr54q0eesg9643ht43n7kts0ev63cq9uxjeg]
`

// unsafe says for each check of configurations what makes it find something, and where.
var unsafe = map[string]struct{ over, path string }{
	"backup-plain-http":                {"backup: {destinations: [{name: near, directory: /mnt/near}, {name: far, s3: {bucket: b, endpoint: 'http://store.example.com'}}]}", "backup.destinations[1].s3.endpoint"},
	"configuration-invalid":            {"serve: {public: {address: nowhere}}", "serve.public.address"},
	"profile-development":              {"profile: development", "profile"},
	"secret-weak":                      {"secrets: {cookie: [youReallyNeedToChangeThis]}", "secrets.cookie[0]"},
	"credential-weak":                  {"cache: {redis: {addresses: ['redis.example.com:6379'], tls: {enabled: true}, password: changeme}}", "cache.redis.password"},
	"secret-shared":                    {"secrets: {cookie: [q7Zt4LkP9wXc2VbN8mRf]}", "secrets.cookie[0]"},
	"secret-in-file":                   {"log: {level: info}\nsecrets: {cookie: [zGt7qLw2nXr5vB9kPj4]}", "secrets.cookie[0]"},
	"listener-plain-http":              {"serve: {public: {tls: {terminated_by: []}}}", "serve.public.tls"},
	"door-plain-http":                  {"serve: {decisions: {enabled: true}}", "serve.decisions.tls"},
	"base-url-plain-http":              {"serve: {proxy: {enabled: true, base_url: 'http://apps.example.com/', tls: {terminated_by: [10.0.0.0/8]}}}", "serve.proxy.base_url"},
	"issuer-plain-http":                {"oauth: {issuer: 'http://login.example.com'}", "oauth.issuer"},
	"tls-terminated-by-anybody":        {"serve: {public: {tls: {terminated_by: [10.0.0.0/8, '::/0']}}}", "serve.public.tls.terminated_by[1]"},
	"trusted-proxies-anybody":          {"serve: {decisions: {enabled: true, trusted_proxies: [0.0.0.0/0]}}", "serve.decisions.trusted_proxies[0]"},
	"certificate-development":          {"serve: {public: {tls: {cert_file: CERT(login.example.com,self,9000), key_file: k}}}", "serve.public.tls.cert_file"},
	"certificate-ending":               {"serve: {public: {tls: {cert_file: CERT(login.example.com,Some Authority,72), key_file: k}}}", "serve.public.tls.cert_file"},
	"certificate-name":                 {"serve: {public: {tls: {cert_file: CERT(www.example.com,Some Authority,9000), key_file: k}}}", "serve.public.tls.cert_file"},
	"admin-without-credential":         {"profile: development\nsecrets: {admin: []}", "secrets.admin"},
	"admin-key-configured":             {"", "secrets.admin[0]"},
	"admin-certificate-any":            {"serve: {admin: {tls: {cert_file: c, key_file: k, client_ca_file: ca}, certificates: [{any: true, role: admin}]}}", "serve.admin.certificates[0].any"},
	"cache-in-the-clear":               {"cache: {redis: {addresses: ['redis.example.com:6379'], password: hunter2}}", "cache.redis.addresses[0]"},
	"cache-without-password":           {"cache: {redis: {addresses: ['redis.example.com:6379'], tls: {enabled: true}}}", "cache.redis.addresses[0]"},
	"admin-exposed":                    {"serve: {admin: {address: ':4445', base_url: 'https://admin.example.com', tls: {cert_file: c, key_file: k}}}", "serve.admin.address"},
	"admin-at-public-host":             {"serve: {admin: {address: ':4445', base_url: 'https://login.example.com/a', tls: {cert_file: c, key_file: k}}}", "serve.admin.base_url"},
	"admin-cors":                       {"serve: {admin: {cors: {enabled: true}}}", "serve.admin.cors.enabled"},
	"cors-any-origin":                  {"serve: {public: {cors: {enabled: true, allowed_origins: ['*']}}}", "serve.public.cors.allowed_origins[0]"},
	"cors-subdomains-with-credentials": {"serve: {public: {cors: {enabled: true, allow_credentials: true, allowed_origins: ['https://*.example.com']}}}", "serve.public.cors.allowed_origins[0]"},
	"cors-plain-http":                  {"serve: {public: {cors: {enabled: true, allowed_origins: ['http://app.example.com']}}}", "serve.public.cors.allowed_origins[0]"},
	"database-in-memory":               {"databases: {flow: memory}", "databases.flow"},
	"database-embedded":                {"databases: {flow: 'sqlite:///x/flow.db'}", "databases.flow"},
	"database-in-the-clear":            {"databases: {flow: 'postgres://a@db/x?sslmode=prefer'}", "databases.flow"},
	"database-unchecked":               {"databases: {flow: 'mysql://a@db/x?tls=skip-verify'}", "databases.flow"},
	"database-host-unchecked":          {"databases: {flow: 'postgres://a@db/x?sslmode=verify-ca'}", "databases.flow"},
	"database-one-user":                {"", "databases.dsn"},
	"database-administrator":           {"databases: {provisioning: {password: 4kT9wZ}}", "databases.provisioning.password"},
	"database-changes-itself":          {"databases: {auto_migrate: true}", "databases.auto_migrate"},
	"implicit-grant":                   {"oauth: {front_channel_tokens: {default: true}}", "oauth.front_channel_tokens.default"},
	"implicit-clients":                 {"oauth: {front_channel_tokens: {clients: [old]}}", "oauth.front_channel_tokens.clients"},
	"pkce-not-required":                {"oauth: {pkce: {required_for_public_clients: false}}", "oauth.pkce.required_for_public_clients"},
	"access-token-long":                {"oauth: {lifespans: {access_token: 25h}}", "oauth.lifespans.access_token"},
	"authorization-code-long":          {"oauth: {lifespans: {authorization_code: 11m}}", "oauth.lifespans.authorization_code"},
	"refresh-token-endless":            {"oauth: {lifespans: {refresh_token: -1}}", "oauth.lifespans.refresh_token"},
	"redirect-plain-scheme":            {"oauth: {clients: {plain_redirect_schemes: [myapp]}}", "oauth.clients.plain_redirect_schemes[0]"},
	"client-documents-inside":          {"oauth: {clients: {allow_private_addresses: true}}", "oauth.clients.allow_private_addresses"},
	"client-credentials-all-scopes":    {"oauth: {client_credentials: {default_grant_allowed_scope: true}}", "oauth.client_credentials.default_grant_allowed_scope"},
	"signing-key-old":                  {"keys: {rotate_every: 9000h}", "keys.rotate_every"},
	"return-url-plain-http":            {"selfservice: {allowed_return_urls: ['http://app.example.com/']}", "selfservice.allowed_return_urls[0]"},
	"return-url-subdomains":            {"selfservice: {allowed_return_urls: ['https://*.example.com/']}", "selfservice.allowed_return_urls[0]"},
	"page-plain-http":                  {"selfservice: {flows: {login: {ui_url: 'http://pages.example.com/login'}}}", "selfservice.flows.login.ui_url"},
	"hash-cheap":                       {"hashing: {memory: 1024}", "hashing.memory"},
	"limits-off":                       {"limits: {enabled: false}", "limits.enabled"},
	"lockout-off":                      {"limits: {lockout: {failures: 0}}", "limits.lockout.failures"},
	"password-short":                   {"selfservice: {methods: {password: {config: {min_password_length: 7}}}}", "selfservice.methods.password.config.min_password_length"},
	"password-breached":                {"selfservice: {methods: {password: {config: {haveibeenpwned_enabled: false}}}}", "selfservice.methods.password.config.haveibeenpwned_enabled"},
	"account-enumeration":              {"selfservice: {account_enumeration: {mitigate: false}}", "selfservice.account_enumeration.mitigate"},
	"session-endless":                  {"session: {lifespan: 8760h}", "session.lifespan"},
	"cookie-cross-site":                {"session: {cookie: {same_site: None}}", "session.cookie.same_site"},
	"cookie-shared":                    {"session: {cookie: {domain: example.com}}", "session.cookie.domain"},
	"mail-unchecked":                   {"courier: {smtp: {from_address: a@example.com, connection_uri: 'smtps://mail.example.com/?skip_ssl_verify=true'}}", "courier.smtp.connection_uri"},
	"mail-in-the-clear":                {"courier: {smtp: {from_address: a@example.com, connection_uri: 'smtp://mail.example.com/?disable_starttls=true'}}", "courier.smtp.connection_uri"},
	"message-bodies-shown":             {"courier: {show_bodies: always}", "courier.show_bodies"},
	"hook-plain-http":                  {"selfservice: {flows: {login: {after: {password: {hooks: [{hook: web_hook, config: {url: 'http://crm.example.com/'}}]}}}}}", "selfservice.flows.login.after.password.hooks[0].config.url"},
	"provider-plain-http":              {"selfservice: {methods: {oidc: {enabled: true, config: {providers: [{id: acme, client_id: c, client_secret: vB8nRf3kQw7Y, issuer_url: 'http://login.acme.example'}]}}}}", "selfservice.methods.oidc.config.providers[0].issuer_url"},
	"hook-sees-credentials":            {"clients: {web_hook: {header_allowlist: [Accept, Cookie]}}", "clients.web_hook.header_allowlist[1]"},
	"hook-reaches-inside":              {"clients: {http: {disallow_private_ip_ranges: false}}", "clients.http.disallow_private_ip_ranges"},
	"log-leaks":                        {"log: {leak_sensitive_values: true}", "log.leak_sensitive_values"},
	"log-chatty":                       {"log: {level: trace}", "log.level"},
	"log-silent":                       {"log: {access: none}", "log.access"},
	"tracing-in-the-clear":             {"tracing: {endpoint: 'http://otel.example.com:4318'}", "tracing.endpoint"},
	"activity-only-here":               {"activity: {exports: []}", "activity.exports"},
	"activity-in-the-clear":            {"activity: {exports: [{name: far, url: 'syslog+udp://logs.example.com:514'}]}", "activity.exports[0].url"},
	"activity-short":                   {"activity: {retention: 240h}", "activity.retention"},
	"door-normalizes":                  {"access: {unnormalized: normalize}\nserve: {decisions: {enabled: true}}", "access.unnormalized"},
	"door-keeps-overrides":             {"access: {keep_headers: [X-Original-URL]}\nserve: {decisions: {enabled: true}}", "access.keep_headers[0]"},
	"rules-in-the-clear":               {"access: {rules: {repositories: ['http://rules.example.com/r.json']}}\nserve: {decisions: {enabled: true}}", "access.rules.repositories[0]"},
	"geoip-unbounded":                  {"serve: {decisions: {enabled: true}}", "access.geoip.max_age"},
	"backup-missing":                   {"backup: {destinations: []}", "backup.destinations"},
	"backup-one-place":                 {"backup: {destinations: [{name: near, directory: /mnt/near}]}", "backup.destinations"},
	"backup-beside-data":               {"data_dir: /mnt", "backup.destinations[1].directory"},
	"templates-live":                   {"account: {override_path: DIR}", "account.override_path"},
	"schema-default":                   {"identity: {default_schema_id: default, schemas: []}", "identity.schemas"},
}

// What the examples of TestChecksOfConfigurations could be found by is not all: each is found in its other forms, too, and nothing else is.
func TestOtherFormsOfWhatIsUnsafe(t *testing.T) {
	const backups = "backup: {destinations: [{name: near, directory: /srv/people/backups}, {name: far, directory: /mnt/far}]}\n"
	for _, c := range []struct {
		check, over string
		want        []string
	}{
		{"backup-beside-data", backups + "databases: {dsn: 'sqlite:///srv/people/'}", []string{"backup.destinations[0].directory"}},
		{"backup-beside-data", backups + "databases: {dsn: 'sqlite:///srv/people/all.db'}", []string{"backup.destinations[0].directory"}},
		{"backup-beside-data", backups + "databases: {dsn: 'sqlite:///srv/people/back/'}", nil},
		{"backup-beside-data", backups + "data_dir: /srv/people/.", []string{"backup.destinations[0].directory"}},
		{"trusted-proxies-anybody", "serve: {public: {trusted_proxies: [0.0.0.0/1, 128.0.0.0/1, 10.0.0.0/8, 'fc00::/7', '2000::/3']}}",
			[]string{"serve.public.trusted_proxies[0]", "serve.public.trusted_proxies[1]", "serve.public.trusted_proxies[4]"}},
		{"tls-terminated-by-anybody", "serve: {public: {tls: {terminated_by: [10.0.0.0/8, 192.0.0.0/2]}}}", []string{"serve.public.tls.terminated_by[1]"}},
		{"database-one-user", "databases: {dsn: 'postgres://u:zT4qLm9wXc2V@db-a.example.com/x', activity: 'postgres://u:vB8nRf3kQw7Y@db-b.example.com/x'}", nil},
	} {
		draft, faults := Draft([]string{write(t, "hard.yaml", hard), write(t, "over.yaml", c.over)}, nil)
		if got := found(t, draft, faults)[c.check]; !slices.Equal(got, c.want) {
			t.Errorf("%s, %s: it finds %v: %v", c.check, c.over, got, faults)
		}
	}
}

func TestChecksOfConfigurations(t *testing.T) {
	// What the safe configuration is found wanting in all the same: what only an operator can decide.
	always := []string{"secret-in-file", "admin-key-configured", "database-one-user", "database-changes-itself"}
	safe := found(t, mustRead(t, hard), nil)
	for check := range safe {
		if !slices.Contains(always, check) {
			t.Errorf("the safe configuration: %s at %v", check, safe[check])
		}
	}
	for _, c := range harden.Checks() {
		if c.Source != harden.Configuration {
			continue
		}
		t.Run(c.ID, func(t *testing.T) {
			tc, there := unsafe[c.ID]
			if !there {
				t.Fatal("nothing is written here that it finds")
			}
			over := strings.ReplaceAll(withCertificate(t, tc.over), "DIR", t.TempDir())
			draft, faults := Draft([]string{write(t, "hard.yaml", hard), write(t, "over.yaml", over)}, nil)
			if got := found(t, draft, faults)[c.ID]; !slices.Contains(got, tc.path) {
				t.Errorf("it finds %v and not %s: %v", got, tc.path, faults)
			}
		})
	}
}

// The key of an object store is found where it stands among other settings, and not where a file or the environment has it.
func TestKeyOfAnObjectStoreInAFile(t *testing.T) {
	const far = "backup: {destinations: [{name: near, directory: /mnt/near}, {name: far, s3: {bucket: b, access_key_id: keeper, KEY}}]}"
	const path = "backup.destinations[1].s3.secret_access_key"
	for over, want := range map[string]bool{"secret_access_key: the-key-of-the-store": true, "secret_access_key_file: /run/secrets/key": false} {
		draft, faults := Draft([]string{write(t, "hard.yaml", hard), write(t, "over.yaml", strings.Replace(far, "KEY", over, 1))}, nil)
		if got := found(t, draft, faults)["secret-in-file"]; slices.Contains(got, path) != want {
			t.Errorf("%s: it finds %v, %v", over, got, faults)
		}
	}
}

// withCertificate makes the certificates that a configuration calls CERT(host,authority,hours); the authority self is the host.
func withCertificate(t *testing.T, over string) string {
	t.Helper()
	before, rest, there := strings.Cut(over, "CERT(")
	if !there {
		return over
	}
	inside, after, _ := strings.Cut(rest, ")")
	words := strings.Split(inside, ",")
	hours, err := time.ParseDuration(words[2] + "h")
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: words[0]}, DNSNames: []string{words[0]}, NotBefore: today.Add(-time.Hour), NotAfter: today.Add(hours),
	}
	parent := leaf
	if words[1] != "self" {
		parent = &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: words[1]}}
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, parent, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return before + write(t, "tls.crt", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))) + after
}

// TestCertificatesThatCannotBeRead: what is not here is not unsafe; somebody else has to look.
func TestCertificatesThatCannotBeRead(t *testing.T) {
	c := mustRead(t, hard+"oauth: {}\n")
	for name, content := range map[string]string{"none": "", "no PEM": "x", "no certificate": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"} {
		c.Serve.Public.TLS.CertFile = filepath.Join(t.TempDir(), "tls.crt")
		if content != "" {
			c.Serve.Public.TLS.CertFile = write(t, "tls.crt", content)
		}
		r := harden.Judge(today, []string{"certificate-development"}, c.Facts(today, "test", nil))
		if len(r.Findings) != 0 || len(r.Unchecked) != 1 || !strings.HasPrefix(r.Unchecked[0].Why, "serve.public.tls.cert_file: it ") {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// TestAuthoritiesForTryingOut: words in their names, not parts of words.
func TestAuthoritiesForTryingOut(t *testing.T) {
	for issuer, want := range map[string]bool{
		"mkcert me@here": true, "Kubernetes Ingress Controller Fake Certificate": true, "Acme Co": true, "(STAGING) Pretend Pear X1": true,
		"Contest Winners CA": false, "R11": false, "Latest Trust Root": false, "Internet Widgits Pty Ltd": true,
	} {
		if tryoutIssuer.MatchString("CN="+issuer) != want {
			t.Errorf("%s: not %v", issuer, want)
		}
	}
}

// TestCheckedKeysExist: a check that asks for a key which is spelt otherwise finds nothing for ever.
func TestCheckedKeysExist(t *testing.T) {
	all := keysOf(reflect.TypeFor[Config]())
	for _, c := range harden.Checks() {
		for _, pattern := range c.Settings {
			if c.Source != harden.Manifests && !slices.ContainsFunc(all, func(k key) bool { return harden.Matches(pattern, k.path) }) {
				t.Errorf("%s: there is no key %s", c.ID, pattern)
			}
		}
	}
}

// TestFactsHoldNoSecret: they are sent and printed.
func TestFactsHoldNoSecret(t *testing.T) {
	c := mustRead(t, strings.Replace(hard, "url: \"https://logs.example.com/\"", `url: "https://logs.example.com/", header: {Authorization: "Bearer sTz8vQkLm"}`, 1)+
		"courier: {smtp: {from_address: a@example.com, connection_uri: 'smtps://u:hunter2@mail.example.com/?skip_ssl_verify=true'}}\n")
	text := fmt.Sprintf("%+v %+v", *c.Facts(today, "test", nil), harden.Judge(today, nil, c.Facts(today, "test", nil)))
	for _, s := range []string{"q7Zt4LkP9wXc2VbN8mRf", "Hs5Jd3Gy6Ue1Ao0TiCxK", "mE4vTz8QkY1pRw6XbN3cJs9LdF7hGa2U", "u7RkPz4WmX9v", "hunter2", "sTz8vQkLm"} {
		if strings.Contains(text, s) {
			t.Errorf("%s is in them", s)
		}
	}
}

func TestAcceptedFindingsDoNotKeepAServerFromStarting(t *testing.T) {
	over := func(until string) Faults {
		c, faults := Draft([]string{write(t, "sound.yaml", sound), write(t, "over.yaml",
			"databases: {flow: memory}\nharden: {accept: [{check: database-in-memory, reason: decisions may be lost"+until+"}]}")}, nil)
		return append(faults, c.Critical(today, faults)...)
	}
	for until, accepted := range map[string]bool{"": true, ", until: 2027-01-31": true, ", until: 2026-11-23": true, ", until: 2026-11-22": false} {
		faults := over(until)
		if accepted != (len(faults) == 0) {
			t.Errorf("%q: %v", until, faults)
		}
		if !accepted && (faults[0].Path != "databases.flow" || !strings.Contains(faults[0].Message, "harden.accept") || !strings.Contains(faults[0].Message, "database-in-memory")) {
			t.Errorf("it does not say what to do: %v", faults)
		}
	}
}

func TestAcceptancesThatAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"{check: database-in-memry, reason: x}":                         "harden.accept[0].check (",
		"{check: database-in-memory}":                                   "harden.accept[0].reason (",
		"{check: database-in-memory, reason: ' '}":                      "harden.accept[0].reason (",
		"{check: configuration-invalid, reason: x}":                     "harden.accept[0].check (",
		"{check: database-in-memory, reason: x, until: soon}":           "harden.accept[0].until (",
		"{check: database-in-memory, reason: x, until: 2027-02-30}":     "harden.accept[0].until (",
		"{check: database-in-memory, reason: x, untill: 2027-02-20}":    "harden.accept[0].untill (",
		"{check: log-leaks, reason: " + strings.Repeat("x", 1001) + "}": "harden.accept[0].reason (",
	} {
		_, err := Read([]string{write(t, "a.yaml", "harden: {accept: ["+text+"]}")}, nil)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.80s: %v, want %s", text, err, want)
		}
	}
}
