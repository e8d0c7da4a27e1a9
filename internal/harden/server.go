package harden

import (
	"time"
)

// Running is what only a running server knows.
type Running struct {
	// Version is the server's.
	Version string `json:"version"`
	// Replicas are the servers that were seen on the same databases within the last minute, this one among them.
	Replicas int `json:"replicas"`
	// Connections are those to databases over a network.
	Connections []Connection `json:"connections,omitempty"`
	// Sealing are the ids of the keys that still open stored values beside the one in use.
	Sealing []string `json:"sealing,omitempty"`
	// Waiting names the servers for which a new secret waits.
	Waiting string `json:"waiting,omitempty"`
	// Countries are the databases of countries that are in use.
	Countries []Countries `json:"countries,omitempty"`
	// Backups are what there is at each destination of backups.
	Backups []BackupsAt `json:"backups,omitempty"`
	// Drills is when backups were tried last.
	Drills Drills `json:"drills"`
	// AnyHost is the tenant of requests for hosts that are no tenant's; empty where they are answered 404.
	AnyHost string `json:"any_host,omitempty"`
	// EndlessKeys name the admin keys that are good for ever.
	EndlessKeys []string `json:"endless_keys,omitempty"`
	// Clients are what is wrong with registered clients; Inspected says how many were looked at, Uninspected why not all.
	Clients     []ClientFinding `json:"clients,omitempty"`
	Inspected   int             `json:"inspected"`
	Uninspected string          `json:"uninspected,omitempty"`
}

// Connection is a connection to a database.
type Connection struct {
	// Name is the logical database, Path the key that its address comes from.
	Name string `json:"name"`
	Path string `json:"path"`
	// Cipher is how it is encrypted; empty where it is not, or where Unknown says why nobody could tell.
	Cipher  string `json:"cipher,omitempty"`
	Unknown string `json:"unknown,omitempty"`
}

// Countries is a database of countries.
type Countries struct {
	// Edition names it; Built is when it was made, zero where there is none.
	Edition string    `json:"edition"`
	Built   time.Time `json:"built,omitzero"`
}

// How old things may be.
const countriesAge = 30 * 24 * time.Hour

func serverChecks() []Check {
	return []Check{
		{
			ID: "replica-single", Severity: Medium, Source: Server, Title: "There is no second replica",
			Why: "A machine that fails, or an upgrade, interrupts every login.", How: "Start another server with the same configuration and secrets on the same databases; no setting is needed.",
			Reference: "NSA/CISA Kubernetes Hardening Guide: availability, NIST SP 800-34 §3.4.2",
			find: func(f *Facts) (v verdict) {
				if n := f.Server.Replicas; n < 2 {
					v.at("replicas", "%d server was seen on these databases within the last minute", n)
				}
				return v
			},
		},
		{
			ID: "connection-in-the-clear", Severity: High, Source: Server, Title: "A connection to a database is not encrypted",
			Why: "Anybody on the way reads and changes all data, whatever the address asks for.", How: "Turn TLS on at the database server, and set sslmode=verify-full or tls=true in databases.dsn or the group of databases.",
			Settings: []string{"databases.dsn"}, Reference: "CWE-319", find: openConnections,
		},
		{
			ID: "seal-keys-several", Severity: Low, Source: Server, Title: "Secrets that were replaced still seal stored values",
			Why: "As long as they are not retired, a stolen one opens what it sealed.", How: "Finish it: `gatehouse keys seal reseal`, then `gatehouse keys seal retire ID`, and take it out of secrets.system.",
			Settings: []string{"secrets.system"}, Reference: "NIST SP 800-57 part 1 §5.3",
			find: func(f *Facts) (v verdict) {
				for _, id := range f.Server.Sealing {
					v.at("secrets.system", "the key %s is not retired", id)
				}
				return v
			},
		},
		{
			ID: "seal-key-waiting", Severity: Medium, Source: Server, Title: "A new secret is not in use, because some servers lack it",
			Why: "What is written goes on being sealed by the old one, which may be the one that leaked.", How: "Give all servers the same secrets.system and restart them one by one.",
			Settings: []string{"secrets.system"}, Reference: "NIST SP 800-57 part 1 §5.3",
			find: func(f *Facts) (v verdict) {
				if f.Server.Waiting != "" {
					v.at("secrets.system", "these servers cannot open what the first one makes: %s", f.Server.Waiting)
				}
				return v
			},
		},
		{
			ID: "admin-key-endless", Severity: Medium, Source: Server, Title: "An admin key never expires",
			Why: "One that was forgotten, or copied, opens the admin API for ever.", How: "Make another with an end by `gatehouse admin keys create`, and revoke this one by `gatehouse admin keys revoke ID`; no setting makes keys expire.",
			Reference: "CIS Controls 5.3, NIST SP 800-57 part 1 §5.3",
			find: func(f *Facts) (v verdict) {
				for _, key := range f.Server.EndlessKeys {
					v.at("admin key "+key, "has no end")
				}
				return v
			},
		},
		{
			ID: "geoip-stale", Severity: Medium, Source: Server, Title: "A database of countries is older than 30 days",
			Why: "Networks move between countries: rules that ask for one decide wrongly.", How: "Look into the log why access.geoip does not get a new one; with access.geoip.source: files put one there.",
			Settings: []string{"access.geoip.source"}, Reference: "NIST SP 800-207 §3.3",
			find: func(f *Facts) (v verdict) {
				for _, c := range f.Server.Countries {
					if !c.Built.IsZero() && f.Read.Sub(c.Built) > countriesAge {
						v.at("access.geoip", "%s was built at %s", c.Edition, c.Built.UTC().Format(time.DateOnly))
					}
				}
				return v
			},
		},
	}
}

func openConnections(f *Facts) (v verdict) {
	for _, c := range f.Server.Connections {
		switch {
		case c.Unknown != "":
			v.unchecked = c.Name + ": " + c.Unknown
		case c.Cipher == "":
			v.once(c.Path, "the connection to %s is in the clear", c.Name)
		}
	}
	return v
}
