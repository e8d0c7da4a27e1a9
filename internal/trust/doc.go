// Package trust reads from files which authorities a TLS connection trusts, and the certificate that it shows.
//
// It owns how such files are read and what is said where they are wrong. Whose settings name them, and what else holds for a
// connection, is known to whoever makes it.
package trust
