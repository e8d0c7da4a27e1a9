package web

import (
	"context"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/actor"
	"github.com/gatehouse-iam/gatehouse/internal/fault"
)

// Need is what a route asks of who calls it, on a listener with a Guard.
type Need struct {
	// Role is the least role that may call it. Where a route says none, GET needs actor.RoleViewer and every other method
	// actor.RoleOperator.
	Role actor.Role
	// Everywhere keeps out who may act for one tenant only: the route concerns the whole installation.
	Everywhere bool
	// Unconfined keeps out who may call some parts of the listener only: what he would get here could call others.
	Unconfined bool
}

// of fills in what the method of a pattern says.
func (n Need) of(pattern string) Need {
	if n.Role == "" {
		n.Role = actor.RoleOperator
		if strings.HasPrefix(pattern, "GET ") {
			n.Role = actor.RoleViewer
		}
	}
	return n
}

// Route is one registered pattern.
type Route struct {
	// Pattern is that of net/http.ServeMux.
	Pattern string
	Need    Need
	// Open routes answer everybody, whatever the Guard says.
	Open bool
}

// Routes returns all routes of the mux and its views, in the order in which they were registered.
func (m *Mux) Routes() []Route { return m.routes }

// For returns a view of the same mux whose routes need the role.
func (m *Mux) For(role actor.Role) *Mux {
	v := *m
	v.need.Role = role
	return &v
}

// Everywhere returns a view of the same mux whose routes concern the whole installation. They answer whatever host they are asked
// under, and the tenant of their requests' contexts is tenant.Default, whether that is there or not: its activity log is the
// installation's.
func (m *Mux) Everywhere() *Mux {
	v := *m
	v.need.Everywhere = true
	return &v
}

// Unconfined returns a view of the same mux whose routes are for nobody who is confined to parts of the listener.
func (m *Mux) Unconfined() *Mux {
	v := *m
	v.need.Unconfined = true
	return &v
}

// RouteOf returns the route that a request was found to be for; none while it is not known, and where there is none.
func RouteOf(ctx context.Context) (Route, bool) {
	x := from(ctx)
	if x == nil || x.route == nil {
		return Route{}, false
	}
	return Route{Pattern: x.route.pattern, Need: x.route.need, Open: x.route.open}, true
}

// ErrRole says that who asks may not do that.
var ErrRole = fault.New(fault.Forbidden, "access_denied", "This needs another role than yours.")

// Require refuses who ActAs did not name with all that is needed. Guards ask it for a route's need, handlers for what a request
// asks beyond that.
func Require(ctx context.Context, need Need) error {
	a := actor.From(ctx)
	if a.Role.Covers(need.Role) && (a.Everywhere || !need.Everywhere) && !(a.Confined && need.Unconfined) {
		return nil
	}
	if x := from(ctx); x != nil && x.core.o.Refuse != nil {
		return x.core.o.Refuse(ctx, need)
	}
	return ErrRole
}
