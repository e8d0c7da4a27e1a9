// Package engine finds the rule for a request and asks its handlers.
//
// It owns how rules are compiled, the index that finds the one for a request, and the order of their stages. It does not own what
// the stages do, which app hands in as access.Kinds, nor how a pattern is compared with a request (package pattern).
//
// Most rules are found by looking up what is text in their patterns (pattern.Key):
//
//	host, or the end of one, or any ─▶ segment by segment, literal or open ─▶ the end, or any rest by its beginning
//
// and expressions are only the last check of the few that are left. Among the rules that match, the highest priority wins; two of
// the same are refused when they are loaded, with a request that both match. Two of different tenants are refused whatever their
// priorities.
//
// What a rule says like others it shares with them, and what only loading needs is let go: rules are alive as long as the server.
package engine
