// Package hook tells other services what happens to people, and lets them object: web hooks.
//
// It owns how a call is made: its body (a Jsonnet function or a Go template of the flow, the identity, the session and the
// request), its headers and credential, its retries and its bounds; and what an answer means. It does not own when a hook is
// called, which is the business of the flows, and it keeps nothing.
//
//	answer               response.ignore   otherwise        response.parse
//	200                  nobody waits      go on            go on, with the changes to the identity that it holds
//	204 and other 2xx    nobody waits      go on            go on
//	3xx                  logged            failure          failure: redirects are not followed
//	4xx, 5xx             logged            failure          the messages that it holds (*ui.Invalid); without any: failure
//	429, 5xx, no answer  tried again, then as above
//
// A program that ends with `error "cancel"` calls nobody, and everything goes on.
//
// Jsonnet is also there for whoever else runs programs of the operator: claims of tokens, bodies of mails. Programs are the
// operator's, what they work on is a stranger's: there are bounds on input, output, depth, and on time, which is checked at
// each call of a function; nothing is read from files or the network. What the bounds do not hold is memory: a program that
// asks for a list of a billion members gets it.
package hook
