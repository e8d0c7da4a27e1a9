// Package spell deals with what people write: it finds the name that somebody most likely meant, and makes a text fit. It owns no
// list of names.
package spell
