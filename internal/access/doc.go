// Package access decides whether a request to an application is let through, by rules in the format of Ory Oathkeeper.
//
// It owns the rules: their format, the index that finds the one for a request, and the order of their stages. It does not own what
// the stages do: authenticators, authorizers and mutators are packages below it, and app hands them in as Kinds. Neither does
// it own where rules come from (package rulebook), how requests come in (door), and how they are read (target).
//
// A decision goes one way, and whatever fails on it turns the request away:
//
//	request ─▶ target.Parse ─▶ index ─▶ first responsible authenticator ─▶ authorizer ─▶ mutators ─▶ upstream
//	              one reading    one rule        └──────────── error: the rule's error handlers ────────────┘
//
// A rule's pattern is compared with scheme://host/path, without percent-encodings. It is taken apart at its slashes as far as
// its expressions cannot match one, so that most rules are found by looking up
//
//	method ─▶ host, or the end of one, or any ─▶ segment by segment, literal or open ─▶ the end, or any rest by its beginning
//
// and expressions are only the last check of the few that are left. What is looked up is never narrower than the pattern.
// Among the rules that match, the highest priority wins; two of the same are refused when they are loaded, by going through
// both patterns at once (overlap), with a request that both match. Two of different tenants are refused whatever their priorities.
package access
