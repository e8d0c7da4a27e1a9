// Package policy has the authorizer cel: an expression in the Common Expression Language decides, over typed variables, within a
// bound on what it may cost.
//
//	variable          type                        what it is
//	subject           string                      who asks; empty for nobody in particular
//	claims            map(string, dyn)            what came with the credential: claims, traits, introspected fields
//	scopes            list(string)                what the credential was granted
//	request.method    string                      as it was sent; methods are case-sensitive
//	request.scheme    string                      http or https
//	request.host      string                      in lower case
//	request.path      string                      normalized, percent-encoded
//	request.query     map(string, list(string))   the query's parameters
//	request.headers   map(string, string)         the values of each field with ", " between them, by its name in lower case
//	request.ip        string                      the client's address
//	captures          map(string, string)         what named parts of the rule's path template matched
//	now               timestamp                   the time of the decision
//
// An expression about a path with parameters (/a;b) must also be true without them, as some applications do not see them, unless it
// speaks of ";" itself.
//
// An expression that fails, such as one that reads a claim that is not there, turns the request away: write has(claims.role).
//
// It is a package of its own, beside the other authorizers, because the library is heavy: app decides whether to have it. It owns
// no table and no route.
package policy
