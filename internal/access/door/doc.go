// Package door lets requests in by HTTP: the reverse proxy, and the decision API for proxies that ask before they pass a request on.
//
// It owns how a request is read, how what was decided is answered, and how a request that passes reaches its application. What is
// decided is package engine's. Door is what all ways in share; package extauthz is another one, by gRPC.
//
//	Proxy       the request passes through us: streams, WebSockets, HTTP/2; what the client sends and takes is bounded step by step
//	Decisions   /decisions and /auth_request: 200 with the fields for the application, or the rule's answer
package door
