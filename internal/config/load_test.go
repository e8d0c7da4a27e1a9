package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// write puts a configuration file into a directory of the test and gives its path.
func write(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// mustRead reads a configuration that has no fault.
func mustRead(t testing.TB, yaml string, environ ...string) *Config {
	t.Helper()
	c, err := Read([]string{write(t, "gatehouse.yaml", yaml)}, environ)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// faultsOf reads a configuration that has faults; the directory of the file is cut out of their places.
func faultsOf(t testing.TB, yaml string, environ ...string) []string {
	t.Helper()
	path := write(t, "gatehouse.yaml", yaml)
	_, err := Read([]string{path}, environ)
	if _, ok := errors.AsType[Faults](err); !ok {
		t.Fatalf("no faults but %v", err)
	}
	return strings.Split(strings.ReplaceAll(err.Error(), path, "gatehouse.yaml"), "\n")
}

func TestDefaultsWithoutAnything(t *testing.T) {
	c, err := Read(nil, []string{"HOME=/root", "GATEHOUSE=x"})
	if err != nil {
		t.Fatal(err)
	}
	if !c.Development() || c.Production() || !c.Databases.AutoMigrate || c.DataDir != "data" {
		t.Errorf("profile %s, auto_migrate %v, data_dir %s", c.Profile, c.Databases.AutoMigrate, c.DataDir)
	}
	want := []Logical{
		{"management", "sqlite://data/management.db"}, {"oauth", "sqlite://data/oauth.db"},
		{"activity", "sqlite://data/activity.db"}, {"flow", "sqlite://data/flow.db"},
	}
	if d := cmp.Diff(want, c.Databases.All()); d != "" {
		t.Error(d)
	}
	if c.Serve.Public.BaseURL != "http://127.0.0.1:4444/" || c.Serve.Admin.BaseURL != "http://127.0.0.1:4445/" || c.OAuth.Issuer != "http://127.0.0.1:4444/" {
		t.Errorf("base URLs %s and %s, issuer %s", c.Serve.Public.BaseURL, c.Serve.Admin.BaseURL, c.OAuth.Issuer)
	}
	if len(c.Secrets.System) != 0 {
		t.Error("Read generated secrets")
	}
}

func TestEveryForm(t *testing.T) {
	c := mustRead(t, `
version: 1
data_dir: /var/lib/gatehouse
databases:
  dsn: postgres://app:pw@db/gatehouse
  flow: sqlite:///var/lib/gatehouse/flow.db
  auto_migrate: false
secrets:
  system: [0123456789012345678901, "second of them, with a comma"]
tenants:
  - id: one
    hosts: [one.example.com]
  - {id: two}
tracing:
  sample_ratio: 0.5
  headers: {Authorization: Bearer hunter2}
serve:
  public: {max_body: 4096, timeouts: {read: 1m30s}}
oauth:
  scope_strategy: exact
  default_scope: []
  lifespans: {refresh_token: -1, access_token: 5m}
  front_channel_tokens: {default: false, clients: [spa]}
  jwt: {scope_claim: list}
  introspection: {allowed_clients: [gateway]}
keys: {access_token: {algorithm: EdDSA}}
`)
	no := false
	for name, pair := range map[string][2]any{
		"activity":            {c.Databases.Activity, DSN("postgres://app:pw@db/gatehouse")},
		"flow":                {c.Databases.Flow, DSN("sqlite:///var/lib/gatehouse/flow.db")},
		"auto_migrate":        {c.Databases.AutoMigrate, false},
		"system secret":       {c.Secrets.System[0].Reveal(), "0123456789012345678901"},
		"second secret":       {c.Secrets.System[1].Reveal(), "second of them, with a comma"},
		"tenants":             {c.Tenants, Tenants{{Entry: tenant.Entry{ID: "one", Hosts: []string{"one.example.com"}}}, {Entry: tenant.Entry{ID: "two"}}}},
		"header":              {c.Tracing.Headers["Authorization"].Reveal(), "Bearer hunter2"},
		"sample ratio":        {c.Tracing.SampleRatio, 0.5},
		"max_body":            {c.Serve.Public.MaxBody, int64(4096)},
		"read timeout":        {c.Serve.Public.Timeouts.Read, 90 * time.Second},
		"sibling of timeouts": {c.Serve.Public.Timeouts.Write, time.Minute},
		"strategy":            {c.OAuth.ScopeStrategy, oauth.ScopeExact},
		"emptied list":        {len(c.OAuth.DefaultScope), 0},
		"never":               {c.OAuth.Lifespans.RefreshToken, oauth.NeverExpires},
		"front channel":       {c.OAuth.FrontChannelTokens, oauth.FrontChannelConfig{Default: &no, Clients: []string{"spa"}}},
		"inlined":             {c.OAuth.Token().JWT.ScopeClaim, "list"},
		"algorithm":           {c.Keys.AccessToken.Algorithm, "EdDSA"},
		"sibling algorithm":   {c.Keys.IDToken.Algorithm, "RS256"},
	} {
		if d := cmp.Diff(pair[1], pair[0]); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestLaterFilesAndTheEnvironmentWin(t *testing.T) {
	first := write(t, "first.yaml", "data_dir: one\nlog: {level: debug, access: all}\noauth: {default_scope: [a, b]}\nserve:\n")
	second := write(t, "second.yaml", "log: {level: warn}\noauth:\n  default_scope: [c]\n  issuer: https://two.example.com\ndata_dir:\n")
	c, err := Read([]string{first, second}, []string{
		"GATEHOUSE_OAUTH_ISSUER=https://env.example.com", "GATEHOUSE_LOG_FORMAT=json", "GATEHOUSE_DATA_DIR=",
		"GATEHOUSE_SERVE_PUBLIC_ADDRESS=:5555", "GATEHOUSE_OAUTH_LIFESPANS_ACCESS_TOKEN=2h", "GATEHOUSE_OAUTH_PKCE_REQUIRED=true",
	})
	if err != nil {
		t.Fatal(err)
	}
	got := []any{
		c.DataDir, c.Log.Level, c.Log.Access, c.Log.Format, c.OAuth.DefaultScope, c.OAuth.Issuer, c.Serve.Public.Address,
		c.OAuth.Lifespans.AccessToken, c.OAuth.PKCE.Required, c.OAuth.PKCE.RequiredForPublicClients,
	}
	want := []any{
		"one", "warn", "all", "json", []string{"c"}, "https://env.example.com", ":5555", 2 * time.Hour, true, true,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestEnvironmentLists(t *testing.T) {
	c := mustRead(t, "oauth: {default_scope: [file]}",
		"GATEHOUSE_OAUTH_DEFAULT_SCOPE=openid, offline ,,profile",
		`GATEHOUSE_SECRETS_SYSTEM=["first, with a comma and more", "second one without it"]`,
		`GATEHOUSE_TENANTS=[{"id":"one","hosts":["a.example.com"]}]`,
		`GATEHOUSE_TRACING_HEADERS={"X-Key":"hunter2"}`,
		"GATEHOUSE_OAUTH_FRONT_CHANNEL_TOKENS_CLIENTS=[]",
		"GATEHOUSE_OAUTH_FRONT_CHANNEL_TOKENS_DEFAULT=false",
		"GATEHOUSE_SERVE_ADMIN_TRUSTED_PROXIES=10.0.0.0/8",
	)
	if d := cmp.Diff([]string{"openid", "offline", "profile"}, c.OAuth.DefaultScope); d != "" {
		t.Error(d)
	}
	if len(c.Secrets.System) != 2 || c.Secrets.System[0].Reveal() != "first, with a comma and more" {
		t.Errorf("%d secrets", len(c.Secrets.System))
	}
	if len(c.Tenants) != 1 || c.Tenants[0].Hosts[0] != "a.example.com" || c.Tracing.Headers["X-Key"].Reveal() != "hunter2" {
		t.Errorf("tenants %v", c.Tenants)
	}
	if p := c.OAuth.FrontChannelTokens.Default; p == nil || *p || len(c.Serve.Admin.TrustedProxies) != 1 {
		t.Error("pointer or named list not set")
	}
}

func TestEnvironmentFiles(t *testing.T) {
	secrets := write(t, "secrets", "the first one, with a comma\nthe second one of the two\n\n")
	dsn := write(t, "dsn", "postgres://app:pw@db/x\n")
	salt := write(t, "salt", " salt with spaces \r\n")
	c := mustRead(t, "", "GATEHOUSE_SECRETS_SYSTEM_FILE="+secrets, "GATEHOUSE_DATABASES_DSN_FILE="+dsn, "GATEHOUSE_OAUTH_PAIRWISE_SALT_FILE="+salt,
		"GATEHOUSE_SERVE_PUBLIC_TLS_CERT_FILE=/tls.crt", "GATEHOUSE_SERVE_PUBLIC_TLS_KEY_FILE=/tls.key")
	if len(c.Secrets.System) != 2 || c.Secrets.System[0].Reveal() != "the first one, with a comma" {
		t.Errorf("%d secrets", len(c.Secrets.System))
	}
	if c.Databases.OAuth.Reveal() != "postgres://app:pw@db/x" || c.OAuth.Pairwise.Salt.Reveal() != " salt with spaces " {
		t.Errorf("%q, %q", c.Databases.OAuth.Reveal(), c.OAuth.Pairwise.Salt.Reveal())
	}
	if c.Serve.Public.TLS.CertFile != "/tls.crt" || c.Serve.Public.BaseURL != "https://127.0.0.1:4444/" {
		t.Errorf("%s, %s", c.Serve.Public.TLS.CertFile, c.Serve.Public.BaseURL)
	}

	got := faultsOf(t, "", "GATEHOUSE_DATABASES_DSN_FILE=/nonexistent/dsn", "GATEHOUSE_SECRETS_COOKIE=abc", "GATEHOUSE_SECRETS_COOKIE_FILE="+secrets,
		"GATEHOUSE_OAUTH_ISSUER_FILE="+dsn)
	want := []string{
		"databases.dsn (GATEHOUSE_DATABASES_DSN_FILE): open /nonexistent/dsn: no such file or directory",
		"GATEHOUSE_OAUTH_ISSUER_FILE: is not a known variable; did you mean GATEHOUSE_OAUTH_ISSUER?",
		"secrets.cookie (GATEHOUSE_SECRETS_COOKIE_FILE): GATEHOUSE_SECRETS_COOKIE is set too; set only one of them",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestEnvironmentNamesAreUnique(t *testing.T) {
	names := map[string]string{}
	for _, k := range keysOf(reflectConfig) {
		name := k.environ()
		if name == "" {
			continue
		}
		for _, n := range []string{name, name + fileSuffix} {
			if n != name && !k.hides() {
				continue
			}
			// A secret with a key beside it that names its file shares the variable with that key, whose meaning is the same.
			if other, taken := names[n]; taken && k.path != other+"_file" {
				t.Errorf("%s is the variable of %s and of %s", n, other, k.path)
			}
			names[n] = k.path
		}
		// A number is never a URL, so Kubernetes' variable of that name can be told from ours.
		if isForeign(name, "x") || k.form != integer && isForeign(name, "tcp://x") {
			t.Errorf("%s of %s is on the list of foreign variables", name, k.path)
		}
	}
}

func TestForeignVariables(t *testing.T) {
	mustRead(t, "",
		"GATEHOUSE_ENDPOINT=http://x", "GATEHOUSE_ADMIN_KEY=x", "GATEHOUSE_TEST_POSTGRES=x",
		"GATEHOUSE_PORT=tcp://10.0.0.1:4444", "GATEHOUSE_PORT_4444_TCP=tcp://10.0.0.1:4444", "GATEHOUSE_PORT_4444_TCP_ADDR=10.0.0.1",
		"GATEHOUSE_PORT_4444_TCP_PORT=4444", "GATEHOUSE_PORT_4444_TCP_PROTO=tcp", "GATEHOUSE_SERVICE_HOST=10.0.0.1",
		"GATEHOUSE_SERVICE_PORT=4444", "GATEHOUSE_SERVICE_PORT_HTTP=4444", "GATEHOUSE_ADMIN_SERVICE_HOST=10.0.0.2",
		"GATEHOUSE_ADMIN_PORT_4445_TCP=tcp://10.0.0.2:4445", "GATEHOUSE_DATABASES_POSTGRES_PORT=tcp://10.0.0.3:5432", "GATEHOUSER=x", "NOT_GATEHOUSE_X=1", "GATEHOUSE_OAUTH_ISSSUER=",
	)
}

func TestFaults(t *testing.T) {
	for _, tc := range []struct {
		name, yaml string
		environ    []string
		want       []string
	}{
		{"a slip in a key", "oauth: {isuer: x}", nil, []string{
			"oauth.isuer (gatehouse.yaml:1): is not a known key; did you mean oauth.issuer?",
		}},
		{"camelCase", "oauth:\n  lifespans:\n    accessToken: 1h", nil, []string{
			"oauth.lifespans.accessToken (gatehouse.yaml:3): is not a known key; did you mean oauth.lifespans.access_token?",
		}},
		{"a key in the wrong place", "dsn: memory", nil, []string{
			"dsn (gatehouse.yaml:1): is not a known key; did you mean databases.dsn?",
		}},
		{"a key that Ory has elsewhere", "ttl: {access_token: 1h}", nil, []string{
			"ttl (gatehouse.yaml:1): is not a known key; in Gatehouse that is oauth.lifespans",
		}},
		{"keys of Ory Oathkeeper", "access_rules: {matching_strategy: glob}\nserve:\n  api: {port: 4456}\n  proxy: {port: 4455, trust_forwarded_headers: true}\n  prometheus: {}\nmutators: {noop: {enabled: true}}", nil, []string{
			"access_rules (gatehouse.yaml:1): is not a known key; in Gatehouse that is access.rules.repositories and access.matching_strategy",
			"serve.api (gatehouse.yaml:3): is not a known key; in Gatehouse that is serve.decisions",
			"serve.proxy.port (gatehouse.yaml:4): is not a known key; in Gatehouse that is serve.proxy.address",
			"serve.proxy.trust_forwarded_headers (gatehouse.yaml:4): is not a known key; in Gatehouse that is serve.proxy.trusted_proxies",
			"serve.prometheus (gatehouse.yaml:5): is not a known key; in Gatehouse that is a path of serve.admin",
			"mutators (gatehouse.yaml:6): is not a known key; did you mean access.mutators?",
		}},
		{"sites' pages at a door without browsers", "serve:\n  ext_authz: {enabled: true, cors: {enabled: true, allowed_origins: [\"https://a.example.com\"]}}", nil, []string{
			"serve.ext_authz.cors (gatehouse.yaml:2): browsers do not ask this listener: take it out, and say at the proxy or in Envoy which sites' pages may read answers",
		}},
		{"a key from nowhere", "secrets:\n  wibble: x", nil, []string{
			"secrets.wibble (gatehouse.yaml:2): is not a known key; known here are system, cookie, admin, transit",
		}},
		{"a key in a list", "tenants:\n- id: a\n- id: b\n  host: x", nil, []string{
			"tenants[1].host (gatehouse.yaml:4): is not a known key; did you mean tenants[1].hosts?",
		}},
		{"wrong types, all at once", `
data_dir: [x]
databases: {auto_migrate: maybe}
serve:
  public: {max_body: lots, address: true, timeouts: 5}
oauth:
  lifespans: {access_token: 3600, id_token: soon, refresh_token: [1h]}
  default_scope: openid
  front_channel_tokens: {default: 1}
tracing: {sample_ratio: .nan, headers: [x]}
hashing: {memory: 99999999999999999999, time: 1.5, parallelism: "2"}
log: text
`, nil, []string{
			"data_dir (gatehouse.yaml:2): expected text, found a list",
			"databases.auto_migrate (gatehouse.yaml:3): expected true or false, found text",
			"serve.public.max_body (gatehouse.yaml:5): expected a whole number, found text",
			"serve.public.address (gatehouse.yaml:5): expected text, found true or false",
			"serve.public.timeouts (gatehouse.yaml:5): expected a group of keys, found a number",
			"oauth.lifespans.access_token (gatehouse.yaml:7): expected a duration with its unit, such as 30s, 15m or 720h, found a number without a unit",
			"oauth.lifespans.id_token (gatehouse.yaml:7): expected a duration with its unit, such as 30s, 15m or 720h, found text",
			"oauth.lifespans.refresh_token (gatehouse.yaml:7): expected a duration with its unit, such as 30s, 15m or 720h, found a list",
			"oauth.default_scope (gatehouse.yaml:8): expected a list, found text",
			"oauth.front_channel_tokens.default (gatehouse.yaml:9): expected true or false, found a number",
			"tracing.sample_ratio (gatehouse.yaml:10): expected a number, found a number that is none or is out of bounds",
			"tracing.headers (gatehouse.yaml:10): expected a group of keys, found a list",
			"hashing.memory (gatehouse.yaml:11): expected a whole number, found a number that is none or is out of bounds",
			"hashing.time (gatehouse.yaml:11): expected a whole number, found a number that is none or is out of bounds",
			"hashing.parallelism (gatehouse.yaml:11): expected a whole number, found a number that is none or is out of bounds",
			"log (gatehouse.yaml:12): expected a group of keys, found text",
		}},
		{"features' faults with their places", "log:\n  level: loud\ntenants:\n- id: UPPER\nserve:\n  public:\n    address: nowhere\noauth:\n  scope_strategy: best", []string{"GATEHOUSE_KEYS_RSA_BITS=1024"}, []string{
			"serve.public.address (gatehouse.yaml:7): \"nowhere\" is not host:port, as in 127.0.0.1:4444 or :4444",
			"serve.public.base_url (gatehouse.yaml:6): base URL must start with https:// or http://, not \"\"",
			"log.level (gatehouse.yaml:2): \"loud\" is not one of trace, debug, info, warn, error",
			"tenants[0].id (gatehouse.yaml:4): \"UPPER\" is not a tenant id: use 1 to 63 of a-z, 0-9 and \"-\"",
			"keys.rsa_bits (GATEHOUSE_KEYS_RSA_BITS): 1024 is not 2048, 3072 or 4096",
			"oauth.scope_strategy (gatehouse.yaml:9): must be wildcard, exact or hierarchic, is \"best\"",
		}},
		{"a profile that is none", "profile: staging", nil, []string{
			"profile (gatehouse.yaml:1): must be development or production, is \"staging\"",
		}},
		{"a version of the future", "version: 2", nil, []string{
			"version (gatehouse.yaml:1): this Gatehouse reads version 1 of the configuration, and this is version 2",
		}},
		{"a database that is none", "databases:\n  dsn: mongodb://u:hunter2@x\n  flow: just-a-file", nil, []string{
			`databases.dsn (gatehouse.yaml:2): "mongodb" is not a database that is supported: write memory, sqlite:///path/to/file.db, sqlite:///path/to/directory/, postgres://user:password@host:5432/database, mysql://user:password@host:3306/database or cockroach://user:password@host:26257/database`,
			`databases.flow (gatehouse.yaml:3): is not the address of a database: write memory, sqlite:///path/to/file.db, sqlite:///path/to/directory/, postgres://user:password@host:5432/database, mysql://user:password@host:3306/database or cockroach://user:password@host:26257/database`,
		}},
		{"short secrets, in development too", "secrets: {system: [short, fifteen-letters, sixteen-letters-, sixteen-letters-], cookie: ['']}", nil, []string{
			"secrets.system[0] (gatehouse.yaml:1): has fewer than 16 characters",
			"secrets.system[1] (gatehouse.yaml:1): has fewer than 16 characters",
			"secrets.system[3] (gatehouse.yaml:1): is in the list a second time",
			"secrets.cookie[0] (gatehouse.yaml:1): has fewer than 16 characters",
		}},
		{"unknown variables", "", []string{"GATEHOUSE_OAUTH_ISSUR=x", "GATEHOUSE_DSN=x", "GATEHOUSE_SERVE_PUBLIC_ADRESS=x"}, []string{
			"GATEHOUSE_DSN: is not a known variable; did you mean GATEHOUSE_DATABASES_DSN?",
			"GATEHOUSE_OAUTH_ISSUR: is not a known variable; did you mean GATEHOUSE_OAUTH_ISSUER?",
			"GATEHOUSE_SERVE_PUBLIC_ADRESS: is not a known variable; did you mean GATEHOUSE_SERVE_PUBLIC_ADDRESS?",
		}},
		{"wrong types in the environment", "", []string{"GATEHOUSE_DATABASES_AUTO_MIGRATE=yes", "GATEHOUSE_HASHING_TIME=two", "GATEHOUSE_TENANTS=one,two", "GATEHOUSE_TRACING_HEADERS=x", "GATEHOUSE_SECRETS_SYSTEM=[*hunter2]"}, []string{
			"GATEHOUSE_SECRETS_SYSTEM: cannot be read as YAML: *… names no anchor; put text that begins with * in quotes",
			"databases.auto_migrate (GATEHOUSE_DATABASES_AUTO_MIGRATE): expected true or false, found text",
			"hashing.time (GATEHOUSE_HASHING_TIME): expected a whole number, found text",
			"tenants[0] (GATEHOUSE_TENANTS): expected a group of keys, found text",
			"tenants[1] (GATEHOUSE_TENANTS): expected a group of keys, found text",
			"tracing.headers (GATEHOUSE_TRACING_HEADERS): expected a group of keys, found text",
		}},
		{"not a group of keys", "- a\n- b", nil, []string{"gatehouse.yaml:1: a configuration is a group of keys, and this is a list"}},
		{"not YAML", "oauth:\n\tissuer: x", nil, []string{"gatehouse.yaml:2: cannot be read as YAML: found character that cannot start any token"}},
		{"two documents", "log: {level: info}\n---\nlog: {level: warn}", nil, []string{
			"gatehouse.yaml:2: a second document begins here; give it a file of its own and name both with -c",
		}},
		{"a key twice", "log: {level: info}\ndata_dir: x\nlog:\n  level: warn", nil, []string{
			"log (gatehouse.yaml:3): is written a second time; it stands already at gatehouse.yaml:1",
		}},
		{"a key that is no word", "? [a]\n: b", nil, []string{"gatehouse.yaml:1: a key must be a word, and this one is not"}},
		{"an empty item", "oauth: {default_scope: [a, ]}\ntenants:\n- id: a\n-", nil, []string{"tenants[1] (gatehouse.yaml:4): is empty"}},
		{"a secret that is an alias", "secrets: {system: [*hunter2-hunter2-hunter2]}", nil, []string{
			"gatehouse.yaml: cannot be read as YAML: *… names no anchor; put text that begins with * in quotes",
		}},
		{"an alias of itself", "oauth: &a\n  urls: *a", nil, []string{
			"oauth.urls (gatehouse.yaml:2): the document is too large or too deep (aliases count each time they are used)",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := faultsOf(t, tc.yaml, tc.environ...)
			if tc.name == "an alias of itself" && len(got) == 1 && strings.HasSuffix(got[0], "each time they are used)") {
				return // the path is as long as the depth
			}
			for _, line := range got {
				if strings.Contains(line, "hunter2") {
					t.Errorf("shows a secret: %s", line)
				}
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Error(d)
			}
			if again := faultsOf(t, tc.yaml, tc.environ...); cmp.Diff(got, again) != "" {
				t.Error("another order the second time")
			}
		})
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	_, err := Read([]string{"/nonexistent/a.yaml", t.TempDir(), write(t, "c.yaml", "oauth: {x: 1}")}, nil)
	var faults Faults
	if !errors.As(err, &faults) || len(faults) != 3 {
		t.Fatalf("faults: %v", err)
	}
	var one Fault
	if !errors.As(err, &one) || one.Error() == "" {
		t.Error("a single fault cannot be taken out")
	}
}

func TestAnchorsAndMergeKeys(t *testing.T) {
	c := mustRead(t, `
serve:
  public: &listener
    timeouts: {read: 7s}
    max_body: 100
  admin:
    <<: *listener
    max_body: 200
`)
	if c.Serve.Admin.Timeouts.Read != 7*time.Second || c.Serve.Admin.MaxBody != 200 || c.Serve.Public.MaxBody != 100 {
		t.Errorf("%+v", c.Serve.Admin)
	}
}

func TestBillionLaughs(t *testing.T) {
	var b strings.Builder
	b.WriteString("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n")
	for i := 1; i < 12; i++ {
		n, m := string(rune('a'+i)), string(rune('a'+i-1))
		b.WriteString(n + "0: &" + n + "0 [*" + m + "0,*" + m + "0,*" + m + "0,*" + m + "0,*" + m + "0,*" + m + "0,*" + m + "0,*" + m + "0]\n")
	}
	got := faultsOf(t, b.String())
	if len(got) != 1 || !strings.Contains(got[0], "too large") {
		t.Errorf("%q", got)
	}
}

func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		"", "oauth: {issuer: x}", "a: &a [*a]", "<<: [1, {x: 2}]", "? {a: b}\n: c", "---\n---\n", "secrets: {system: !!binary aGk=}",
		"tenants: [{id: a, hosts: [x]}]", "tracing: {headers: {a: b, a: c}}", "oauth: {lifespans: {access_token: -1}}", "\xff\xfe", "%YAML 9.9\n---\na: b", "!!map {}: x", "- - - -",
	} {
		f.Add(seed, "x")
	}
	all := keysOf(reflectConfig)
	f.Fuzz(func(_ *testing.T, text, value string) {
		var faults Faults
		r := &reader{file: "f", faults: &faults}
		n := r.read([]byte(text))
		if n == nil || n.kind != mapping {
			return
		}
		var environ []string
		for _, k := range all {
			if name := k.environ(); name != "" && len(environ) < 40 {
				environ = append(environ, name+"="+value)
			}
		}
		tree := newMapping(origin{}).merge(n).merge(newEnvironment(environ, all, &faults).tree())
		if c, err := build(tree, all, faults); err == nil {
			c.Explain()
		}
	})
}
