// Package discovery tells clients what this server can do: OpenID Connect Discovery 1.0 §3 and RFC 8414 §2, one document
// at two addresses. It tells what works with the configuration at hand, no more and no less, so a client that reads it
// need not guess.
//
// It owns no table and decides nothing; it repeats what the packages that it is given decide. The document is written
// once per issuer and set of algorithms, and is then answered from memory.
//
//	GET /.well-known/openid-configuration          public
//	GET /.well-known/oauth-authorization-server    public
package discovery
