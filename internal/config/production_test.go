package config

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// today is when the tests' configurations are judged.
var today = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

// sound is a production configuration without a fault.
const sound = `
profile: production
databases: {dsn: "postgres://app:u7RkPz4WmX9v@db/gatehouse"}
secrets: {system: [q7Zt4LkP9wXc2VbN8mRf], cookie: [Hs5Jd3Gy6Ue1Ao0TiCxK], admin: [mE4vTz8QkY1pRw6XbN3cJs9LdF7hGa2U]}
serve:
  public: {base_url: "https://login.example.com/", tls: {terminated_by: [10.0.0.0/8]}}
`

func TestProductionSound(t *testing.T) {
	c := mustRead(t, sound)
	if !c.Databases.AutoMigrate || c.Log.Format != "json" || c.OAuth.Issuer != "https://login.example.com/" || !c.Production() {
		t.Errorf("auto_migrate %v, log %s, issuer %s", c.Databases.AutoMigrate, c.Log.Format, c.OAuth.Issuer)
	}
	if c.OAuth.FrontChannelTokens.Allowed("any", c.Development()) {
		t.Error("front-channel tokens are on by default")
	}
	mustRead(t, strings.Replace(sound, ", admin: [mE4vTz8QkY1pRw6XbN3cJs9LdF7hGa2U]", "", 1)+
		"  admin: {address: ':4445', base_url: 'https://admin.example.com', tls: {cert_file: c, key_file: k, client_ca_file: ca}, certificates: [{any: true, role: admin}]}\n")
	mustRead(t, strings.Replace(sound, ", admin: [mE4vTz8QkY1pRw6XbN3cJs9LdF7hGa2U]", "", 1)) // keys are made in the database
	mustRead(t, sound+"  admin: {address: ':4445', base_url: 'https://admin.example.com', tls: {cert_file: c, key_file: k}}\n")
}

