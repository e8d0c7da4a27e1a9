package process

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// What processes print is looked through for secrets: for those of the test's configuration and environment, those that the server made
// for itself, passwords that people of the test typed, and whatever has the form of a token, a code or a private key.

// shortest is the fewest characters of a secret that is looked for: a shorter one may be in any text by chance.
const shortest = 12

var (
	secretLists = regexp.MustCompile(`\b(?:system|cookie|admin)\s*:\s*\[([^\]]*)\]`)
	secretKeys  = regexp.MustCompile(`\b(?:password|token|secret|client_secret|license_key|salt|Authorization)\s*:\s*['"]?(?:Bearer )?([^\s'",}\]]+)`)
	secretInURL = regexp.MustCompile(`://[^/\s:@]*:([^/\s@]+)@`)
	secretNames = regexp.MustCompile(`^GATEHOUSE_.*(SECRETS_|SECRET|PASSWORD|TOKEN|ADMIN_KEY|DSN|CONNECTION_URI)[^=]*=`)
	generated   = regexp.MustCompile(`"([A-Za-z0-9_-]{40,})"`)
	// shapes are forms that nothing but secrets has: tokens, codes and secrets of ours, JWTs, private keys, hashes of passwords.
	shapes = map[string]*regexp.Regexp{
		"a token":           regexp.MustCompile(`\b(?:gh|ory)_[a-z]{2,}_[A-Za-z0-9_-]{40,}`),
		"a JWT":             regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}`),
		"a private key":     regexp.MustCompile(`PRIVATE KEY-----|AGE-SECRET-KEY-1[A-Z0-9]{20,}|"d":"[A-Za-z0-9_-]{40,}"`),
		"a password's hash": regexp.MustCompile(`\$(?:argon2id?|2[aby])\$[^\s"]{20,}`),
	}
)

// telling are the commands whose output is secrets, or what people were sent.
var telling = []string{"clients", "perform", "admin", "courier", "introspect", "identities", "tenants"}

// typed are the passwords that people of this package's tests typed.
var typed struct {
	sync.Mutex
	passwords []string
}

// Typed has every process that ends later looked through for a password.
func Typed(password string) {
	typed.Lock()
	defer typed.Unlock()
	if !slices.Contains(typed.passwords, password) {
		typed.passwords = append(typed.passwords, password)
	}
}

// secretsIn finds the secrets of configurations and of an environment.
func secretsIn(configurations, environ []string) []string {
	var found []string
	for _, text := range configurations {
		for _, m := range secretLists.FindAllStringSubmatch(text, -1) {
			for one := range strings.SplitSeq(m[1], ",") {
				found = append(found, strings.Trim(one, " \t\n'\""))
			}
		}
		for _, m := range slices.Concat(secretKeys.FindAllStringSubmatch(text, -1), secretInURL.FindAllStringSubmatch(text, -1)) {
			found = append(found, m[1])
		}
	}
	for _, entry := range environ {
		name := secretNames.FindString(entry)
		if name == "" || strings.HasSuffix(name, "_FILE=") {
			continue
		}
		value := strings.TrimPrefix(entry, name)
		if m := secretInURL.FindStringSubmatch(value); m != nil {
			value = m[1]
		}
		found = append(found, strings.Split(value, ",")...)
	}
	return found
}

// known gives the secrets of this server, and the passwords that were typed.
func (s *Server) known(environ []string) []string {
	var texts []string
	for i := 1; i < len(s.config); i += 2 {
		if content, err := os.ReadFile(s.config[i]); err == nil {
			texts = append(texts, string(content))
		}
	}
	all := secretsIn(texts, slices.Concat(s.env, environ))
	if content, err := os.ReadFile(filepath.Join(s.Dir, "secrets.yaml")); err == nil {
		for _, m := range generated.FindAllStringSubmatch(string(content), -1) {
			all = append(all, m[1])
		}
	}
	typed.Lock()
	defer typed.Unlock()
	return slices.Concat(all, typed.passwords)
}

// holdsNoSecret fails the test where an output holds a secret. What it says does not repeat it.
func (s *Server) holdsNoSecret(of, output string, environ []string, formed bool) {
	s.t.Helper()
	for _, wrong := range Leaks(output, formed, s.known(environ)...) {
		s.t.Errorf("%s: %s", of, wrong)
	}
}

// NoSecrets fails the test where the output of a process that the test started itself holds one of the secrets, a password that
// somebody typed, or what has the form of a secret.
func NoSecrets(t testing.TB, output string, secrets ...string) {
	t.Helper()
	typed.Lock()
	all := slices.Concat(secrets, typed.passwords)
	typed.Unlock()
	for _, wrong := range Leaks(output, true, all...) {
		t.Error(wrong)
	}
}

// Leaks says which secrets an output holds, by the lines that they are in, without repeating them. formed asks for the forms too.
func Leaks(output string, formed bool, secrets ...string) []string {
	var wrong []string
	tell := func(what string, at int) {
		line := strings.Count(output[:at], "\n") + 1
		begin := strings.LastIndexByte(output[:at], '\n') + 1
		wrong = append(wrong, fmt.Sprintf("line %d holds %s, behind %q", line, what, output[max(begin, at-60):at]))
	}
	for _, one := range secrets {
		if len(one) < shortest || strings.HasPrefix(one, "vault:") {
			continue
		}
		if at := strings.Index(output, one); at >= 0 {
			tell(fmt.Sprintf("a secret of %d characters", len(one)), at)
		}
	}
	if formed {
		for what, shape := range shapes {
			if at := shape.FindStringIndex(output); at != nil {
				tell(what, at[0])
			}
		}
	}
	return wrong
}
