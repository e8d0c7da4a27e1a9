// Package account is the pages on which people sign in, register, recover and look after their account, allow an application
// to know them, and sign out. Whoever builds pages of their own does without it: it knows no more than the documents of the
// flows, which are the same for every client.
//
// It owns the templates and texts of these pages, the words for scopes, and the claims that traits become. It does not own
// what is shown (package selfservice), who is signed in (package session), what an application asks for (the OAuth server,
// behind Consents and Logouts, which package app ties), or how pages look (package page).
//
// Pages work without JavaScript. Whatever a flow asks is shown by the type of its nodes: a method that comes later needs
// nothing here.
//
//	route                               what it is
//	GET /account                        who is signed in
//	GET /account/login                  a login flow; like the next four it begins one where ?flow= is missing
//	GET /account/registration
//	GET /account/recovery
//	GET /account/verification
//	GET /account/settings
//	GET /account/error                  what went wrong, ?id=
//	GET, POST /account/sessions         the devices that are signed in, and signing them out
//	GET, POST /account/consent          what an application asks for, ?consent_challenge=
//	GET, POST /account/logout           signing out, with ?logout_challenge= at the wish of an application
//	GET /account/assets/{file}          files of the operator's, served by package page
//	GET /account/{page}                 nothing: a page that says so
package account
