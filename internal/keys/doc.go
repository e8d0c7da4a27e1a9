// Package keys holds the keys that tokens are signed with: it makes, publishes, rotates and removes them, and signs and
// verifies with them.
//
// It owns the tables signing_set and signing_key of the oauth database, the sealing of private keys, compact JWS, and
// the routes below. It does not own what is in a token: claims come in marshalled and go out as they were signed.
//
//	public  GET    /.well-known/jwks.json           public keys of all published sets
//	admin   GET    /admin/keys/{set}                keys with private parts, newest first
//	admin   POST   /admin/keys/{set}                generate a key
//	admin   PUT    /admin/keys/{set}                replace the set by the given keys
//	admin   DELETE /admin/keys/{set}                remove all keys
//	admin   GET    /admin/keys/{set}/{kid}          one key
//	admin   PUT    /admin/keys/{set}/{kid}          store the given key, under the kid that it carries
//	admin   DELETE /admin/keys/{set}/{kid}          remove one key
//	admin   GET    /admin/keys                      every set with the states of its keys, no material (ours)
//	admin   POST   /admin/keys/{set}/rotate         let the next key sign now; ?emergency=true drops all others (ours)
//
// All but the last two are Ory Hydra's, with its bodies.
//
// # Life of a key
//
//	         made                 promoted              retired             keep_retired over
//	(none) ────────► scheduled ────────────► active ────────────► retired ────────────────────► gone
//	                 published               published            published
//	                                         signs                private part destroyed
//
// A set that Gatehouse rotates (the two well-known ones and those in the configuration) always has one active and, as
// soon as there was time to make it, one scheduled key, so whoever keeps a copy of the public keys has the next one
// long before it signs. The next key takes over when the active one is rotate_every old and the next one has been
// published for publish_ahead; a key that an operator put into the set, or that has another algorithm because the
// configuration changed, takes over as soon as it has been published for publish_ahead. The very first key of a set
// is active at once, since nobody can have a copy without it. In all other sets every key is active and the newest
// signs, as in Hydra.
//
// Every change of a set happens in a transaction that holds the row of the set, and decides on what it finds there, so
// any number of servers may run the schedule and each step is done once. Other servers hear of it within a second
// of being able to read the change feed.
//
// # Emergency
//
// When a key got into the wrong hands, POST /admin/keys/{set}/rotate?emergency=true removes every key of the set and
// signs with a new one at once. Tokens signed before are refused by everyone who reads the public keys again; those who
// keep an older copy refuse new tokens, and accept old ones, until their copy is max-age old (half of publish_ahead, at
// most an hour), unless they ask again when they meet an unknown kid, as most libraries do.
package keys
