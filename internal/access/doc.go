// Package access is the contract of those that decide whether a request to an application is let through, by rules in the format of
// Ory Oathkeeper.
//
// It owns what a request, a rule and a decision are, how rules are written, how handlers get their settings and templates, and how
// errors leave. It does not own what decides (package engine), which requests a pattern is for (pattern), what the stages do:
// authenticators, authorizers and mutators are packages below it, and app hands them to the engine as Kinds. Neither does
// it own where rules come from (rulebook), how requests come in (door), and how they are read (target).
//
// A decision goes one way, and whatever fails on it turns the request away:
//
//	request ─▶ target.Parse ─▶ engine ─▶ first responsible authenticator ─▶ authorizer ─▶ mutators ─▶ upstream
//	              one reading    one rule        └──────────── error: the rule's error handlers ────────────┘
package access
