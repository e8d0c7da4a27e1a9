// Package tenancy makes, changes, suspends and deletes tenants.
//
// It owns the tables tenant and tenant_revision, the admin API of tenants, and what keeps the server's directory (package tenant)
// true to them: every replica that reaches the database hears of a change within a second, the one that made it before it answers. It does not own what
// tenants have: rows of theirs are deleted by what package migrations knows of all tables.
//
//	GET    /admin/tenants                  those that are there: page_size, page_token, state
//	POST   /admin/tenants                  make one; reuse: its id may be that of one that was deleted
//	GET    /admin/tenants/{id}             one of them
//	PATCH  /admin/tenants/{id}             change it, by a merge patch (RFC 7396); If-Match
//	POST   /admin/tenants/{id}/suspend     serve nothing of it
//	POST   /admin/tenants/{id}/resume      serve it again
//	DELETE /admin/tenants/{id}             delete it with everything of its; confirm: its id once more; activity: keep or delete
//
// # States
//
//	active ⇄ suspended ─▶ deleting ─▶ deleted
//	   └───────────────────▲
//
// A suspended tenant is answered 503 on the public listener and by the doors; its tokens and sessions count for nothing
// meanwhile, its mail waits, and nothing is lost. Of one that is being deleted nothing is served anywhere. Its rows go in batches,
// by one server at a time; where that one dies another goes on. A deleted tenant leaves its id, so that nobody gets by mistake what
// was meant for it, and, unless it was asked otherwise, its activity log for as long as that is kept.
package tenancy
