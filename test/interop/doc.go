// Package interop drives a running server with clients that others wrote: Go's coreos/go-oidc with x/oauth2, Ory's Go
// SDKs for Hydra and Kratos, and the openid-client package for Node.js. Each does what its users do, over HTTP. What the
// operations of Kratos' API answer is held against its description besides. nginx and Caddy stand before an application and ask the
// decision door.
package interop
