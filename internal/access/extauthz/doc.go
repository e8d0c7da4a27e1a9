// Package extauthz is the door for Envoy and the gateways built on it (Istio, Contour, Envoy Gateway): gRPC external
// authorization, version 3.
//
// It owns the translation between Envoy's words and those of package access, and decides nothing. Envoy names the method
// /envoy.service.auth.v3.Authorization/Check; it is served over HTTP/2, in the clear or by TLS.
//
//	decision    Envoy gets
//	let pass    OK, the fields for the upstream, the names of those to remove
//	turned away PERMISSION_DENIED or UNAUTHENTICATED, and the answer for the client
package extauthz
