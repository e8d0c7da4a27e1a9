// Package apiclient is how the programs of this repository ask a Gatehouse server: by its public and its admin API, as every other
// client does.
//
// A server that is asked may be the wrong one, or somebody else's by now. So no redirect is followed, since keys and secrets are for
// the server that was named; of an answer no more is read than a bound; and no error repeats a query or a key.
//
// What goes wrong is one of these, for errors.AsType and errors.Is:
//
//	*Unreached   no answer came, or not all of it: the network, a name, TLS, the end of the context, which Unwrap gives
//	*Refusal     the answer is an error, a redirect among them: Status, and what the server says of it where the answer is this API's
//	ErrForeign   the answer is good and not the JSON that was asked for: another program listens there
//
// An address that cannot be read and a body that cannot be encoded are mistakes of the caller, and errors without a type.
package apiclient
