// Package apiclient is how the programs of this repository ask a Gatehouse server: by its public and its admin API, as every other
// client does.
//
// A server that is asked may be the wrong one, or somebody else's by now. So no redirect is followed, since keys and secrets are for
// the server that was named; of an answer no more is read than a bound; and no error repeats a query or a key.
package apiclient
