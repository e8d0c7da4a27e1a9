package dataset

import "time"

// Lease says for how long a server writes that hears nothing.
func Lease(g *Gate, lease time.Duration) { g.lease = lease }

// Hurry has a test wait for less: for silent servers, for writes that do not end, and until who hears nothing writes no more.
func Hurry(o Origin, g *Gate, unheard, drain, lease time.Duration) {
	o.(*databases).states.unheard = unheard
	g.states.unheard, g.drain, g.lease = unheard, drain, lease
}
