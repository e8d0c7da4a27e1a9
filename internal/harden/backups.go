package harden

import (
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// backupAge is how old the newest backup may be: a day, and the time that making one takes.
const backupAge = 26 * time.Hour

// drillAge is how old the last good drill may be: a month, and some days to find the time.
const drillAge = 35 * 24 * time.Hour

func backupChecks() []Check {
	return []Check{
		{
			ID: "backup-missing", Severity: High, Title: "No backups are configured",
			Why: "A database that is lost, or a wrong command, takes every client and person with it.", How: "Name directories in backup.destinations and public keys in backup.recipients, and run `gatehouse backup create` by a schedule. Where the database is backed up by its own means, with secrets.system kept elsewhere, accept this.",
			Settings: []string{"backup.destinations[].name"}, Reference: "CIS Controls 11.2, NIST SP 800-34 §3.4.1",
			find: func(f *Facts) (v verdict) {
				if len(f.like("backup.destinations[].name")) == 0 {
					v.at("backup.destinations", "names no place")
				}
				return v
			},
		},
		{
			ID: "backup-one-place", Severity: Medium, Title: "Backups are kept in one place",
			Why: "What destroys that place, or locks it, leaves none.", How: "Add a second one to backup.destinations that does not fail together with the first.",
			Settings: []string{"backup.destinations[].name"}, Reference: "CIS Controls 11.4",
			find: func(f *Facts) (v verdict) {
				if places := f.like("backup.destinations[].name"); len(places) == 1 {
					v.at("backup.destinations", "names only %s", places[0].Values[0])
				}
				return v
			},
		},
		{
			ID: "backup-beside-data", Severity: High, Title: "Backups are kept beside the data",
			Why: "The disk that fails takes both.", How: "Name a directory on another machine's disk in backup.destinations[].directory.",
			Settings: []string{"backup.destinations[].directory", "data_dir", "databases.dsn"}, Reference: "CIS Controls 11.4",
			find: besideData,
		},
		{
			ID: "backup-plain-http", Severity: Medium, Title: "Backups go to an object store in the clear",
			Why: "Backups are encrypted, but whoever listens learns their sizes and times, and whoever sits in between can drop or hold back what is sent.", How: "Take http:// out of backup.destinations[].s3.endpoint, and give the store a certificate.",
			Settings: []string{"backup.destinations[].s3.endpoint"}, Reference: "NIST SP 800-52 §1.1",
			find: func(f *Facts) (v verdict) {
				for _, s := range f.like("backup.destinations[].s3.endpoint") {
					if strings.HasPrefix(s.Values[0], "http://") {
						v.at(s.Key, "begins with http://")
					}
				}
				return v
			},
		},
		{
			ID: "backup-old", Severity: High, Source: Server, Title: "The newest good backup is older than a day",
			Why: "All that was written since is lost with the database.", How: "Look why the schedule of `gatehouse backup create` does not succeed; `gatehouse backup list` says what is where in backup.destinations.",
			Settings: []string{"backup.destinations[].name"}, Reference: "CIS Controls 11.2",
			find: backupsOf,
		},
		{
			ID: "backup-drill", Severity: Medium, Source: Server, Title: "No backup was restored for trial in the last five weeks",
			Why:      "A backup that was never restored may turn out to be none on the day that it is needed: a private key is lost, a secret was not kept, or nobody knows how long it takes.",
			How:      "Run `gatehouse backup drill` each month, where the key is that opens what is encrypted for backup.recipients.",
			Settings: []string{"backup.destinations[].name"}, Reference: "CIS Controls 11.5, NIST SP 800-34 §3.5",
			find: drillsOf,
		},
	}
}

// besideData finds destinations in data_dir, or where SQLite files are.
func besideData(f *Facts) (v verdict) {
	data := []string{f.text("data_dir")}
	for _, d := range f.Databases {
		if d.Kind == "sqlite" {
			data = append(data, d.Place)
		}
	}
	for _, s := range f.like("backup.destinations[].directory") {
		for _, dir := range data {
			if rest, err := filepath.Rel(dir, s.Values[0]); err == nil && filepath.IsLocal(rest) {
				v.at(s.Key, "is in %s, where data is", dir)
				break
			}
		}
	}
	return v
}

func backupsOf(f *Facts) (v verdict) {
	for _, b := range f.Server.Backups {
		switch {
		case b.Unread != "":
			v.unchecked = "destination " + b.Destination + ": " + b.Unread
		case b.Newest.IsZero():
			v.at("destination "+b.Destination, "has no backup that can be restored")
		case f.Read.Sub(b.Newest) > backupAge:
			v.at("destination "+b.Destination, "has its newest of %s", b.Newest.UTC().Format(time.RFC3339))
		}
	}
	return v
}

func drillsOf(f *Facts) (v verdict) {
	d := f.Server.Drills
	switch {
	case len(f.Server.Backups) == 0: // another check says so
	case d.Unread != "":
		return unknown("%s", d.Unread)
	case d.Failed.After(d.Succeeded):
		v.at("drill", "failed at %s in the step %q", d.Failed.UTC().Format(time.RFC3339), d.Fault)
	case d.Succeeded.IsZero():
		v.at("drill", "was never done")
	case f.Read.Sub(d.Succeeded) > drillAge:
		v.at("drill", "was done last at %s", d.Succeeded.UTC().Format(time.RFC3339))
	}
	return v
}

// Drills says when backups were tried last.
type Drills struct {
	// Succeeded and Failed are when a drill ended so last; zero: never.
	Succeeded time.Time `json:"succeeded,omitzero"`
	Failed    time.Time `json:"failed,omitzero"`
	// Fault is the step that failed.
	Fault string `json:"fault,omitempty"`
	// Unread says why nobody could look.
	Unread string `json:"unread,omitempty"`
}

// BackupsAt is what there is at one destination of backups.
type BackupsAt struct {
	// Destination is its name; Newest is when the newest backup that can be restored was begun, zero where there is none.
	Destination string    `json:"destination"`
	Newest      time.Time `json:"newest,omitzero"`
	// Unread says why nobody could look.
	Unread string `json:"unread,omitempty"`
}

// Note takes a backup that can be restored from some destinations into account.
func (r *Running) Note(destinations []string, at time.Time) {
	for i := range r.Backups {
		if b := &r.Backups[i]; slices.Contains(destinations, b.Destination) && at.After(b.Newest) {
			b.Newest = at
		}
	}
}
