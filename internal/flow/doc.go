// Package flow records what was decided at the doors: who asked for what, which rule answered, and how.
//
// It owns the table flow_decision of the flow database and the API that reads it. It does not own what is decided, and it
// must never be in its way: whoever records hands an event over and goes on. Events wait in a queue of fixed length; when it
// is full, further ones are dropped and counted. Written they are many in one statement, and deleted when they are as old as
// retention says. What no rule matched belongs to nobody's tenant: it is recorded under the tenant default.
//
//	GET /admin/decisions   newest first: page_size, page_token, rule, verdict, subject
//
// An event has no query, no header and no body: those hold credentials.
package flow
