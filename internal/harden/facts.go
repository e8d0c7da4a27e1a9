package harden

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Facts are what is known of an installation. They hold no secret.
type Facts struct {
	// Subject names what they are of: the files of a configuration, a server's address, a ConfigMap.
	Subject string `json:"subject"`
	// Profile is development or production; empty where no configuration was read.
	Profile string `json:"profile,omitempty"`
	// Read is when they were gathered.
	Read time.Time `json:"read"`
	// Settings are the values of the keys that checks look at.
	Settings []Setting `json:"settings,omitempty"`
	// Faults are what makes the configuration invalid.
	Faults []Found `json:"faults,omitempty"`
	// Secrets are those of the configuration by their paths, with what is wrong with them.
	Secrets []Secret `json:"secrets,omitempty"`
	// SecretsElsewhere tells that secrets, and addresses of databases with them, are given by other means than what was looked at.
	SecretsElsewhere bool `json:"-"`
	// Databases are the logical databases.
	Databases []Database `json:"databases,omitempty"`
	// Listeners are the ports that are open.
	Listeners []Listener `json:"listeners,omitempty"`
	// MailTLS is how mails go to the mail server: none (no server), checked, unchecked, clear.
	MailTLS string `json:"mail_tls,omitempty"`
	// Accepted is what the configuration accepts.
	Accepted []Acceptance `json:"accepted,omitempty"`
	// Server is what only a running server knows; nil where none was asked.
	Server *Running `json:"server,omitempty"`
	// Cluster is what Kubernetes manifests say; nil where none were read.
	Cluster *Cluster `json:"-"`
}

// Setting is the value of one key.
type Setting struct {
	// Key is its path, such as serve.public.address or activity.exports[0].url.
	Key string `json:"key"`
	// Values is the value, or the items of a list; of a secret [redacted] where there is one.
	Values []string `json:"values,omitempty"`
	// Written is where it was configured: a file and a line, the name of an environment variable, or the key it follows from; empty
	// where it is a default.
	Written string `json:"written,omitempty"`
}

// Secret is a secret of the configuration, without itself.
type Secret struct {
	// Path is its key, with its place in a list.
	Path string `json:"path"`
	// Weak says why it is easily guessed; empty where it is not.
	Weak string `json:"weak,omitempty"`
	// SameAs is the path of a list that holds the same secret.
	SameAs string `json:"same_as,omitempty"`
	// File is the configuration file in which it stands in the clear, with the line.
	File string `json:"file,omitempty"`
	// Credential tells that it is none of the group secrets, but opens another service.
	Credential bool `json:"credential,omitempty"`
}

// Database is one logical database.
type Database struct {
	// Path is the key that its address comes from, Name the logical database.
	Path string `json:"path"`
	Name string `json:"name"`
	// Kind is memory, sqlite, postgres, mysql or cockroach; Place is its server, or of sqlite its directory.
	Kind  string `json:"kind"`
	Place string `json:"place,omitempty"`
	User  string `json:"user,omitempty"`
	// Near tells that it is reached over a socket or this machine's own addresses.
	Near bool `json:"near,omitempty"`
	// TLS is what connections ask for: none, maybe (as the server likes), unchecked, authority, full; empty where there is no network.
	TLS string `json:"tls,omitempty"`
}

// Listener is a port that is open.
type Listener struct {
	// Name is its group below `serve`.
	Name string `json:"name"`
	// Address is where it binds; Local tells that only this machine reaches it.
	Address string `json:"address"`
	Local   bool   `json:"local,omitempty"`
	// Purpose is what it is for, Guard what protects it, Why why it is open.
	Purpose string `json:"purpose"`
	Guard   string `json:"guard"`
	Why     string `json:"why"`
	// Certificate is its certificate, nil where it has none, or where it could not be read, as Unread says.
	Certificate *Certificate `json:"certificate,omitempty"`
	Unread      string       `json:"unread,omitempty"`
}

