// Package mutate has the mutators that access rules can name: the kinds of Ory Oathkeeper, with its settings.
//
//	name      what the upstream is told
//	noop      nothing
//	header    header fields, by templates
//	cookie    cookies, by templates
//	id_token  who asks, as a JWT in Authorization that is signed by this server
//	hydrator  what another service adds to who asks
//
// Fields that a mutator sets replace the client's, also where the template gives nothing: nobody but the mutator may say them.
//
// The package owns no table and no route. Keys come in by the interface Keys; their public halves are served by package keys.
package mutate