func TestProductionRefuses(t *testing.T) {
	for _, tc := range []struct {
		name    string
		over    string
		environ []string
		paths   []string
	}{
		{"nothing configured", "", nil, nil},
		{"placeholder secrets", "secrets: {system: [youReallyNeedToChangeThis], cookie: [PLEASE-CHANGE-ME-I-AM-VERY-INSECURE]}", nil,
			[]string{"secrets.system[0]", "secrets.cookie[0]"}},
		{"placeholders among old secrets", "secrets: {system: [q7Zt4LkP9wXc2VbN8mRf, changemechangeme]}", nil, []string{"secrets.system[1]"}},
		{"published in documentation", "secrets: {system: [genEVP6j/Yp2EeVujm0zgqXrRos29dQkpvX0hHdEUlQ=], cookie: ['this_needs_to_be_the_same_always_and_also_very_$3cuR3-._']}", nil,
			[]string{"secrets.system[0]", "secrets.cookie[0]"}},
		{"all the same character", "secrets: {system: [aaaaaaaaaaaaaaaaaaaaaaaa]}", nil, []string{"secrets.system[0]"}},
		{"short", "secrets: {system: [q7Zt4LkP9wXc2Vb]}", nil, []string{"secrets.system[0]"}},
		{"none", "secrets: {system: [], cookie: []}", nil, []string{"secrets.system", "secrets.cookie"}},
		{"one for both", "secrets: {cookie: [q7Zt4LkP9wXc2VbN8mRf]}", nil, []string{"secrets.cookie[0]"}},
		{"one among the admin keys", "secrets: {admin: [q7Zt4LkP9wXc2VbN8mRf]}", nil, []string{"secrets.admin[0]"}},
		{"certificates that may nobody knows what", "serve: {admin: {tls: {cert_file: c, key_file: k, client_ca_file: ca}}}", nil, []string{"serve.admin.certificates"}},
		{"certificates that nobody signs", "serve: {admin: {certificates: [{dns: a.example.com, role: viewer}]}}", nil, []string{"serve.admin.certificates"}},
		{"certificates of nobody and of several", "serve: {admin: {tls: {cert_file: c, key_file: k, client_ca_file: ca}, certificates: [{role: viewer}, {dns: a, uri: b, role: viewer}, {dns: a, role: root}, {any: true, role: admin, tenant: A}]}}", nil,
			[]string{"serve.admin.certificates[0].subject", "serve.admin.certificates[1].subject", "serve.admin.certificates[2].role", "serve.admin.certificates[3].tenant"}},
		{"tokens of nobody", "serve: {admin: {oauth: {clients: [a]}}}", nil, []string{"serve.admin.oauth.tenant"}},
		{"tokens of everybody", "serve: {admin: {oauth: {tenant: default}}}", nil, []string{"serve.admin.oauth.clients"}},
		{"memory for all", "databases: {dsn: memory}", nil, []string{"databases.dsn"}},
		{"memory for one", "databases: {flow: memory}", nil, []string{"databases.flow"}},
		{"named memory", "databases: {flow: 'memory://x'}", nil, []string{"databases.flow"}},
		{"plain HTTP without a proxy", "serve: {public: {tls: {terminated_by: []}}}", nil, []string{"serve.public.tls"}},
		{"everybody is the proxy", "serve: {public: {tls: {terminated_by: [0.0.0.0/0]}}}", nil, []string{"serve.public.tls.terminated_by[0]"}},
		{"http base URL", "serve: {public: {base_url: 'http://login.example.com/'}}", nil, []string{"serve.public.base_url"}},
		{"http base URL from the environment", "", []string{"GATEHOUSE_SERVE_PUBLIC_BASE_URL=http://login.example.com/"}, []string{"serve.public.base_url"}},
		{"admin on the network in the clear", "serve: {admin: {address: ':4445'}}", nil, []string{"serve.admin.base_url", "serve.admin.tls"}},
		{"http issuer", "oauth: {issuer: 'http://login.example.com'}", nil, []string{"oauth.issuer"}},
		{"cheap hashes", "hashing: {memory: 1024}", nil, []string{"hashing.memory"}},
		{"people's data in the log", "log: {leak_sensitive_values: true}", nil, []string{"log.leak_sensitive_values"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			files := []string{write(t, "sound.yaml", sound), write(t, "over.yaml", tc.over)}
			if tc.paths == nil {
				files = []string{write(t, "only.yaml", "profile: production")}
				tc.paths = []string{"secrets.system", "secrets.cookie", "serve.public.base_url", "serve.public.tls"}
			}
			c, faults := Draft(files, tc.environ)
			faults = append(faults, c.Critical(today, faults)...)
			var got []string
			for _, f := range faults {
				got = append(got, f.Path)
			}
			if d := cmp.Diff(tc.paths, got, cmpopts.SortSlices(strings.Compare)); d != "" {
				t.Errorf("%v\n%s", faults, d)
			}
		})
	}
}

func TestDevelopmentTakesWhatProductionRefuses(t *testing.T) {
	mustRead(t, "databases: {dsn: memory}\nsecrets: {system: [changemechangeme], cookie: [changemechangeme]}\nserve: {admin: {address: ':4445'}}")
}

func TestGeneratedSecretsAreKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "data")
	environ := []string{"GATEHOUSE_DATA_DIR=" + dir}
	first, err := Load(nil, environ)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Load(nil, environ)
	if err != nil {
		t.Fatal(err)
	}
	if first.Secrets.System[0] != second.Secrets.System[0] || first.Secrets.Cookie[0] != second.Secrets.Cookie[0] {
		t.Error("other secrets after a restart")
	}
	if first.Secrets.System[0] == first.Secrets.Cookie[0] || shorter(first.Secrets.System[0], 32) {
		t.Error("generated secrets are equal or short")
	}
	path := filepath.Join(dir, "secrets.yaml")
	for name, want := range map[string]os.FileMode{path: 0o600, dir: 0o700} {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".secrets-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	// The file is a configuration file: production can name it.
	c, err := Read([]string{write(t, "p.yaml", strings.NewReplacer("system: [q7Zt4LkP9wXc2VbN8mRf], cookie: [Hs5Jd3Gy6Ue1Ao0TiCxK], ", "").Replace(sound)), path}, nil)
	if err != nil || c.Secrets.System[0] != first.Secrets.System[0] {
		t.Errorf("named with -c in production: %v", err)
	}
}

