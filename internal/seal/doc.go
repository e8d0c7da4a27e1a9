// Package seal keeps the secrets that protect stored data in order: which of them seal, which only open, which may go.
//
// It owns the tables <database>_seal_key and seal_server, and the rules by which servers agree on a secret and by which one is
// retired. It owns neither the secrets (package secret) nor the tables whose values it counts and seals anew: each store says
// with a secret.Column where its own are, app gathers them, and a value is only ever replaced by itself under another key, by a
// statement that names the text it was.
//
// # A secret's life
//
//	configured    in secrets.system, at any place: it opens
//	  │           it stands first, and every server that runs can open it
//	making        new values are sealed with it, and a row of <database>_seal_key says so for ever
//	  │           another secret stands first
//	opening       what it sealed is sealed anew, in batches, while servers serve
//	  │           no server makes anything with it, and no value is left
//	retired       it can be taken out of secrets.system
//
// A server that lacks a secret which makes or opens does not start on the database, and one that runs while such a secret comes
// up is not ready: half of what it reads would fail.
//
// # What cannot be sealed anew
//
// Of tokens and of client secrets that we generated nothing is stored from which they could be made again: a secret authenticates
// them, and they end by their own expiry or by nobody's hand. So a retired secret leaves an estate, sealed under its successor:
// for exactly the purposes whose values live long, the root of that purpose's keys, from which what it authenticated is still
// recognized. Nothing new is made with it, nothing is opened with it, and the secret does not follow from it.
//
// # Routes of the admin listener
//
//	GET  /admin/seal-keys               the secrets by their ids, and the servers
//	GET  /admin/seal-keys/status        how many values each has sealed, by column
//	POST /admin/seal-keys/reseal        seal a batch anew; whoever calls goes on where it ended
//	POST /admin/seal-keys/{id}/retire   retire one that nothing depends on
package seal
