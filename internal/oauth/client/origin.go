package client

import "strings"

// originSet are the origins from which browsers may call on behalf of clients.
type originSet struct {
	exact map[string]bool // https://app.example.com
	below map[string]bool // https://.example.com, for https://*.example.com
}

func (o *originSet) add(origin string) {
	if scheme, host, ok := strings.Cut(origin, "://*"); ok {
		o.below[scheme+"://"+host] = true
		return
	}
	o.exact[origin] = true
}

// allows tries the origin itself, and each name that it lies below, label by label.
func (o *originSet) allows(origin string) bool {
	if o.exact[origin] {
		return true
	}
	if len(o.below) == 0 {
		return false
	}
	scheme, host, ok := strings.Cut(origin, "://")
	if !ok || len(host) > 260 || strings.ContainsAny(host, "/@?#*") {
		return false
	}
	for i := strings.IndexByte(host, '.'); i > 0; {
		if o.below[scheme+"://"+host[i:]] {
			return true
		}
		next := strings.IndexByte(host[i+1:], '.')
		if next <= 0 {
			return false
		}
		i += 1 + next
	}
	return false
}
