// Package profile lets people change their own traits.
//
// It owns which traits a submission of the settings changes and which changes need a fresh proof of who it is. It does not
// own what traits there are (the schema of package identity), nor the fields of a registration in one step or two, which
// belong to the core (package selfservice). It has no table and no route.
//
//	flow       sends             ends in
//	settings   method, traits    the identity with other traits, or what is wrong with them
//
// A trait that people sign in with, or that verifies or recovers the account, can be changed only soon after signing in:
// whoever finds an unlocked computer must not be able to take the account over. Traits that the schema takes out of forms
// (disableFormField) stay as they are, whatever is sent.
package profile
