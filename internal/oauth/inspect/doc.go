// Package inspect answers questions about tokens that are out, and takes them back: introspection, revocation and
// userinfo. It owns no table; the tokens are package token's.
//
//	route                          who may ask                        answer
//	POST   /admin/oauth2/introspect  the admin listener               all about any token (Ory's shape)
//	POST   /oauth2/introspect        confidential clients             RFC 7662, about tokens that concern them
//	POST   /oauth2/revoke            all clients                      RFC 7009, their own tokens
//	GET    /userinfo                 bearers of a token with openid   OpenID Connect Core §5.3
//	POST   /userinfo                 the same
//	DELETE /admin/oauth2/tokens      the admin listener               forget all tokens of a client
//
// A token that is unknown, expired, spent, revoked, or none of the asker's business is answered {"active":false} and
// nothing more (RFC 7662 §2.2). A client may ask about access tokens that were issued to it or whose audience names its
// client_id, and about its own refresh tokens; introspection.allowed_clients lists clients that may ask about all.
//
// Introspection is the hottest path there is: a forged token costs an HMAC, a known one a look into memory, and the
// answer is kept beside the cached token as it goes over the wire. In memory or not, a revocation is seen at once by
// the process that made it and within a second by the others, or databases.max_staleness where one is cut off from the database.
package inspect
