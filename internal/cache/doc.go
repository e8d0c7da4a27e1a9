// Package cache remembers what was read from a database, in this process, for as long as it is true.
//
// It owns the bounds (number and age of entries), the single flight of loads, and the rule of coherence; it does
// not own what a change is: stores publish changes to a sqldb.Feed under a topic, and a cache that has the topic
// drops what they name.
//
//	the value is remembered and young          Get and Fetch return it, no statement runs
//	many ask for one that is not               one load runs, all get its answer
//	a change comes while a load runs           its answer goes to those who asked before, and is not kept;
//	                                           who asks from then on gets a new load
//	a load fails                               the error goes to all who wait, and is not kept
//	the feed could not be read for its limit   nothing is believed: every Get misses, every Fetch loads
//
// Values are shared between callers, so they are read-only.
//
// Behind it there may be a Remote, which several servers share: Redis or a Redis Cluster. Shared is one kind of value there.
//
//	a value is there, and the feed knows of no change    it is used, no statement runs
//	since its reader's position
//	anything else                                        the database is asked; the answer is stored there soon after
//	it does not answer a few times                       it is not asked, until it answers somebody who has time
//
// What lies there is sealed with its name as additional data, and its name is a keyed digest. docs/adr/0010-a-cache-that-cannot-lie.md says why it cannot
// bring back what was revoked.
package cache
