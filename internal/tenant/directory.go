package tenant

import (
	"slices"
	"strings"
	"sync/atomic"
)

// Directory knows the tenants of this installation, those of the configuration and those that are stored. It is read on
// every request, without a lock, and set anew when tenants change.
type Directory struct {
	declared []Tenant
	// own is the host of the public listener's address, on which path prefixes count even where it is a tenant's.
	own  string
	list atomic.Pointer[List]
}

// NewDirectory returns a directory that knows what the configuration says. own is the host under which the outside reaches the
// public listener.
func NewDirectory(c Config, own string) *Directory {
	d := &Directory{declared: c.tenants(), own: normalize(own)}
	d.Set(nil)
	return d
}

// Set puts stored tenants in the place of those that were stored before. One that has the id of a declared tenant is passed over.
func (d *Directory) Set(stored []Tenant) {
	l := &List{own: d.own, byID: make(map[ID]*Tenant), byHost: make(map[string]*Tenant), byPrefix: make(map[string]*Tenant)}
	for _, t := range d.declared {
		l.add(t)
	}
	for _, t := range stored {
		if l.byID[t.ID] == nil {
			l.add(t)
		}
	}
	if len(d.declared) == 0 && l.byID[Default] == nil {
		l.add(Tenant{ID: Default, Source: BuiltIn, State: Active})
	}
	if t := l.byID[Default]; len(d.declared) == 0 && t.State != Deleted && t.State != Deleting && len(t.Hosts) == 0 && t.Prefix == "" {
		l.rest = t
	}
	slices.SortFunc(l.all, func(a, b *Tenant) int { return strings.Compare(string(a.ID), string(b.ID)) })
	d.list.Store(l)
}

// List returns the tenants as they are now.
func (d *Directory) List() *List { return d.list.Load() }

// Declared tells whether the configuration has a tenant of this id.
func (d *Directory) Declared(id ID) bool {
	return slices.ContainsFunc(d.declared, func(t Tenant) bool { return t.ID == id })
}

// List is what a directory knew at a time. It is never changed.
type List struct {
	own      string
	all      []*Tenant
	byID     map[ID]*Tenant
	byHost   map[string]*Tenant
	byPrefix map[string]*Tenant
	rest     *Tenant // of hosts that are nobody's; nil for none
}

func (l *List) add(t Tenant) {
	l.byID[t.ID] = &t
	l.all = append(l.all, &t)
	if t.State == Deleting || t.State == Deleted {
		return
	}
	for _, h := range t.Hosts {
		if l.byHost[h] == nil {
			l.byHost[h] = &t
		}
	}
	if t.Prefix != "" && l.byPrefix[t.Prefix] == nil {
		l.byPrefix[t.Prefix] = &t
	}
}

// All returns every tenant, also those that were deleted, in the order of their ids. Nothing in it may be changed.
func (l *List) All() []*Tenant { return l.all }

// Get returns a tenant, and nil where there never was one.
func (l *List) Get(id ID) *Tenant { return l.byID[id] }

// Present returns the ids of the tenants that have not been deleted, in their order.
func (l *List) Present() []ID {
	ids := make([]ID, 0, len(l.all))
	for _, t := range l.all {
		if t.State == Active || t.State == Suspended {
			ids = append(ids, t.ID)
		}
	}
	return ids
}

// Held returns the ids of the tenants that are there and not served.
func (l *List) Held() []ID {
	var ids []ID
	for _, t := range l.all {
		if t.State == Suspended || t.State == Deleting {
			ids = append(ids, t.ID)
		}
	}
	return ids
}

// Served tells whether requests about the tenant's data are to be answered.
func (l *List) Served(id ID) bool {
	t := l.byID[id]
	return t != nil && t.Served()
}

// Found is where a request leads.
type Found struct {
	// Tenant is whose it is, and nil where it is nobody's.
	Tenant *Tenant
	// Prefix is the beginning of the path that said so, and "" where the host did.
	Prefix string
}

// Find returns whose a request is that was sent to a Host (with or without port) and a path.
func (l *List) Find(host, path string) Found {
	host = normalize(host)
	of := l.byHost[host]
	if len(l.byPrefix) > 0 && (of == nil || host == l.own) {
		if t, prefix := l.below(path); t != nil {
			return Found{t, prefix}
		}
	}
	if of == nil {
		of = l.rest
	}
	return Found{Tenant: of}
}

// below finds the tenant below whose prefix a path lies.
func (l *List) below(path string) (*Tenant, string) {
	if path == "" || path[0] != '/' {
		return nil, ""
	}
	for end, segments := 0, 0; segments < maxSegments && end < len(path) && end <= maxPrefix; segments++ {
		next := strings.IndexByte(path[end+1:], '/')
		if next < 0 {
			end = len(path)
		} else {
			end += 1 + next
		}
		if t := l.byPrefix[path[:end]]; t != nil {
			return t, path[:end]
		}
	}
	return nil, ""
}
