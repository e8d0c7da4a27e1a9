// Package operation holds the tests of what an operator relies on: starting, migrating, stopping, profiles, path
// prefixes, and the command line against a running server.
package operation
