package harden

import "slices"

func databaseChecks() []Check {
	modes := []string{"databases.postgres.sslmode", "databases.cockroach.sslmode", "databases.mysql.tls", "databases.dsn"}
	tls := func(unsafe ...string) func(*Facts) verdict {
		return func(f *Facts) (v verdict) {
			for _, d := range f.Databases {
				if !d.Near && slices.Contains(unsafe, d.TLS) {
					v.once(d.Path, "%s (%s) %s", d.Name, d.Kind, tlsWords[d.TLS])
				}
			}
			return v
		}
	}
	return []Check{
		{
			ID: "database-in-memory", Severity: Critical, Title: "A database is in memory",
			Why: "Clients, people, tokens and keys are lost when the process ends.", How: "Give databases.dsn, or one of the groups databases.postgres, databases.mysql and databases.cockroach, a server; `gatehouse data copy` moves what there is.",
			Settings: []string{"databases.dsn"}, Reference: "NIST SP 800-34 §3.4",
			find: func(f *Facts) (v verdict) {
				for _, d := range f.Databases {
					if d.Kind == "memory" {
						v.once(d.Path, "%s is in memory", d.Name)
					}
				}
				return v
			},
		},
		{
			ID: "database-embedded", Severity: Medium, Title: "A database is a file beside the server",
			Why: "One machine that fails takes the service with it: there can be no second replica.", How: "Put PostgreSQL, MariaDB or MySQL into databases.dsn or a group of databases; `gatehouse data copy` moves what there is. One server that may be down for a while can go without: accept it.",
			Settings: []string{"databases.dsn"}, Reference: "NIST SP 800-34 §3.4",
			find: func(f *Facts) (v verdict) {
				for _, d := range f.Databases {
					if f.SecretsElsewhere && d.Path == "data_dir" {
						return unknown("%s: the address of the databases is not in what was looked at", f.Subject)
					}
					if d.Kind == "sqlite" {
						v.once(d.Path, "%s is in a SQLite file", d.Name)
					}
				}
				return v
			},
		},
		{
			ID: "database-in-the-clear", Severity: Critical, Title: "Connections to a database may be in the clear",
			Why: "Anybody on the way reads and changes all data; modes that encrypt only where the server likes are turned off by whoever is on the way.", How: "Set sslmode=verify-full (databases.postgres.sslmode) or tls=true (databases.mysql.tls), which production does where nothing is written.",
			Settings: modes, Reference: "CWE-319, PostgreSQL documentation §34.19.1", find: tls("none", "maybe"),
		},
		{
			ID: "database-unchecked", Severity: High, Title: "Connections to a database do not check whom they speak to",
			Why: "Whoever gets onto the way can play the database.", How: "Set sslmode=verify-full with databases.postgres.sslrootcert, or tls=true with databases.mysql.tls_ca. Inside one private network that nobody else is in, accept it.",
			Settings: modes, Reference: "CWE-295", find: tls("unchecked"),
		},
		{
			ID: "database-host-unchecked", Severity: Low, Title: "Connections to a database check the authority and not the host",
			Why: "Every server with a certificate of the authority can play the database.", How: "Set sslmode=verify-full, unless the authority signs for these databases alone.",
			Settings: modes, Reference: "CWE-297", find: tls("authority"),
		},
		{
			ID: "database-one-user", Severity: Info, Title: "One database user can reach all four databases",
			Why: "The password of one is that of all: the activity log can be rewritten by who has it.", How: "Write databases.postgres.users or databases.mysql.users; `gatehouse provision` makes them.",
			Settings: []string{"databases.postgres.users.activity.user", "databases.mysql.users.activity.user", "databases.cockroach.users.activity.user"}, Reference: "CIS Controls 6.8",
			find: oneUser,
		},
		{
			ID: "database-administrator", Severity: Medium, Title: "The server's configuration holds the database administrator's password",
			Why: "The server does not use it; who reads the configuration makes and drops databases.", How: "Take databases.provisioning.password out, and give it to `gatehouse provision --password-file FILE`.",
			Settings: []string{"databases.provisioning.password"}, Reference: "CIS Controls 5.4",
			find: func(f *Facts) (v verdict) {
				if f.text("databases.provisioning.password") != "" {
					v.at("databases.provisioning.password", "is written")
				}
				return v
			},
		},
		{
			ID: "database-changes-itself", Severity: Info, Title: "The server changes its databases' schemas itself",
			Why: "Its database user needs the right to change tables while it serves.", How: "Set databases.auto_migrate: false and run `gatehouse migrate up` as a user who may.",
			Settings: []string{"databases.auto_migrate"}, Reference: "CIS Controls 6.8",
			find: func(f *Facts) (v verdict) {
				if f.truth("databases.auto_migrate") {
					v.at("databases.auto_migrate", "is true")
				}
				return v
			},
		},
	}
}

// tlsWords say what connections ask for.
var tlsWords = map[string]string{
	"none": "is reached in the clear", "maybe": "is reached in the clear where its server does not offer TLS",
	"unchecked": "is reached by TLS that checks nothing", "authority": "is reached by TLS that does not check the host's name",
}

// once adds a finding unless there is one at the path: four databases can have one address.
func (v *verdict) once(path, format string, a ...any) {
	if !slices.ContainsFunc(v.found, func(f Found) bool { return f.Path == path }) {
		v.at(path, format, a...)
	}
}

// oneUser finds an activity log whose user is the one of the data that it tells about.
func oneUser(f *Facts) (v verdict) {
	var log Database
	for _, d := range f.Databases {
		if d.Name == "activity" {
			log = d
		}
	}
	for _, d := range f.Databases {
		if d.Name == "management" && d.User != "" && d.User == log.User && d.Kind == log.Kind && d.Place == log.Place {
			v.at(log.Path, "the user %s signs in to management and activity", d.User)
		}
	}
	return v
}
