// Package wait waits, for no longer than whoever asked does: every wait here ends with its context.
//
//	For      a time to pass
//	Flight   one call that many ask for at the same time
//	Follow   word of something new, each time
//
// It does not own what is waited for, and it keeps no answers: that is package cache.
package wait
