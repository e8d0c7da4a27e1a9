package config

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/harden"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/transit"
)

// secretFacts says of each secret of the configuration where it stands, and what is wrong with it.
func (c *Config) secretFacts() []harden.Secret {
	var all []harden.Secret
	lists, credentials := c.secretLists(), c.credentials()
	open := c.openFiles(credentials)
	for i, s := range lists {
		for j, one := range s.list {
			f := harden.Secret{Path: fmt.Sprintf("%s[%d]", s.path, j), File: open(s.path)}
			if !transit.Wrapped(one) {
				f.Weak = harden.Weak(one)
			}
			for _, other := range lists[:i] {
				if slices.Contains(other.list, one) {
					f.SameAs = other.path
				}
			}
			all = append(all, f)
		}
	}
	for _, one := range credentials {
		f := harden.Secret{Path: one.path, Weak: harden.Weak(one.secret), Credential: true}
		if !one.apart {
			f.File = open(one.path)
		}
		all = append(all, f)
	}
	return all
}

// openFiles gives what says at which place in a file a secret is written among other settings, "" where it is not. A file that holds
// secrets and the addresses of databases and nothing else is where secrets belong.
func (c *Config) openFiles(credentials []credential) func(path string) string {
	isSecret := func(path string) bool { // or a group around one
		return within(path, "secrets") || within(path, "databases") ||
			slices.ContainsFunc(credentials, func(one credential) bool { return within(one.path, path) })
	}
	mixed := map[string]bool{}
	for path, at := range c.origins {
		if at.env == "" && !isSecret(path) {
			mixed[at.file] = true
		}
	}
	return func(path string) string {
		if at := c.whence(path); mixed[at.file] {
			return at.String()
		}
		return ""
	}
}

// credential is a secret that opens another service, and its key.
type credential struct {
	path   string
	secret secret.String
	apart  bool // it is in a file of its own
}

// credentials finds the secrets that a configuration holds besides those of its group secrets: by their types, in addresses with a
// password, and by name where only somebody else knows what a setting is.
func (c *Config) credentials() []credential {
	f := &credentialFinder{skip: func(path string) bool { return c.derived[path] != "" }}
	f.group("", reflect.ValueOf(c).Elem())
	slices.SortStableFunc(f.found, func(a, b credential) int { return strings.Compare(a.path, b.path) }) // maps have no order
	return f.found
}

type credentialFinder struct {
	found []credential
	skip  func(path string) bool
}

func (f *credentialFinder) add(path, found string) {
	if found != "" {
		f.found = append(f.found, credential{path: path, secret: secret.String(found)})
	}
}

func (f *credentialFinder) group(path string, v reflect.Value) {
	fields := fieldsOf(v.Type())
	for _, one := range fields {
		at, value := join(path, one.key), v.FieldByIndex(one.index)
		if within(at, "secrets") && !within(at, "secrets.transit") && at != "secrets" || f.skip(at) {
			continue // the lists of secrets are looked at by themselves
		}
		f.value(at, value)
		whole, isFile := strings.CutSuffix(one.key, "_file")
		if isFile && slices.ContainsFunc(fields, func(o field) bool { return o.key == whole && o.form == secretText }) {
			f.file(at, value.String())
		}
	}
}

// file adds what a file holds that has a key of its own. One that cannot be read here is somebody else's to look at.
func (f *credentialFinder) file(path, name string) {
	if name == "" {
		return
	}
	if content, err := readFile(name); err == nil {
		if text := strings.TrimSpace(string(content)); text != "" {
			f.found = append(f.found, credential{path: path, secret: secret.String(text), apart: true})
		}
	}
}

// value looks at a value of any form.
func (f *credentialFinder) value(path string, v reflect.Value) {
	v = reflect.Indirect(v)
	if !v.IsValid() {
		return
	}
	switch formOf(v.Type()) {
	case group:
		f.group(path, v)
	case listOf:
		for i := range v.Len() {
			f.value(fmt.Sprintf("%s[%d]", path, i), v.Index(i))
		}
	case mapOf:
		for key, one := range v.Seq2() {
			if formOf(one.Type()) == secretText && !harden.NamesCredential(key.String()) {
				continue // a header or a parameter as any other
			}
			f.value(join(path, key.String()), one)
		}
	case secretText:
		f.secret(path, v)
	case text:
		f.add(path, passwordIn(v.String()))
	case free:
		if settings, ok := reflect.TypeAssert[interface{ Tree() map[string]any }](v); ok {
			f.settings(path, settings.Tree())
		}
	}
}

func (f *credentialFinder) secret(path string, v reflect.Value) {
	switch one := v.Interface().(type) {
	case DSN:
		if a, err := sqldb.Parse(string(one)); err == nil {
			f.add(path, a.Password)
		}
	case secret.String:
		switch text := one.Reveal(); {
		case strings.HasPrefix(text, "base64://"): // a document that is the secret
			f.add(path, text)
		case strings.Contains(text, "://"):
			f.add(path, passwordIn(text))
		default:
			f.add(path, bare(text))
		}
	}
}

// settings looks at values of which only their names tell what they are.
func (f *credentialFinder) settings(path string, tree any) {
	switch t := tree.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(t)) {
			text, isText := t[name].(string)
			switch at := join(path, name); {
			case !isText:
				f.settings(at, t[name])
			case strings.Contains(text, "://"):
				f.add(at, passwordIn(text))
			case strings.Contains(text, "{{"): // a template, filled in for each request
			case harden.HoldsSecret(name, text), strings.HasSuffix(at, ".auth.config.value"):
				f.add(at, bare(text))
			}
		}
	case []any:
		for i, one := range t {
			f.settings(fmt.Sprintf("%s[%d]", path, i), one)
		}
	}
}

// passwordIn gives the password of a URL, "" where it has none.
func passwordIn(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return ""
	}
	password, _ := u.User.Password()
	return password
}

// bare takes off what stands before the secret in an Authorization header (RFC 9110 §11.4), and for Basic (RFC 7617 §2) the user.
func bare(text string) string {
	scheme, rest, found := strings.Cut(text, " ")
	switch {
	case found && strings.EqualFold(scheme, "bearer"):
		return rest
	case found && strings.EqualFold(scheme, "basic"):
		if plain, err := base64.StdEncoding.DecodeString(rest); err == nil {
			_, password, _ := strings.Cut(string(plain), ":")
			return password
		}
	}
	return text
}
