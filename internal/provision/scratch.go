package provision

import (
	"crypto/rand"
	"fmt"
	"regexp"
	"strings"
	"time"
)

const (
	scratchPrefix = "gatehouse_drill_"
	scratchTime   = "20060102t1504"
	// unmarked is how old a database of such a name is, by the time in it, when one without a mark counts as left behind: between
	// making the database and its mark there is a moment.
	unmarked = time.Hour
	// scratchLease is how long a mark holds that is not renewed, in the words of both kinds of servers: `interval '2 minutes'` and
	// `INTERVAL 2 MINUTE`. It is renewed four times as often.
	scratchLease = 2 * time.Minute
)

var scratchForm = regexp.MustCompile(`^` + scratchPrefix + `(\d{8}t\d{4})_[a-z2-7]{10}$`)

// scratchName gives a name that nobody else takes.
func scratchName(now time.Time) string {
	return scratchPrefix + now.UTC().Format(scratchTime) + "_" + strings.ToLower(rand.Text()[:10])
}

// scratchMade is when a database of that name was made, by the clock of who made it; ok is false for names that are not a scratch
// database's.
func scratchMade(name string) (at time.Time, ok bool) {
	m := scratchForm.FindStringSubmatch(name)
	if m == nil {
		return time.Time{}, false
	}
	at, err := time.Parse(scratchTime, m[1])
	return at, err == nil
}

// scratchSQL is how scratch databases are handled on a kind of server.
type scratchSQL struct {
	names         string                     // gives the names of the databases that can be the login's
	make          func(name string) []string // makes one that is nobody else's
	mark          []string                   // makes the mark, in the database
	marked        string                     // tells what the mark is: a table, or what somebody else has put there
	renew, lapsed string                     // renews the mark; tells whether it has lapsed, as true or false
	quote         func(name string) string   // quotes a name
	permit        func(user string) string   // gives the right that is needed
}

func scratchOn(scheme string) scratchSQL {
	if scheme == "mysql" {
		const until = "UTC_TIMESTAMP() + INTERVAL 2 MINUTE"
		return scratchSQL{
			names: "SELECT schema_name FROM information_schema.schemata",
			make: func(name string) []string {
				return []string{"CREATE DATABASE " + myName(name) + " CHARACTER SET " + charset + " COLLATE " + collation}
			},
			mark:   []string{"CREATE TABLE gatehouse_drill (held_until DATETIME NOT NULL PRIMARY KEY)", "INSERT INTO gatehouse_drill (held_until) VALUES (" + until + ")"},
			marked: "SELECT table_type FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'gatehouse_drill'",
			renew:  "UPDATE gatehouse_drill SET held_until = " + until,
			lapsed: "SELECT CASE WHEN MAX(held_until) < UTC_TIMESTAMP() THEN 'true' ELSE 'false' END FROM gatehouse_drill",
			quote:  myName,
			permit: func(user string) string {
				return "GRANT ALL ON `" + strings.ReplaceAll(scratchPrefix, "_", `\_`) + "%`.* TO " + account(user, "")
			},
		}
	}
	const until = "now() + interval '2 minutes'"
	return scratchSQL{
		names: "SELECT datname FROM pg_database WHERE pg_get_userbyid(datdba) = current_user",
		make: func(name string) []string {
			create := "CREATE DATABASE " + pgName(name)
			if scheme == "postgres" {
				create += " ENCODING 'UTF8' TEMPLATE template0"
			}
			return []string{create, "REVOKE ALL ON DATABASE " + pgName(name) + " FROM PUBLIC"}
		},
		mark:   []string{"CREATE TABLE public.gatehouse_drill (held_until timestamptz PRIMARY KEY)", "INSERT INTO public.gatehouse_drill (held_until) VALUES (" + until + ")"},
		marked: "SELECT table_type FROM information_schema.tables WHERE table_schema = 'public' AND table_name = 'gatehouse_drill'",
		renew:  "UPDATE public.gatehouse_drill SET held_until = " + until,
		lapsed: "SELECT (MAX(held_until) < now())::text FROM public.gatehouse_drill",
		quote:  pgName,
		permit: func(user string) string { return "ALTER ROLE " + pgName(user) + " CREATEDB" },
	}
}

// refusedScratch says what to do where databases cannot be made.
func (s scratchSQL) refused(user string, err error) error {
	return fmt.Errorf("%s may not make the scratch database: let an administrator of the server run `%s;`, or name another login (%w)", user, s.permit(user), err)
}
