package actor

import (
	"context"
	"net/netip"
)

// Kind says what sort of party acts.
type Kind string

// The kinds of actors. They are written into the activity log, so they never change.
const (
	Anonymous   Kind = "anonymous"
	Identity    Kind = "identity"
	Client      Kind = "client"
	Token       Kind = "token"
	AdminKey    Kind = "admin_key"
	Certificate Kind = "certificate"
	Operator    Kind = "operator"
	System      Kind = "system"
)

// Kinds returns every kind, in the order of the package's table.
func Kinds() []Kind {
	return []Kind{Anonymous, Identity, Client, Token, AdminKey, Certificate, Operator, System}
}

// Actor is who acts. The zero Actor is nobody that is known, which From calls Anonymous.
type Actor struct {
	// Kind says what sort of party it is.
	Kind Kind
	// ID tells it from others of its kind, for example an identity's id; empty for Anonymous. It is never a secret.
	ID string
	// Name is what people call it, for example an admin key's label. It may be empty, and is never a person's name or
	// address: those are found by the ID as long as they are there.
	Name string
	// Role is what the admin listener lets it do; empty elsewhere. Everywhere says that it may for every tenant and for the
	// installation, and not only for the tenant of the request; Confined, that it may call some parts of the listener only.
	Role       Role
	Everywhere bool
	Confined   bool
}

// Origin is where a request came from. The zero Origin is that of work which no request asked for.
type Origin struct {
	// Address is the client's, as package web makes it out; the zero Addr where there is none.
	Address netip.Addr
	// RequestID is what the answer carries as X-Request-Id.
	RequestID string
}

// Key is the context key under which a *Actor lies. Only a package that implements context.Context itself needs it;
// everybody else calls With and From.
type Key struct{}

// OriginKey is the context key under which a *Origin lies, as with Key.
type OriginKey struct{}

// With returns a context whose work is done by a.
func With(ctx context.Context, a Actor) context.Context { return context.WithValue(ctx, Key{}, &a) }

// From returns who acts in the context; where nobody said so it is Anonymous.
func From(ctx context.Context) Actor {
	if a, ok := ctx.Value(Key{}).(*Actor); ok && a != nil && a.Kind != "" {
		return *a
	}
	return Actor{Kind: Anonymous}
}

// WithOrigin returns a context whose work was asked for from o.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, OriginKey{}, &o)
}

// OriginOf returns where the work of the context was asked for.
func OriginOf(ctx context.Context) Origin {
	if o, ok := ctx.Value(OriginKey{}).(*Origin); ok && o != nil {
		return *o
	}
	return Origin{}
}
