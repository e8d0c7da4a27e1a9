// Package link proves addresses by links that are sent by mail or text message: to get back into an account and to verify an
// address.
//
// It owns how the tokens in links are made and compared. It does not own the flows (package selfservice), the words of
// messages (package courier), nor any table: a token lives in the row of its flow, as a digest.
//
//	flow          link                                         message
//	recovery      /self-service/recovery?flow=…&token=…      recovery_valid
//	verification  /self-service/verification?flow=…&token=…  verification_valid
//
// The token stands in the URL because Kratos' clients and templates expect it there. So it is short-lived, works once, and
// belongs to its flow: it is spent by the guarded update of the flow's row that does what it is for. Opened by another browser
// than the one that asked for it, a link first shows a button (see Confirm): programs that look into mails open links too, and
// press no buttons.
package link
