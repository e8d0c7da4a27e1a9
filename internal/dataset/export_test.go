package dataset

import "time"

// Hurry has a test wait for less: for silent servers, for writes that do not end, and until who hears nothing writes no more.
func Hurry(o Origin, g *Gate, unheard, drain, lease time.Duration) {
	o.(*databases).states.unheard = unheard
	g.states.unheard, g.drain, g.lease = unheard, drain, lease
}
