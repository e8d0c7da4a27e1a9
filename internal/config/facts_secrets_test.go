package config

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/harden"
)

// secretKeys are all keys of the configuration that hold secrets, or may hold them among other settings.
func secretKeys() []key {
	return slices.DeleteFunc(keysOf(reflect.TypeFor[Config]()), func(k key) bool { return !k.hides() && k.form != free })
}

// guessable gives a value with a secret that everybody guesses, in the form in which the key holds one, and where it is found below the
// key.
func guessable(k key) (value, below string) {
	switch {
	case k.typ == reflect.TypeFor[DSN]():
		return "postgres://app:changeme-changeme@db/x", ""
	case strings.HasSuffix(k.path, "connection_uri"):
		return "smtps://app:changeme-changeme@mail.example.com/", ""
	case strings.HasSuffix(k.path, ".parameters"):
		return "{sslpassword: changeme-changeme, application_name: a}", ".sslpassword"
	case k.form == listOf:
		return "[changeme-changeme]", "[0]"
	case k.form == mapOf:
		return "{Authorization: Bearer changeme-changeme, X-Tenant: a}", ".Authorization"
	case k.form == free:
		return "{pre_authorization: {client_id: a, client_secret: changeme-changeme}, scope_strategy: exact}", ".pre_authorization.client_secret"
	}
	return "changeme-changeme", ""
}

// oneKey writes a configuration with one value, and gives the value's path in it.
func oneKey(path, value string) (yaml, at string) {
	at = strings.NewReplacer("[]", "[0]", ".*", ".oauth2_introspection").Replace(path)
	parts := strings.Split(strings.ReplaceAll(path, ".*", ".oauth2_introspection"), ".")
	for _, part := range slices.Backward(parts) {
		if name, isList := strings.CutSuffix(part, "[]"); isList {
			value = "{" + name + ": [" + value + "]}"
		} else {
			value = "{" + name + ": " + value + "}"
		}
	}
	return value, at
}

// Wherever a secret can be written, it is found in a file of other settings, and found to be one that is easily guessed; and not where it
// stands alone.
func TestEverySecretIsLookedAt(t *testing.T) {
	for _, k := range secretKeys() {
		value, below := guessable(k)
		alone, at := oneKey(k.path, value)
		at += below
		secrets := write(t, "secrets.yaml", alone)
		draft, faults := Draft([]string{secrets, write(t, "other.yaml", "log: {level: info}")}, nil)
		got := found(t, draft, faults)
		if !slices.Contains(slices.Concat(got["secret-weak"], got["credential-weak"]), at) {
			t.Errorf("%s can be guessed, and that is not found: %v", at, got["credential-weak"])
		}
		// A header or a parameter that is no secret makes of it a file of other settings; one of databases may hold all of theirs.
		mixed := k.form == mapOf && !within(k.path, "databases")
		if is := slices.Contains(got["secret-in-file"], at); is != mixed {
			t.Errorf("%s in a file of its own is found there: %t", at, is)
		}
		draft, faults = Draft([]string{write(t, "gatehouse.yaml", "log: {level: info}\n"+alone[1:len(alone)-1])}, nil)
		if got := found(t, draft, faults)["secret-in-file"]; !slices.Contains(got, at) {
			t.Errorf("%s is in the file, and that is not found: %v", at, got)
		}
	}
}

// The checks of secrets name all keys that hold some, for their page and for who looks up where one was written.
func TestChecksOfSecretsNameTheirKeys(t *testing.T) {
	inFile, _ := harden.CheckNamed("secret-in-file")
	weak, _ := harden.CheckNamed("secret-weak")
	credential, _ := harden.CheckNamed("credential-weak")
	for _, k := range secretKeys() {
		matches := func(pattern string) bool { return harden.Matches(pattern, k.path) }
		if !slices.ContainsFunc(inFile.Settings, matches) || !slices.ContainsFunc(slices.Concat(weak.Settings, credential.Settings), matches) {
			t.Errorf("%s is not among the settings of the checks", k.path)
		}
	}
}

// What is a secret by its name is one by its type, and so shown nowhere.
func TestSecretsAreOfTheirType(t *testing.T) {
	for _, k := range keysOf(reflect.TypeFor[Config]()) {
		if k.form == text && harden.HoldsSecret(k.key, "something") {
			t.Errorf("%s is text", k.path)
		}
	}
}

// A password in an address that is no secret by its key, and one in a file of its own, are found too.
func TestSecretsInOtherPlaces(t *testing.T) {
	file := write(t, "password", "changeme-changeme\n")
	for yaml, want := range map[string]struct{ path, check string }{
		"access: {rules: {repositories: ['https://a:b7Qm2xVt9LzR@rules.example.com/r.json']}}":                           {"access.rules.repositories[0]", "secret-in-file"},
		"activity: {exports: [{name: a, url: 'https://a:b7Qm2xVt9LzR@logs.example.com/'}]}":                              {"activity.exports[0].url", "secret-in-file"},
		"access: {authorizers: {remote: {config: {headers: {Authorization: 'Basic YTpjaGFuZ2VtZS1jaGFuZ2VtZQ=='}}}}}":    {"access.authorizers.remote.config.headers.Authorization", "credential-weak"},
		"session: {whoami: {tokenizer: {templates: {t: {jwks_url: 'base64://e30='}}}}}":                                  {"session.whoami.tokenizer.templates.t.jwks_url", "secret-in-file"},
		"databases: {postgres: {host: db, user: a, password_file: " + file + "}}":                                        {"databases.postgres.password_file", "credential-weak"},
		"backup: {destinations: [{name: far, s3: {bucket: b, access_key_id: a, secret_access_key_file: " + file + "}}]}": {"backup.destinations[0].s3.secret_access_key_file", "credential-weak"},
	} {
		draft, faults := Draft([]string{write(t, "gatehouse.yaml", "log: {level: info}\n"+yaml)}, nil)
		if got := found(t, draft, faults)[want.check]; !slices.Contains(got, want.path) {
			t.Errorf("%s: %s finds %v", yaml, want.check, got)
		}
	}
	for _, harmless := range []string{
		"databases: {postgres: {host: db, user: a, password_file: " + file + "}}",
		"courier: {smtp: {connection_uri: 'smtps://mail.example.com/'}}",
		"tracing: {headers: {X-Tenant: somebody}}",
		"session: {whoami: {tokenizer: {templates: {t: {jwks_url: 'file:///run/secrets/keys.json'}}}}}",
		"access: {mutators: {header: {config: {headers: {Authorization: 'Bearer {{ print .Extra.token }}'}}}}}",
		"access: {authenticators: {bearer_token: {config: {token_from: {cookie: session}}}}}",
	} {
		draft, faults := Draft([]string{write(t, "gatehouse.yaml", "log: {level: info}\n"+harmless)}, nil)
		if got := found(t, draft, faults)["secret-in-file"]; len(got) > 0 {
			t.Errorf("%s: secret-in-file finds %v", harmless, got)
		}
	}
}
