package harden

import (
	"encoding/base64"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/yamldoc"
)

var (
	// secretName matches names of what is secret: of variables and of keys.
	secretName = regexp.MustCompile(`(?i)(^|[_.-])(secrets?|password|passwort|passphrase|token|private_?key|api_?key|secret_?key|access_?key|license_?key|salt)($|[_.-])`)
	// ours are the variables and keys of this server that are secrets and whose name does not say so.
	ours = regexp.MustCompile(`(?i)^(GATEHOUSE_)?(SECRETS[_.](SYSTEM|COOKIE|ADMIN))$`)
	// harmlessName matches what only leads to a secret, or says what is done with one.
	harmlessName = regexp.MustCompile(`(?i)([_.-](file|path|url|endpoint|name|ttl|lifespan|age|length|strategy|type|from)|^automountServiceAccountToken|access_?key_?id)$`)
	// harmlessValue matches how long something lasts, and whether something is.
	harmlessValue = regexp.MustCompile(`^((\d{1,9}(ns|us|ms|s|m|h))+|true|false)$`)
	// userinfo matches a URL with a password in it.
	userinfo = regexp.MustCompile(`[a-zA-Z][a-zA-Z0-9+.-]*://[^/\s:@]*:[^/\s@]+@`)
)

// holdsSecret says why a value of that name is a secret, "" where nothing speaks for it.
func holdsSecret(name, value string) string {
	switch {
	case strings.TrimSpace(value) == "" || strings.HasPrefix(value, "$(") || strings.HasPrefix(value, "vault:v"):
		return ""
	case userinfo.MatchString(value):
		return "is an address with a password"
	case secret.HoldsPrivateKey(value):
		return "is a private key"
	case harmlessName.MatchString(name), harmlessValue.MatchString(value):
		return ""
	case ours.MatchString(name), secretName.MatchString(name):
		return "is a secret by its name"
	}
	return ""
}

// HoldsSecret tells whether a setting of that name and value is a secret, where nothing but these tells it.
func HoldsSecret(name, value string) bool {
	return holdsSecret(name, value) != "" || strings.EqualFold(name, "authorization") && value != ""
}

// credentialName matches headers and parameters that open something.
var credentialName = regexp.MustCompile(`(?i)authorization|cookie|token|secret|password|passwd|key|credential|signature`)

// NamesCredential tells whether a header or a parameter of that name is a secret, among others that are not.
func NamesCredential(name string) bool { return credentialName.MatchString(name) }

func manifestSecretChecks() []Check {
	return []Check{
		{
			ID: "secret-in-env", Severity: High, Title: "A secret stands in a pod's environment as text",
			Why: "Whoever may read Deployments reads it, and so does the repository that they come from.", How: "Put it into a Secret: mount it and name the file by GATEHOUSE_…_FILE, or use valueFrom.secretKeyRef.", Settings: []string{"env[].value"}, Reference: "CIS Kubernetes Benchmark 5.4.1, CWE-798",
			find: containers("secret-in-env", func(_ pod, c container, say func(string, ...any)) {
				for _, e := range c.each("env") {
					if why := holdsSecret(e.text("name"), e.text("value")); why != "" {
						say("the variable %s %s", e.text("name"), why)
					}
				}
			}),
		},
		{
			ID: "secret-in-configmap", Severity: High, Title: "A secret stands in a ConfigMap",
			Why: "ConfigMaps are read by many, and not encrypted at rest.", How: "Put it into a Secret, mount it, and name the file by GATEHOUSE_…_FILE or password_file.", Settings: []string{"ConfigMap data"}, Reference: "CIS Kubernetes Benchmark 5.4.1",
			find: configMapSecrets,
		},
		{
			ID: "secret-published", Severity: Critical, Title: "A Secret holds a placeholder, or what everybody knows",
			Why: "It stands in documentation or examples, or is easily guessed.", How: "Make one with `openssl rand -base64 32` for this installation.", Settings: []string{"Secret data", "Secret stringData"}, Reference: "CWE-1392",
			find: publishedSecrets,
		},
		{
			ID: "pod-development", Severity: Critical, Title: "A pod runs the development profile",
			Why: "It starts without secrets, lets the admin listener be open, and speaks plain HTTP.", How: "Set GATEHOUSE_PROFILE, or profile in its configuration, to production.", Settings: []string{"env[].value"}, Reference: "NIST SP 800-123 §4.2",
			find: containers("pod-development", func(_ pod, c container, say func(string, ...any)) {
				for _, e := range c.each("env") {
					if e.text("name") == "GATEHOUSE_PROFILE" && e.text("value") == "development" {
						say("has GATEHOUSE_PROFILE: development")
					}
				}
				for _, arg := range slices.Concat(c.list("command"), c.list("args")) {
					if slices.Contains([]string{"--dev", "--swagger", "--demo", "--create-default-tenant", "--create-default-workspaces"}, strings.TrimSuffix(argument(arg), "=true")) {
						say("has the argument %s, which Gatehouse does not know", argument(arg))
					}
				}
			}),
		},
	}
}

// argument gives an argument of a command as text.
func argument(v any) string {
	s, _ := v.(string)
	return s
}

func configMapSecrets(f *Facts) (v verdict) {
	for _, o := range f.Cluster.ofKind("ConfigMap") {
		data := o.tree.texts("data")
		for _, name := range slices.Sorted(maps.Keys(data)) {
			value := data[name]
			read, err := yamldoc.NewReader([]byte(value)).Next()
			if document, ok := read.(map[string]any); ok && err == nil {
				for _, path := range secretsIn("", document) {
					v.in(o, "secret-in-configmap", " "+name, "%s", path)
				}
			} else if why := holdsSecret(name, value); why != "" {
				v.in(o, "secret-in-configmap", " "+name, "%s", why)
			}
		}
	}
	return v
}

// secretsIn finds secrets in a document, each with its path.
func secretsIn(path string, value any) []string {
	var found []string
	switch value := value.(type) {
	case map[string]any:
		if secret.IsPrivateKey(value) {
			found = append(found, path+" is a private key")
		}
		for _, name := range slices.Sorted(maps.Keys(value)) {
			found = append(found, secretsIn(strings.TrimPrefix(path+"."+name, "."), value[name])...)
		}
	case []any:
		for _, item := range value {
			found = append(found, secretsIn(path, item)...)
		}
	case string:
		last := path[strings.LastIndexByte(path, '.')+1:]
		if ours.MatchString(path) {
			last = path
		}
		if why := holdsSecret(last, value); why != "" {
			found = append(found, path+" "+why)
		}
	}
	return found
}

// publishedSecrets looks at the values of Secrets that are secrets by their name.
func publishedSecrets(f *Facts) (v verdict) {
	for _, o := range f.Cluster.ofKind("Secret") {
		data := o.tree.texts("stringData")
		for name, encoded := range o.tree.texts("data") {
			if plain, err := base64.StdEncoding.DecodeString(encoded); err == nil {
				data[name] = string(plain)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(data)) {
			if !ours.MatchString(name) && !secretName.MatchString(name) && !slices.Contains([]string{"system", "cookie", "admin"}, name) || harmlessName.MatchString(name) {
				continue
			}
			for line := range strings.Lines(data[name]) {
				if one := secret.String(strings.TrimSpace(line)); one != "" && Weak(one) != "" {
					v.in(o, "secret-published", " "+name, "%s", Weak(one))
					break
				}
			}
		}
	}
	return v
}
