// Package fetch reads documents that others publish: key sets, lists of
// redirect URIs. The addresses come from whoever may register clients, so
// every read is bounded in time, size and redirects, and can be kept off
// private networks (server-side request forgery).
//
// It owns no table and no route, and caches nothing: that is for those who
// know how long a document is good.
package fetch
