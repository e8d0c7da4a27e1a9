// Package dataset carries the content of whole databases from one to another, whatever their kinds.
//
// It owns reading all tables of a logical database in one state, the form that they have on their way, and making
// another database equal to what was read. It owns the table data_state, which says of databases that they are held still, or that
// they are being filled, and of servers that they hold writes; it owns no content: package migrations knows which tables there are.
//
//	databases ─▶ Snapshot ─▶ Write ─▶ bytes ─▶ Reader ─▶ Sync ─▶ databases
//	                 └───────────────────────────────────▲
//
// Rows come ordered by their table's key, or by columns that an index has in the order of writing and then the key, byte by byte, which
// is the same order in every kind of database. So two states are compared by walking along both, Sync can be ended anywhere and
// begun again, and equal content has an equal digest.
//
// # A copy
//
//	target marked    no server starts on it
//	first pass       while the source serves
//	source frozen    every server's Gate, which follows data_state by the change feed, refuses writes with 503, and says there that it does
//	further passes   until one changes nothing
//	comparison       of counts and digests, read from the target by itself
//	mark removed     the source stays frozen, unless it was a rehearsal
//
// Each step may be the last: the same call goes on. One that failed thaws the source.
//
// # Routes of the admin listener
//
//	GET    /admin/data          how much there is, and whether it is frozen
//	POST   /admin/data/freeze   refuse writes; answered when every server does
//	DELETE /admin/data/freeze   take writes again
//	GET    /admin/data/export   everything, in the form below
//	POST   /admin/data/secrets  the secrets that the server made for itself and that nothing else has, for a public key
//
// # The form
//
//	magic   "gatehouse dataset 1\n"
//	frame   one letter, the length as uvarint, the content:
//	  H     the head: JSON of Head
//	  T     a table begins: JSON of Table
//	  R     a chunk: rows, one after the other
//	  S     a chunk that an earlier stream holds: its Digest
//	  E     the table ends: JSON of Summary
//	  Z     all is there: JSON of the head's digest and the summaries of all tables
//
// A row is its values in the order of the columns. A text or blob is its length plus one as uvarint and its bytes; an
// integer, a time (microseconds since 1970) or a truth value is the byte 1 and a varint. The byte 0 is NULL.
//
// Where a chunk ends follows from the keys of the rows, so most chunks of two states are the same. A stream may name those that an
// earlier one holds instead of repeating them; to read it, give its Reader the earlier one's.
package dataset
