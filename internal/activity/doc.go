// Package activity is the log of what was done and by whom: every administrative change and every security event.
//
// It owns the words (Event, Action), the outbox tables in the management and oauth databases, the tables of the activity
// database, and what is done with them: moving, checking, reading, exporting, deleting what is old. It does not own the
// changes: whoever makes one calls Write in the same transaction.
//
//	change + Write ─ one transaction ─▶ outbox ─ Relay ─▶ activity ─▶ API, CLI, exports
//
// An event waits in the outbox of the database of its change until the relay has put it into the log, so none is lost
// while the activity database is away or when a process dies; its id keeps it from being there twice. Any number of servers
// may relay.
//
// # The chain
//
// The lines of a tenant are numbered without a gap, and each has the HMAC of itself and of the line before it. The row in
// activity_head says where the log begins and ends, under a MAC of its own. The key of both is drawn for each tenant and
// sealed by the system secret, so whoever can write to the database can neither alter a line, nor take one out, nor cut the
// end off, without Verify finding it. What it cannot find is that everything was put back to an earlier state, log and head
// together: exported lines, or a number and hash that somebody has noted, show that (Verify's known).
//
// What is deleted as too old moves the beginning in the head, in the same transaction. How old a line is, its hash and its
// document say and no column does: nobody has the server itself delete young lines and sign that they were old.
//
//	GET  /admin/activity           newest first: actor, subject, action, from, to, page_size, page_token
//	GET  /admin/activity/verify    checks the chain: known
//
// # What is in an event
//
// Never a password, code, token, key or other secret. Of clients' and rules' changes what was before and after; of people's
// only the names of what changed.
package activity
