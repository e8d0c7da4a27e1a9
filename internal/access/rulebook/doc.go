// Package rulebook keeps the engine's rules as their sources have them: files, web servers, object stores, the configuration and the
// admin API. It owns how they are put together, changed and watched, and the tables access_rule, with what the admin API was
// given, and access_rule_copy, with what remote sources said last, for starts without them. It does not own how sources are read
// (package source), nor what rules mean (package access).
//
//	source   state         what is in force of it
//	         waiting       nothing yet: it was not read, or waits for others
//	         loaded        the newest
//	         refused       what was there before; where nothing was, what was kept of it
//	         unreachable   the same
//
// All sources together are one set, which is loaded whole or not at all: a rule that refuses may be in what is missing.
package rulebook
