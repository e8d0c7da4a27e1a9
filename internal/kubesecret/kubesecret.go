package kubesecret

import (
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
}

// secretName and secretKey are what Kubernetes allows as names of Secrets and of their keys.
var (
	secretName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`)
	secretKey  = regexp.MustCompile(`^[-._a-zA-Z0-9]{1,253}$`)
)

// ParseWants reads what the command line says: random and certificates are NAME=PART,PART. Several that name one Secret are one.
func ParseWants(random, certificates []string) ([]Want, error) {
	var all []Want
	parse := func(flag, text string, take func(w *Want, parts []string) error) error {
		name, rest, ok := strings.Cut(text, "=")
		parts := strings.Split(rest, ",")
		if !ok || !secretName.MatchString(name) || slices.Contains(parts, "") {
			return fmt.Errorf("--%s %q: write NAME=PART,PART with the name of a Secret", flag, text)
		}
		at := slices.IndexFunc(all, func(w Want) bool { return w.Name == name })
		if at < 0 {
			at, all = len(all), append(all, Want{Name: name})
		}
		return take(&all[at], parts)
	}
	for _, text := range random {
		if err := parse("random", text, func(w *Want, keys []string) error {
			for _, key := range keys {
				if !secretKey.MatchString(key) {
					return fmt.Errorf("--random %q: %q is no key of a Secret", text, key)
				}
			}
			w.Random = append(w.Random, keys...)
			return nil
		}); err != nil {
			return nil, err
		}
	}
	for _, text := range certificates {
		if err := parse("certificate", text, func(w *Want, hosts []string) error { w.Hosts = append(w.Hosts, hosts...); return nil }); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// certificateKeys are the keys of a certificate, which go together.
var certificateKeys = []string{"ca.crt", "tls.crt", "tls.key"}

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
	if len(w.Hosts) == 0 {
		return made, nil
	}
	var there []string
	for _, key := range certificateKeys {
		if slices.Contains(have, key) {
			there = append(there, key)
		}
	}
	switch len(there) {
	case len(certificateKeys):
		return made, nil
	case 0:
	default:
		return nil, fmt.Errorf("the Secret %s holds %s and not %s: add what is missing, or take these keys out and have a certificate made",
			w.Name, strings.Join(there, ", "), strings.Join(slices.DeleteFunc(slices.Clone(certificateKeys), func(k string) bool { return slices.Contains(there, k) }), ", "))
	}
	c, err := makeCertificate(w.Hosts, now, random)
	if err != nil {
		return nil, err
	}
	made["ca.crt"], made["tls.crt"], made["tls.key"] = c.authority, c.certificate, c.key
	return made, nil
}
