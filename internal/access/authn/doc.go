// Package authn has the authenticators that access rules can name: the kinds of Ory Oathkeeper, with its settings.
//
//	name                       who asks, and how that is known
//	noop                       nobody in particular; nothing is looked at
//	anonymous                  whoever comes without Authorization and is called as the settings say
//	unauthorized               nobody: refuses
//	cookie_session             a person, by a session cookie
//	bearer_token               a person, by a session token
//	oauth2_introspection       the holder of an access token, by what its issuer says of it now
//	jwt                        the holder of a JWT, by its signature
//	oauth2_client_credentials  an OAuth client, by its id and secret
//
// Sessions, tokens and clients of this server are checked in this process: where the settings name no URL. Foreign ones are
// asked about over HTTP, within the bounds of fetch.Asker, since settings come from whoever may write rules.
//
// Access tokens that are bound to a key (cnf, RFC 7800) are good for nobody who does not prove to hold it: by a DPoP proof (RFC
// 9449) or a client certificate (RFC 8705), for own and foreign tokens alike.
//
// The package owns no table and no route. What belongs to people and clients comes in by the interfaces Sessions, Tokens,
// Clients and Keys.
package authn
