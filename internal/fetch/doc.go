// Package fetch is how this server asks others: it reads documents that they publish (key sets, lists of redirect URIs) and
// documents that its configuration names by a URI, and makes the calls to services that its configuration names (web hooks,
// senders of messages, systems that know old passwords).
//
// Addresses of published documents come from whoever may register clients, so every read is bounded in time, size and
// redirects, and can be kept off private networks (server-side request forgery). Calls carry credentials and what nobody else
// is to know, so they follow no redirect at all.
//
// It owns no table and no route, and caches nothing: that is for those who know how long a document is good.
package fetch
