// Package selfservice owns the flows in which people sign in, register, change their settings, recover an account and verify
// addresses: what all of them share, what each of them is, and the contract of the methods that fill them in.
//
// It owns the table selfservice_flow. It does not own how somebody proves who they are (method/*), the pages (account, or an
// application of the operator's), identities, sessions or messages (services of their own); all that one submission changes
// in them goes into one transaction, which Store begins.
//
//	route (public)                                     what it does
//	GET    /self-service/{flow}/browser                begin in a browser: 303 to the flow's page; scripts get the flow
//	GET    /self-service/{flow}/api                    begin in a native app
//	GET    /self-service/{flow}/flows?id=              the flow, for its page
//	POST   /self-service/{flow}?flow=                  submit: form or JSON
//	GET    /self-service/{flow}?flow=                  links in mails (recovery, verification); else the page
//	GET    /self-service/methods/{method}/callback/{provider}  back from another server, where the person signed in
//	GET    /self-service/logout/browser                the address at which this browser logs out
//	GET    /self-service/logout?token=                 log out
//	DELETE /self-service/logout/api                    log out a native app
//	GET    /self-service/errors?id=                    what went wrong, for the error page
//	GET    /.well-known/change-password                for password managers
//
//	route (admin)                                      what it does
//	POST   /admin/recovery/code                        a code, and the page for it, for who cannot be sent one
//	POST   /admin/recovery/link                        the same as one link
//
// {flow} is login, registration, settings, recovery or verification. Paths, documents and error ids are Ory Kratos'.
//
// # A submission
//
//	find the flow ─► CSRF ─► rate ─► spent? expired? ─► method ─► hooks ─► one transaction ─► answer
//	                           │           │               │
//	                          429    410, a new flow   400 and the flow, with what is wrong
//
// Browsers' forms are answered 303, scripts and apps by documents: 200 done, 400 show the flow again, 403 sign in again or with
// more, 410 go on with another flow, 422 send the browser elsewhere.
//
// # One at a time
//
// A flow's row has a version, and every submission ends in an update that names it: of two at the same time one wins, and the
// other changes nothing and is shown what is. The end of a login or registration spends the flow in the transaction that makes
// session and identity. So codes that wait in the flow are spent once, and their wrong tries are all counted.
//
// # CSRF
//
// A browser has one token, in a cookie that scripts cannot read. A flow is bound to it when it begins: only that browser sees
// the flow and can submit it, and a submission repeats the token, under a mask, as csrf_token or in X-CSRF-Token. Native apps'
// flows are bound to nothing but their id, so browsers are kept out of them: no Cookie, no Origin.
package selfservice
