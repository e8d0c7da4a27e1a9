// Package authorize is the authorization endpoint (RFC 6749 §3.1, OpenID Connect Core §3) and all that belongs to it:
// Ory's login and consent challenge protocol, login sessions, remembered consents, their revocation, and the built-in
// pages that stand in where no login app is configured.
//
// It owns the tables oauth_flow, oauth_login_session and oauth_consent. It does not own clients (package client), codes
// and tokens (package token), nor the people: who somebody is, the login app says. When Gatehouse signs people in itself, that is
// one more login app, which package app ties in; its sessions are asked for behind the interface Login, since a login that is
// remembered here counts only as long as the session does out of which it came.
//
// A request's way:
//
//	browser   GET /oauth2/auth?client_id=…                      check, decideLogin           step 1, begun
//	          303 to the login app with login_challenge
//	login app GET /admin/oauth2/auth/requests/login             what is asked for
//	          PUT /admin/oauth2/auth/requests/login/accept      who it is                    step 2, login
//	browser   GET /oauth2/auth?login_verifier=…                 signIn, decideConsent        step 3, signed in
//	          303 to the consent app with consent_challenge
//	consent   GET /admin/oauth2/auth/requests/consent           what is asked for
//	app       PUT /admin/oauth2/auth/requests/consent/accept    what is granted              step 4, consent
//	browser   GET /oauth2/auth?consent_verifier=…               grant                        the consent row, the code
//	          303 to the client with code, tokens, state, iss
//
// A flow is the list of its steps. Each step is one row that is inserted once and never changed, so its primary key
// decides races, any process may keep what it knows of a flow in memory, and many flows' steps go into the database as
// one statement. Challenges and verifiers are the flow's id under a MAC (challenge.go): short, not to be guessed, and
// refused without a query when made up. A cookie binds each flow to the browser that began it.
//
//	route                                                     listener
//	GET, POST /oauth2/auth                                    public
//	GET /oauth2/assets/form_post.js                           public
//	GET, POST /oauth2/fallbacks/login                         public; a form in development, else what to configure
//	GET, POST /oauth2/fallbacks/consent                       public; likewise
//	GET /oauth2/fallbacks/error                               public
//	GET /admin/oauth2/auth/requests/{login,consent}           admin
//	PUT /admin/oauth2/auth/requests/{login,consent}/accept    admin
//	PUT /admin/oauth2/auth/requests/{login,consent}/reject    admin
//	GET, DELETE /admin/oauth2/auth/sessions/consent           admin
//	DELETE /admin/oauth2/auth/sessions/login                  admin
package authorize
