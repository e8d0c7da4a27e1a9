// Package code proves addresses by one-time codes of six digits, sent by mail or text message: to get back into an account, to
// verify an address, and, where it is switched on, to sign in and to register without a password.
//
// It owns how codes are made, compared and counted. It does not own the flows (package selfservice), the words of messages
// (package courier), nor any table: a code lives in the row of its flow, as a keyed digest.
//
//	flow          what proves      sends                        after the right code
//	recovery      recover address  recovery_code_valid          signed in, with one factor
//	verification  verify address   verification_code_valid      the address is verified
//	login         code identifier  login_code_valid             signed in
//	registration  code identifier  registration_code_valid      registered, the address is verified
//
// # Guessing
//
// A code takes max_submissions tries. Each wrong one is counted by an update of the flow's row that is guarded by the row's
// version, and its outcome is told only when that update was made: of guesses sent at once one counts and the others learn
// nothing. Wrong tries are counted for the address too, over all flows, and lock it for a while. A code is spent by the same
// guarded update that does what it was for, so it works once.
//
// An address that nobody has gets a code as well, which is sent to nobody and which no number matches: flow, answer and
// counting are those of an address that somebody has.
package code
