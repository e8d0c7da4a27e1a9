package actor

import (
	"context"
	"net/netip"
	"testing"
)

func TestWithAndFrom(t *testing.T) {
	ctx := t.Context()
	if got := From(ctx); got != (Actor{Kind: Anonymous}) {
		t.Errorf("an actor out of nothing: %+v", got)
	}
	key := Actor{Kind: AdminKey, ID: "key-1", Name: "deploy"}
	ctx = With(ctx, key)
	if got := From(ctx); got != key {
		t.Errorf("%+v, want %+v", got, key)
	}
	if got := From(With(ctx, Actor{Kind: System})); got.Kind != System {
		t.Errorf("the inner actor must count, not %+v", got)
	}
	if got := From(With(ctx, Actor{})); got.Kind != Anonymous {
		t.Errorf("the zero actor is nobody, not %+v", got)
	}
	if got := From(context.WithValue(ctx, Key{}, (*Actor)(nil))); got.Kind != Anonymous {
		t.Errorf("nil is nobody, not %+v", got)
	}
}

func TestOrigin(t *testing.T) {
	if got := OriginOf(t.Context()); got != (Origin{}) {
		t.Errorf("an origin out of nothing: %+v", got)
	}
	from := Origin{Address: netip.MustParseAddr("192.0.2.7"), RequestID: "request-1"}
	if got := OriginOf(With(WithOrigin(t.Context(), from), Actor{Kind: System})); got != from {
		t.Errorf("%+v, want %+v", got, from)
	}
}

func TestKindsAreAll(t *testing.T) {
	seen := make(map[Kind]bool)
	for _, k := range Kinds() {
		if k == "" || seen[k] {
			t.Errorf("%q is empty or there twice", k)
		}
		seen[k] = true
	}
}