// path is a key of the listener.
func (l Listener) path(key string) string { return "serve." + l.Name + "." + key }

// Certificate is what is said of a listener's certificate.
type Certificate struct {
	// Development says why it looks like one that was made for trying out; empty where it does not.
	Development string `json:"development,omitempty"`
	// Ends is when it expires.
	Ends time.Time `json:"ends"`
	// Misses is the host of the base URL where the certificate is not for it.
	Misses string `json:"misses,omitempty"`
}

// ElsewhereSecrets takes out what only says that secrets are not here: where a configuration is checked without the Secrets that a pod
// is given beside it.
func (f *Facts) ElsewhereSecrets() {
	f.SecretsElsewhere = true
	f.Faults = slices.DeleteFunc(f.Faults, func(found Found) bool {
		return strings.HasPrefix(found.Path, "secrets.") && strings.HasPrefix(found.Detail, "is missing")
	})
}

// values gives the values of a key.
func (f *Facts) values(key string) []string {
	for _, s := range f.Settings {
		if s.Key == key {
			return s.Values
		}
	}
	return nil
}

// text gives the value of a key, "" where there is none.
func (f *Facts) text(key string) string {
	if v := f.values(key); len(v) > 0 {
		return v[0]
	}
	return ""
}

// where says where a setting, or the list that it is in, was written.
func (f *Facts) where(path string) string {
	list, _, _ := strings.Cut(path, "[")
	for _, key := range []string{path, list} {
		for _, s := range f.Settings {
			if s.Key == key && s.Written != "" {
				return s.Written
			}
		}
	}
	return ""
}

// truth tells whether a key is true.
func (f *Facts) truth(key string) bool { return f.text(key) == "true" }

// number gives the value of a key that is a whole number.
func (f *Facts) number(key string) int {
	n, _ := strconv.Atoi(f.text(key)) // what is not a number was refused when the configuration was read
	return n
}

// duration gives the value of a key that is a time; -1 is for ever.
func (f *Facts) duration(key string) time.Duration {
	if f.text(key) == "-1" {
		return -1
	}
	d, _ := time.ParseDuration(f.text(key)) // as above
	return d
}

// like gives the settings whose key is of the pattern and that have a value.
func (f *Facts) like(pattern string) []Setting {
	var all []Setting
	for _, s := range f.Settings {
		if len(s.Values) > 0 && Matches(pattern, s.Key) {
			all = append(all, s)
		}
	}
	return all
}

// Matches reports whether a key is of a pattern, in which [] stands for any place in a list, and ** for any groups.
func Matches(pattern, key string) bool {
	before, after, wide := strings.Cut(pattern, "**")
	if !wide {
		return unplaced(key) == pattern
	}
	key = unplaced(key)
	return len(key) >= len(before)+len(after) && strings.HasPrefix(key, before) && strings.HasSuffix(key, after)
}

// unplaced takes the numbers out of a key: activity.exports[].url of activity.exports[0].url.
func unplaced(key string) string {
	if strings.IndexByte(key, '[') < 0 {
		return key
	}
	var b strings.Builder
	inside := false
	for _, c := range key {
		if c == ']' {
			inside = false
		}
		if !inside {
			b.WriteRune(c)
		}
		if c == '[' {
			inside = true
		}
	}
	return b.String()
}

// Asked gives what tells whether a check looks at a key.
func Asked() func(key string) bool {
	exact, wide := map[string]bool{}, []string(nil)
	for _, c := range Checks() {
		if c.Source == Manifests {
			continue
		}
		for _, pattern := range c.Settings {
			if strings.Contains(pattern, "**") {
				wide = append(wide, pattern)
			}
			exact[pattern] = true
		}
	}
	return func(key string) bool {
		return exact[unplaced(key)] || slices.ContainsFunc(wide, func(p string) bool { return Matches(p, key) })
	}
}
