// Package interop drives a running server with clients that others wrote: Go's coreos/go-oidc with x/oauth2, Ory's Go
// SDK for Hydra, and the openid-client package for Node.js. Each does what its users do, over HTTP.
package interop
