// Package envoy drives the door for Envoy as Envoy does: with the types that Envoy's maintainers generate from its API, and with
// Google's gRPC.
package envoy
