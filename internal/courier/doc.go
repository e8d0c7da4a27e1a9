// Package courier brings messages to people: mails and text messages.
//
// It owns the queue (table courier_message), the templates and their languages, the channels over which messages leave,
// and Ory's admin API of messages. It does not own what is told when: features queue messages, in their own transactions.
package courier
