package seal

import (
	"slices"
	"strings"
	"time"
)

const (
	// beat is how often a server says that it runs, and lapse after how long without a word it counts as gone. Clocks of
	// servers may differ by what is between them.
	beat  = 5 * time.Second
	lapse = 45 * time.Second
	// settled is how long ago every server must have changed to another key before one is retired: longer than a value can
	// be on its way into the database.
	settled = 20 * time.Second
)

// server is a server that runs.
type server struct {
	name  string
	makes string    // the id of the key that it makes new values with
	since time.Time // when it began to
	opens []string  // the ids of all that it can open, cookies' too
	seen  time.Time
}

// record says that a key has sealed values in a database.
type record struct {
	ordinal     int64
	id          string
	fingerprint string
	since       time.Time
	retired     time.Time // zero: it is in use
	estate      string    // sealed; what it left when it was retired
}

// others are the servers that count as running, but for the one with the name.
func others(all []server, name string, now time.Time) []server {
	return slices.DeleteFunc(slices.Clone(all), func(s server) bool { return s.name == name || now.Sub(s.seen) > lapse })
}

// around names the servers that were seen at about a time.
func around(all []server, at time.Time) (names []string) {
	for _, s := range all {
		if at.Sub(s.seen).Abs() <= lapse {
			names = append(names, s.name)
		}
	}
	return names
}

// stirring names the servers that said that they run between two readings, by whatever clock.
func stirring(before, after []server) (names []string) {
	for _, s := range after {
		if !slices.ContainsFunc(before, func(b server) bool { return b.name == s.name && b.seen.Equal(s.seen) }) {
			names = append(names, s.name)
		}
	}
	return names
}

// choose gives the first of mine that every one of the others can open: what a server makes with. Where the others do not have
// the first one yet, because they are about to be replaced, it is their own that is used for as long as they run.
func choose(mine []string, others []server) (id string, ok bool) {
	for _, id := range mine {
		if !slices.ContainsFunc(others, func(s server) bool { return !slices.Contains(s.opens, id) }) {
			return id, true
		}
	}
	return "", false
}

// lacking names those of the others that cannot open what id makes.
func lacking(id string, others []server) string {
	var names []string
	for _, s := range others {
		if !slices.Contains(s.opens, id) {
			names = append(names, s.name)
		}
	}
	return strings.Join(names, ", ")
}

// using names those of the servers that make new values with id.
func using(id string, servers []server) string {
	var names []string
	for _, s := range servers {
		if s.makes == id {
			names = append(names, s.name)
		}
	}
	return strings.Join(names, ", ")
}

// unsettled tells whether any of the servers changed its key a moment ago.
func unsettled(servers []server, now time.Time) bool {
	return slices.ContainsFunc(servers, func(s server) bool { return now.Sub(s.since) < settled })
}

// missing gives the records of keys in use whose fingerprint nobody here knows.
func missing(records []record, knows func(fingerprint string) bool) (ids []string) {
	for _, r := range records {
		if r.retired.IsZero() && !knows(r.fingerprint) {
			ids = append(ids, r.id)
		}
	}
	return ids
}

// find gives the record of the key.
func find(records []record, id string) (record, bool) {
	i := slices.IndexFunc(records, func(r record) bool { return r.id == id })
	if i < 0 {
		return record{}, false
	}
	return records[i], true
}
