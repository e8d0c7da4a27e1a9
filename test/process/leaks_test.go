package process

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSecretsOfConfigurations(t *testing.T) {
	got := secretsIn([]string{
		"secrets: {system: [b7Qm2xVt9LzR4kWc8NpY, 'Zt5vHn3KqXw7DfGj1MsU'], admin: [\"adminkey-8dJx2mQv\"]}\n",
		"databases: {dsn: \"postgres://gatehouse:0f1e2d3c4b5a@127.0.0.1:1/x\"}\ncourier: {smtp: {connection_uri: 'smtps://u:hunter2@mail/'}}\n",
		"access: {rules: {sources: [{headers: {Authorization: 'Bearer sTz8vQkLmQ2r'}}]}}\ncache: {redis: {password: rEdIsPaSsWoRd}}\n",
	}, []string{
		"GATEHOUSE_SECRETS_COOKIE=Hs5Jd3Gy6Ue1Ao0TiCxK,older-cookie-secret", "GATEHOUSE_SECRETS_SYSTEM_FILE=/run/secrets/system", "GATEHOUSE_ADMIN_KEY=adminkey-of-the-environment",
		"GATEHOUSE_DATABASES_DSN=mysql://a:passwordOfMySQL@h/d", "HOME=/root", "GATEHOUSE_PROFILE=production",
	})
	want := []string{
		"b7Qm2xVt9LzR4kWc8NpY", "Zt5vHn3KqXw7DfGj1MsU", "adminkey-8dJx2mQv", "0f1e2d3c4b5a", "hunter2", "sTz8vQkLmQ2r", "rEdIsPaSsWoRd",
		"Hs5Jd3Gy6Ue1Ao0TiCxK", "older-cookie-secret", "adminkey-of-the-environment", "passwordOfMySQL",
	}
	slices.Sort(got)
	slices.Sort(want)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestLeaks(t *testing.T) {
	token := "gh_at_" + strings.Repeat("Ab1-", 11) + ".x"
	for output, want := range map[string]string{
		"a\nuser=quiet-harbour-lantern-47 b": "line 2",
		"token " + token:                     "line 1",
		`{"id_token":"eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0xMjM0.` + token + `"}`: "line 1",
		"\n\n-----BEGIN EC PRIVATE KEY-----":                                     "line 3",
		"hash=$argon2id$v=19$m=19456,t=2,p=1$abcdefgh":                           "line 1",
		`level=INFO msg="listening" public=http://127.0.0.1:4444/ id=gh_at_`:     "",
	} {
		got := Leaks(output, true, "quiet-harbour-lantern-47", "short")
		if (want == "") != (len(got) == 0) || want != "" && !strings.Contains(got[0], want) {
			t.Errorf("%q: %v", output, got)
		}
		if strings.Contains(strings.Join(got, ""), "lantern") || strings.Contains(strings.Join(got, ""), token) {
			t.Errorf("a secret is repeated: %v", got)
		}
	}
	if got := Leaks(token, false); len(got) != 0 {
		t.Error(got)
	}
}

// A server that leaks would not get past the place that starts it.
func TestServersAreLookedThrough(t *testing.T) {
	s := &Server{t: t, Dir: t.TempDir(), env: []string{"GATEHOUSE_SECRETS_ADMIN=adminkey-8dJx2mQv"}}
	s.config = []string{"-c", s.write("gatehouse.yaml", "secrets: {system: [b7Qm2xVt9LzR4kWc8NpY]}\n")}
	if err := os.WriteFile(s.Dir+"/secrets.yaml", []byte(`secrets: {cookie: ["`+strings.Repeat("k", 43)+`"]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"b7Qm2xVt9LzR4kWc8NpY", "adminkey-8dJx2mQv", strings.Repeat("k", 43), "adminkey-of-the-call"} {
		if !slices.Contains(s.known([]string{"GATEHOUSE_ADMIN_KEY=adminkey-of-the-call"}), want) {
			t.Errorf("%s is not looked for", want)
		}
	}
}
