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
//	the feed cannot be read                    nothing is believed: every Get misses, every Fetch loads
//
// Values are shared between callers, so they are read-only.
package cache
