// Package authz has the authorizers that access rules can name: the kinds of Ory Oathkeeper, with its settings, and two of ours.
//
//	name                 lets pass
//	allow                everybody
//	deny                 nobody
//	remote               whom another service answers 200 for; it sees the request's body
//	remote_json          the same; it sees a document that a template makes
//	keto_engine_acp_ory  whom Ory Keto's access control policies allow
//	scopes               whose credential has the scopes that the request's method and path ask for
//	geoip                who comes from a network or country that may
//
// Geo keeps the databases that geoip looks addresses up in: read from files that an operator stages, or downloaded from a mirror
// or from MaxMind.
//
// Other services are asked within the bounds of fetch.Asker, since settings come from whoever may write rules. The package owns
// no table and no route.
package authz
