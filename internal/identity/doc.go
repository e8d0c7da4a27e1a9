// Package identity owns people: their traits and the schemas that these follow, the addresses at which they are reached,
// the credentials that they sign in with, and the admin API under which all that is kept.
//
// It owns the tables identity, identity_handle, identity_credential and identity_end. It does not own sessions (package session), nor
// how a credential is checked (the methods), nor flows (package selfservice).
//
//	route                                          what it does
//	GET    /admin/identities                       list, find, search
//	POST   /admin/identities                       create, with imported credentials
//	PATCH  /admin/identities                       create up to 1,000, each on its own merits
//	POST   /admin/identities/reindex               find again what a changed schema says; not Ory's
//	GET    /admin/identities/{id}                  read
//	GET    /admin/identities/by/external/{id}      read by the operator's own id
//	PUT    /admin/identities/{id}                  replace traits, state and metadata, add credentials
//	PATCH  /admin/identities/{id}                  change by JSON Patch (RFC 6902)
//	DELETE /admin/identities/{id}                  remove, with everything of it
//	DELETE /admin/identities/{id}/credentials/{t}  remove a credential
//	GET    /schemas, /schemas/{id}                 the schemas, on both listeners
//
// # Handles
//
// What finds an identity is a row of identity_handle: of a kind, with a value, of one identity.
//
//	kind                     value                              unique
//	password, code, …        an identifier of that credential   yes
//	verify:email, recover:…  an address                         yes
//	external_id              the operator's own id              yes
//	search                   the beginning of a word of a trait no
//
// A handle is there whether or not the credential is: who registers with a code takes the address for passwords too, so
// that nobody else can sign up under it. Values too long for an index are kept as their digest.
//
// # Changes
//
// Every change names the version of the identity that it was made from, and fails with ErrChanged where somebody else
// was faster. Changes are told to the topic "identity" of the change feed, with the identity's id as key.
//
// What other databases hold of an identity that is deleted or made inactive cannot be part of that transaction. So the
// transaction leaves a row of identity_end behind, whoever asked to be told by OnEnd is told after the commit, and told
// again by EndDue some seconds later, or as long as it fails: told at least once, whatever dies in between.
package identity
