// Package actor names who acts, with which role, and where a request came from, in a context.
//
// It owns these words alone. Who somebody is, is found out elsewhere: package web sets the origin of each request, the parts
// that check a session, a client's credentials or an administrator's set the actor, and package activity writes both down.
//
//	kind         id                              who
//	anonymous    none                            nobody has said who they are
//	identity     the identity's id               a signed-in person
//	client       the client_id                   an OAuth client with its credentials
//	token        the subject, or the client_id   an access token with an admin scope
//	admin_key    the key's id                    an admin key
//	certificate  the certificate's subject       a client certificate at the admin listener
//	operator     the account of the machine      somebody at the command line
//	system       the part of the server          the server itself: a schedule, a sweep, a start
package actor
