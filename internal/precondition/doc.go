// Package precondition reads what a change demands of what is there (RFC 9110 §13.1), for every API whose answers have entity tags.
//
// It owns no tag: what one says is known where the thing is.
package precondition
