// Package sprig gives templates the functions that people know by the names of the library Masterminds/sprig, of which Ory's
// servers let templates use: the same names, the same order of arguments. It owns what they do and not where they are used.
// None reads files, the environment, the network or the clock, and none gives random values.
package sprig
