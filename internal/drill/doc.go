// Package drill tries whether a server on restored data does its work: whether applications get tokens that its keys have signed,
// and whether people sign in.
//
// It owns what is tried, and is a client of the public and the admin API. It does not own how the data came back (package backup),
// nor the server, which app puts together without listeners and without anything that reaches beyond its databases.
//
// # What is tried of a tenant
//
//	signing keys   the published key set is there, and holds the keys that the backup has
//	discovery      the document of OpenID Connect Discovery names the tenant's issuer
//	opaque token   a client is made, gets a token by its credentials, and the token is known
//	signed token   the same for a JWT (RFC 9068), whose signature is checked against the published keys
//	login          somebody who has a password gets another one, signs in with it, and the session is known
package drill
