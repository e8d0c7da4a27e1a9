// Package trial tries an installation out from outside, as its applications and people use it: it has a client get a token, and logs a
// person in. Both are made for that by the admin API, and removed afterwards, whatever happens in between.
//
// It is what `helm test` runs, and parts of it are what a drill of a backup tries (package drill). It owns nothing that lasts, and speaks
// to the server by its APIs alone.
package trial
