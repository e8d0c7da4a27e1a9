// Package pki signs certificates for tests: authorities, what they sign, and what signs itself. It needs the standard library alone, so every
// module of tests can have it.
package pki
