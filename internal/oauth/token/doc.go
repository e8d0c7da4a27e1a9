// Package token owns authorization codes, access tokens and refresh tokens: what is granted by them, how they are
// minted, the token endpoint where grants are exchanged for them, and the table oauth_token in which their digests are
// kept until they expire.
//
// It does not own the consent by which a grant came to be (package authorize), nor the answers about tokens that are
// out (package inspect).
//
//	route (public)       what it does
//	POST /oauth2/token   exchange a grant for tokens (RFC 6749 §3.2)
//
// The grants are a list, NewGrants; each is one type with one method:
//
//	grant_type           statements
//	client_credentials   1 INSERT
//	authorization_code   1 SELECT unless the code was made by this process, 1 UPDATE, 1 INSERT
//	refresh_token        1 SELECT, 1 UPDATE, 1 INSERT
//
// Requests that come at the same time share their UPDATE and their INSERT.
//
// All tokens of one authorization are a family:
//
//	kind      is found by                       is spent           ends
//	code      digest of its text                once               at its expiry, mostly 10 minutes
//	refresh   digest of its text                once; then its     at its expiry; spent ones are kept until then,
//	                                            successor counts   so that a second use is noticed
//	access    digest of its text; a JWT         never              at its expiry
//	          by the digest of its jti
//
// Who presents a code or refresh token a second time makes the whole family revoked (RFC 6749 §4.1.2, RFC 9700
// §4.14.2). Within refresh.grace_period a spent refresh token may be exchanged again: the tokens that come of it are
// further members of the family, and revoking the family ends them all. Access tokens issued before a refresh stay good
// until they expire, so that requests in flight do not fail.
//
// Text and digest: a token carries an HMAC, so a made-up one is refused without a statement; the table holds only the
// SHA-256 digest of the text, so reading the table gives nobody a token.
package token
