// Package access decides whether a request to an application is let through, by rules in the format of Ory Oathkeeper.
//
// It owns the rules: their format, where they come from, the index that finds the one for a request, the order of their
// stages, and the table access_rule. It does not own what the stages do: authenticators, authorizers and mutators are the
// packages below it, and app hands them in as Kinds.
package access
