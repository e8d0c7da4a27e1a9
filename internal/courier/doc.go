// Package courier brings messages to people: mails and text messages.
//
// It owns the queue (table courier_message), the templates and their languages, the channels over which messages leave,
// and Ory's admin API of messages. It does not own what is told when: features queue messages, in their own transactions,
// and know neither server nor words.
//
//	GET /admin/courier/messages        list, newest first: page_size, page_token, status, recipient
//	GET /admin/courier/messages/{id}   one, with its attempts
//	POST …/{id}/requeue                try an abandoned one again; not Ory's
//
// # A message's way
//
//	Queue, QueueIn ──▶ queued ──claim──▶ processing ──▶ sent
//	                     ▲                  │ failed: after a pause that grows
//	                     └──────────────────┤
//	                     ▲                  └─▶ abandoned: retries used up, refused for good, or expired
//	                     └─── an operator ──────┘
//
// Subject and text are written when the message is queued, the HTML when it is sent. What a message says is sealed in its
// row, emptied some time after it was sent, and never logged; nor is the address.
//
// # Any number of servers
//
// A server takes a message by one guarded statement, which names the number of the attempt that it found and raises it; of
// any number that try, one succeeds. It then has the message for the length of a lease, which is half a minute longer than
// an attempt may take; if it dies, another one takes the message over when the lease has ended, and what the first one
// writes later changes nothing. So a message is sent at least once and never by two servers at the same time, as long as
// their clocks differ by less than that half minute. It is sent twice only if a server dies, or loses the database, between
// sending and noting it; both mails then have the same Message-ID, both requests the same Idempotency-Key.
//
// # Templates
//
// Names are Kratos', and so is what a template sees: the members below by their names in Go (recovery_url is .RecoveryURL),
// and .To, .Identity, .TransientPayload, .RequestURL, .RequestURLDomain, .ExpiresInMinutes. Message.Data has them by their
// names in JSON, as bodies of HTTP requests see them.
//
//	recovery_code_valid         recovery_code, recovery_url may be
//	recovery_code_invalid
//	recovery_valid              recovery_url
//	recovery_invalid
//	verification_code_valid     verification_code, verification_url may be
//	verification_code_invalid
//	verification_valid          verification_url
//	verification_invalid
//	login_code_valid            login_code
//	login_code_invalid
//	registration_code_valid     registration_code, traits
//	registration_duplicate      recovery_url may be
//	verifiable_address_changed  changed_at
//	authenticator_key_added     added_at
//
// Beside Kratos', templates see .Lang, .Brand (Name, URL, Logo, Color), .Code (whichever code there is) and .Link. They may
// call Go's functions and upper, lower, title, trim, trunc, replace, contains, hasPrefix, hasSuffix, trimPrefix, trimSuffix,
// quote, default, coalesce, empty, ternary, dict, list, urlquery, json and toJson, which are sprig's.
//
// The override directory has Kratos' names, for all languages or below one:
//
//	recovery_code/valid/email.subject.gotmpl          de/recovery_code/valid/email.subject.gotmpl
//	recovery_code/valid/email.body.gotmpl             HTML; email.body.*.gotmpl beside it can be called as templates
//	recovery_code/valid/email.body.plaintext.gotmpl
//	recovery_code/valid/sms.body.gotmpl
//
// A template that does not work is reported in the log and replaced by the next best one: a broken file keeps nobody from
// signing in. The built-in templates repeat nothing that a person wrote about himself, because everybody could otherwise
// have this server send any words to any address.
package courier
