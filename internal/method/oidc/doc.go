// Package oidc signs people in who have an account at another provider that speaks OpenID Connect: this server is its client.
//
// It owns how the provider is asked and how its answer is checked, what of its claims becomes traits, the nodes of the method and
// the credential of type oidc. It does not own the flows, nor how a browser is sent away and taken back (package selfservice), nor
// tokens of OpenID Connect as such (github.com/coreos/go-oidc). It has no table; what it has to remember lies in the flow's row.
//
//	flow          sends               ends in
//	login         provider            who has the account; a registration where nobody has; a login to link it where the e-mail
//	                                  address is somebody's
//	registration  provider, traits    an identity with the provider's traits, those that are missing asked for; a login where
//	                                  somebody has the account
//	settings      link or unlink      a credential more, or one less, but never the last
//
// The credential's document is Ory Kratos': {"providers": [{"provider": "…", "subject": "…", "initial_id_token": "…", …}]}, and its
// identifiers are provider:subject. The address at which providers send browsers back is
// /self-service/methods/oidc/callback/{provider}, below the public base URL.
//
// # What is checked
//
//	state   made for one flow and one provider, spent when it comes back, and only by the browser that was sent (RFC 6749 §10.12)
//	iss     that of the answer, where it has one or the provider said that it would (RFC 9207 §2.4)
//	PKCE    S256, where the provider knows it (RFC 7636)
//	token   signature, iss, aud, azp, exp, nonce and at_hash (OpenID Connect Core §3.1.3.7, §3.1.3.8)
//	aud     of a token that an app brings: this client's, or one of additional_id_token_audiences; made within ten minutes, for the
//	        nonce that comes with it
//	again   who has to prove it anew has done so since, where the provider says when (auth_time, OpenID Connect Core §2)
//	claims  64 KiB at most; userinfo counts only where its sub is the token's (OpenID Connect Core §5.3.2)
//
// An e-mail address counts as proven where the provider says email_verified, or the mapper names it in verified_addresses. An
// account is never linked because of an e-mail address alone: who has it signs in first.
package oidc
