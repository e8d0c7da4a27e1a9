// Package limit keeps strangers from trying too often. It owns two things and the table limit_failure.
//
//	what         counts                       by                         kept                   answers
//	Allow        every request of a rule      address (IPv6: its /64)    in memory, bounded     429, Retry-After
//	Allow        every message                recipient                  in memory, bounded     the same
//	Locked       failures to prove a name     name, and name + address   in the database        429, Retry-After
//	Attempt      those, and tries under way   name, and name + address   in both                the same
//	Failed       adds a failure
//	Succeeded    forgets the failures
//
// Allow is the generic cell rate algorithm: a steady rate with a burst, one number per address, nothing to sweep. Each
// replica counts for itself, so n replicas let n times as much through; it is there to keep one address from drowning
// the others, while what protects an account is the lock-out, which all replicas share.
//
// The lock-out is exponential: some failures are free, then each locks for twice as long as the one before, up to a
// bound. It does not tell whether the name exists, because names that nobody has are locked like others. A name that is
// tried from one address is locked for that address only, so that nobody can lock somebody else out from afar; only many
// failures from many addresses lock the name everywhere. Rows hold a keyed digest, not the name.
//
// That last lock could be used against a person. So a browser that has proved a name before is known (Device) and counts for
// itself: whatever strangers do to the name, its owner signs in there, and whoever sits down at that browser has as many
// tries as from any one address. All known browsers of a name together are held to the bound that is for all addresses. Which
// browser is known is for the caller to say, and to keep from being forged.
//
// Attempts at the same time pass Locked before any of them has failed. So the caller asks once more when it knows the outcome
// (Overtaken), and does not tell it where others have used up the tries meanwhile.
//
// It does not own who the client is (package web, which knows the trusted proxies), nor the tries of one-time codes,
// which are counted in their flow.
package limit