// What nothing else has can be handed over, as a configuration file; what somebody configured, or a file keeps, cannot.
func TestUnkeptSecrets(t *testing.T) {
	memory, dir := "databases: {dsn: memory}\n", "GATEHOUSE_DATA_DIR="+t.TempDir()
	c, err := Load([]string{write(t, "memory.yaml", memory)}, []string{dir})
	if err != nil {
		t.Fatal(err)
	}
	again, err := Read([]string{write(t, "secrets.yaml", c.UnkeptSecrets().Reveal())}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c.Secrets, again.Secrets, revealed); diff != "" {
		t.Error(diff)
	}
	for name, kept := range map[string]string{"configured": memory + "secrets: {system: [q7Zt4LkP9wXc2VbN8mRf], cookie: [Hs5Jd3Gy6Ue1Ao0TiCxK]}\n", "in a file": ""} {
		c, err := Load([]string{write(t, "kept.yaml", kept)}, []string{dir})
		if err != nil || c.UnkeptSecrets() != "" {
			t.Errorf("%s: something is handed over, %v", name, err)
		}
	}
	half, err := Load([]string{write(t, "half.yaml", memory+"secrets: {system: [q7Zt4LkP9wXc2VbN8mRf]}\n")}, []string{dir})
	if err != nil || strings.Contains(half.UnkeptSecrets().Reveal(), "system") || !strings.Contains(half.UnkeptSecrets().Reveal(), "cookie") {
		t.Errorf("of a list that was configured and one that was not: %v", err)
	}
}

// revealed compares secrets by what they are: their comparable form is always the same.
var revealed = cmp.Transformer("Reveal", func(s secret.String) []byte { return []byte(s.Reveal()) })

func TestGeneratedSecretsFillOnlyWhatIsMissing(t *testing.T) {
	dir := t.TempDir()
	c, err := Load(nil, []string{"GATEHOUSE_DATA_DIR=" + dir, "GATEHOUSE_SECRETS_SYSTEM=configured-by-the-operator"})
	if err != nil {
		t.Fatal(err)
	}
	if c.Secrets.System[0].Reveal() != "configured-by-the-operator" || len(c.Secrets.Cookie) != 1 {
		t.Errorf("%d system and %d cookie secrets", len(c.Secrets.System), len(c.Secrets.Cookie))
	}
	if err := os.WriteFile(filepath.Join(dir, "secrets.yaml"), []byte("secrets: {system: [only-a-system-secret]}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(nil, []string{"GATEHOUSE_DATA_DIR=" + dir}); err == nil || !strings.HasPrefix(err.Error(), "secrets.cookie (") {
		t.Errorf("a file without cookie secrets: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "secrets.yaml"), []byte("secrets: {system: [short]}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(nil, []string{"GATEHOUSE_DATA_DIR=" + dir}); err == nil || !strings.Contains(err.Error(), "secrets.yaml:1") {
		t.Errorf("a short secret in the file: %v", err)
	}
}

func TestSecretsOfAServerInMemory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	environ := []string{"GATEHOUSE_DATA_DIR=" + dir, "GATEHOUSE_DATABASES_DSN=memory"}
	first, err := Load(nil, environ)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Load(nil, environ)
	if err != nil {
		t.Fatal(err)
	}
	if first.Secrets.System[0] == second.Secrets.System[0] {
		t.Error("the same secret in two processes")
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("data_dir was made: %v", err)
	}
}

// TestServersThatStartTogether: all of them end up with the secrets of one.
func TestServersThatStartTogether(t *testing.T) {
	environ := []string{"GATEHOUSE_DATA_DIR=" + filepath.Join(t.TempDir(), "data")}
	found := make([]secret.String, 10)
	var wg sync.WaitGroup
	for i := range found {
		wg.Go(func() {
			c, err := Load(nil, environ)
			if err != nil {
				t.Error(err)
				return
			}
			found[i] = c.Secrets.System[0]
		})
	}
	wg.Wait()
	for _, s := range found {
		if s != found[0] {
			t.Fatal("servers with different secrets")
		}
	}
}

func TestSecretsThatCannotBeKept(t *testing.T) {
	file := write(t, "file", "")
	_, err := Load(nil, []string{"GATEHOUSE_DATA_DIR=" + filepath.Join(file, "data")})
	if err == nil || !strings.HasPrefix(err.Error(), "data_dir (GATEHOUSE_DATA_DIR): generated secrets cannot be kept: ") {
		t.Errorf("%v", err)
	}
}
