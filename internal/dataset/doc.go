// Package dataset carries the content of whole databases from one to another, whatever their kinds.
//
// It owns reading all tables of a logical database in one state, the form that they have on their way, and making
// another database equal to what was read. It does not own any table: package migrations knows which there are.
//
//	databases ─▶ Snapshot ─▶ Write ─▶ bytes ─▶ Reader ─▶ Sync ─▶ databases
//	                 └───────────────────────────────────▲
//
// Rows come ordered by their table's key, byte by byte, which is the same order in every kind of database. So two states
// are compared by walking along both, Sync can be ended anywhere and begun again, and equal content has an equal digest.
//
// # The form
//
//	magic   "gatehouse dataset 1\n"
//	frame   one letter, the length as uvarint, the content:
//	  T     a table begins: JSON of Table
//	  R     rows, one after the other
//	  E     the table ends: JSON of Summary
//	  Z     all is there: JSON of the summaries of all tables
//
// A row is its values in the order of the columns. A text or blob is its length plus one as uvarint and its bytes; an
// integer, a time (microseconds since 1970) or a truth value is the byte 1 and a varint. The byte 0 is NULL.
package dataset
