// Package web is how HTTP enters and leaves Gatehouse.
//
// It owns the mux with its two handler shapes, the way errors and JSON are written, and everything that is the
// same for each request: request id, client address, tenant, CORS, security headers, size caps, panic recovery,
// metrics and the access log per route; the listeners with TLS and graceful stop; sealed cookies; the base URL;
// health. It does not own any route but health and version, and it knows nothing about OAuth beyond the shape of
// its errors.
//
// A request's way through Mux.ServeHTTP:
//
//	request id, peer, tenant      one struct in the context: RequestID, ClientIP, tenant.From
//	headers                       nosniff, no-referrer, no-store, HSTS under an https base URL
//	CORS                          a preflight is answered here
//	path                          base URL's prefix off; on the admin listener the missing "/admin" on
//	route                         404 and 405 in the listener's own error shape
//	https, host, origin, cap      refused before the handler runs
//	handler                       HandlerFunc, or Call for JSON
//	answer                        an error is written once by the route's ErrorWriter
//	end                           panic to 500, metrics, access log, span
//
// Routes that Health mounts:
//
//	GET /health/alive   200 {"status":"ok"} while the process lives
//	GET /health/ready   200 {"status":"ok"}, or 503 {"errors":{"database":"…"}}; on the admin listener with
//	                    "warnings":{"access rules":["…"]} where there are any
//	GET /version        200 {"version":"…"} (admin listener)
package web
