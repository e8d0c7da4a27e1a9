// Package logout ends login sessions at the wish of a person or of a client (OpenID Connect RP-Initiated Logout 1.0), by
// Ory's logout challenge protocol: the browser is sent to the logout app with a challenge, which asks the person and
// accepts or rejects over the admin API, and sends it back with a verifier. Where no logout app is configured a built-in
// page asks.
//
// It owns the table oauth_logout. The sessions themselves are package authorize's, and end together with those of the login that
// is built in, where one is; tokens stay valid. Telling clients that a session ended (front- and back-channel logout) is not
// here yet: discovery says so, and Logouts.end is where it will hang.
//
//	route                                              what it does
//	GET, POST /oauth2/sessions/logout                  begin, or with logout_verifier complete
//	GET, POST /oauth2/fallbacks/logout                 the built-in page that asks
//	GET /oauth2/fallbacks/logout/callback              the built-in page at the end
//	GET /admin/oauth2/auth/requests/logout             what it is about
//	PUT /admin/oauth2/auth/requests/logout/accept      the person agrees
//	PUT /admin/oauth2/auth/requests/logout/reject      the person does not
//
//	state      by                            next
//	asked      the browser begins            accepted, rejected
//	accepted   the logout app, or at once    done
//	           if the client skips asking
//	rejected   the logout app                -
//	done       the browser's verifier        -
package logout
