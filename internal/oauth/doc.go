// Package oauth holds the words that the OAuth 2.0 and OpenID Connect parts of
// Gatehouse share: names of grants, response types and authentication methods;
// the errors that the protocol knows; and the pure rules about scopes,
// audiences, redirect URIs, PKCE and lifetimes.
//
// It owns no table and no route, reads no clock and makes no random numbers.
// Everything in it is a value or a function of its arguments, so that the
// packages below oauth/ can share rules without sharing state.
//
//	file         what it decides
//	word.go      grant types, response types and modes, client authentication methods
//	fault.go     the errors of RFC 6749, 6750, 7591, 8707 and OpenID Connect Core
//	scope.go     RFC 6749 §3.3 scopes, and three ways to match them
//	audience.go  requested audiences against a client's list
//	redirect.go  which redirect URIs may be registered, and which one a request means
//	pkce.go      RFC 7636, S256 only
//	lifespan.go  how long codes and tokens live
//	config.go    the `oauth` part of the configuration
package oauth
