package kubesecret

import (
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Want says what a Secret shall hold.
type Want struct {
	// Name is the Secret's.
	Name string
	// Random are keys that hold 32 random bytes each, in base64.
	Random []string
	// Hosts are names and addresses for which the Secret shall hold a certificate: tls.crt, tls.key and ca.crt. None, no certificate.
	Hosts []string
	// Clients are names for which the Secret shall hold certificates of clients, NAME.crt and NAME.key, and their authority: ca.crt.
	Clients []string
}

// secretName and secretKey are what Kubernetes allows as names of Secrets and of their keys.
var (
	secretName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`)
	secretKey  = regexp.MustCompile(`^[-._a-zA-Z0-9]{1,253}$`)
)

// ParseWants reads what the command line says: each is NAME=PART,PART. Several that name one Secret are one.
func ParseWants(random, certificates, clients []string) ([]Want, error) {
	var all []Want
	for _, f := range []struct {
		flag  string
		texts []string
		into  func(*Want) *[]string
		parts *regexp.Regexp
		what  string
	}{
		{"random", random, func(w *Want) *[]string { return &w.Random }, secretKey, "a key of a Secret"},
		{"certificate", certificates, func(w *Want) *[]string { return &w.Hosts }, regexp.MustCompile(""), ""},
		{"clients", clients, func(w *Want) *[]string { return &w.Clients }, secretName, "the name of a client, as controller is"},
	} {
		for _, text := range f.texts {
			name, rest, ok := strings.Cut(text, "=")
			parts := strings.Split(rest, ",")
			if !ok || !secretName.MatchString(name) || slices.Contains(parts, "") {
				return nil, fmt.Errorf("--%s %q: write NAME=PART,PART with the name of a Secret", f.flag, text)
			}
			if i := slices.IndexFunc(parts, func(part string) bool { return !f.parts.MatchString(part) }); i >= 0 {
				return nil, fmt.Errorf("--%s %q: %q is not %s", f.flag, text, parts[i], f.what)
			}
			at := slices.IndexFunc(all, func(w Want) bool { return w.Name == name })
			if at < 0 {
				at, all = len(all), append(all, Want{Name: name})
			}
			*f.into(&all[at]) = append(*f.into(&all[at]), parts...)
		}
	}
	for _, w := range all {
		if len(w.Hosts) > 0 && len(w.Clients) > 0 {
			return nil, fmt.Errorf("the Secret %s: --certificate and --clients are for two Secrets, since each has an authority", w.Name)
		}
	}
	return all, nil
}

// certificateKeys are the keys of the certificates that are wanted, which go together.
func (w Want) certificateKeys() []string {
	if len(w.Hosts) > 0 {
		return []string{"ca.crt", "tls.crt", "tls.key"}
	}
	keys := []string{"ca.crt"}
	for _, name := range w.Clients {
		keys = append(keys, name+".crt", name+".key")
	}
	return keys
}

// Missing makes what a Secret with these keys lacks of what is wanted. The keys that are there are left alone, whatever they hold, but for
// half a certificate, which is an error.
func Missing(w Want, have []string, now time.Time, random io.Reader) (map[string][]byte, error) {
	made := map[string][]byte{}
	for _, key := range w.Random {
		if slices.Contains(have, key) {
			continue
		}
		secret := make([]byte, 32)
		if _, err := io.ReadFull(random, secret); err != nil {
			return nil, err
		}
		made[key] = []byte(base64.StdEncoding.EncodeToString(secret))
	}
	if len(w.Hosts)+len(w.Clients) == 0 {
		return made, nil
	}
	keys := w.certificateKeys()
	there := slices.DeleteFunc(slices.Clone(keys), func(k string) bool { return !slices.Contains(have, k) })
	switch len(there) {
	case len(keys):
		return made, nil
	case 0:
	default:
		return nil, fmt.Errorf("the Secret %s holds %s and not %s: add what is missing, or take these keys out and have a certificate made",
			w.Name, strings.Join(there, ", "), strings.Join(slices.DeleteFunc(keys, func(k string) bool { return slices.Contains(there, k) }), ", "))
	}
	return made, w.certify(made, now, random)
}

// certify makes the certificates that are wanted, and an authority that signs them and nothing else: its key is forgotten.
func (w Want) certify(into map[string][]byte, now time.Time, random io.Reader) (err error) {
	a, err := newAuthority(now, random)
	if err != nil {
		return err
	}
	into["ca.crt"] = a.pem
	if len(w.Hosts) > 0 {
		into["tls.crt"], into["tls.key"], err = a.issue(w.Hosts, x509.ExtKeyUsageServerAuth)
		return err
	}
	for _, name := range w.Clients {
		if into[name+".crt"], into[name+".key"], err = a.issue([]string{name}, x509.ExtKeyUsageClientAuth); err != nil {
			return err
		}
	}
	return nil
}
