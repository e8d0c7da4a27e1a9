package dataset

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/wait"
)

// Whoever has writes held off must know that they are, on every server: one that was halted would go on with what it had begun when it
// wakes. So each server has a row of its own, in which it says for which freeze it holds them. One that says nothing is waited for until
// it cannot write any more: for it writes only while it hears.
const (
	// lease is for how long a server writes after it has read the state.
	lease = 10 * time.Second
	// turn is how often it reads it, and readLimit how long that may take.
	turn      = 3 * time.Second
	readLimit = 5 * time.Second
	// unheard is how long a silent server is waited for: its lease, a commit that began within it, and what is between two nodes of a cluster.
	unheard = lease + sqldb.CommitLimit + 5*time.Second
	// soon and later are the pauses between two looks at what servers say: at first, and after a second.
	soon, later = 50 * time.Millisecond, 500 * time.Millisecond
	// renewed is how old a server's row gets, and gone how old that of one which was killed.
	renewed = 10 * time.Minute
	gone    = time.Hour
)

// rowServer begins the name of a server's row. Its value is the stamp of the freeze that it holds writes for.
const rowServer = "server "

// ends begins the value where writes that had begun are not over.
const ends = "ends "

// said is what a server's row says, and since when.
type said struct {
	value string
	at    time.Time
}

// stamp names a freeze.
func (s State) stamp() string { return s.FrozenSince.UTC().Format(time.RFC3339Nano) }

// writing names the servers that do not say that they hold writes.
func (s State) writing() (names []string) {
	for name, said := range s.servers {
		if said.value != s.stamp() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// ending names those of them that have begun to.
func (s State) ending(names []string) (some []string) {
	for _, name := range names {
		if s.servers[name].value == ends+s.stamp() {
			some = append(some, name)
		}
	}
	return some
}

// join makes a server known, before it reads the state for the first time: so a freeze waits for it, or it sees the freeze. What killed
// servers have left long ago goes.
func (s states) join(ctx context.Context, server string) error {
	_, err := s.db.Exec(ctx, `DELETE FROM data_state WHERE name LIKE '`+rowServer+`%' AND changed_at < ?`, s.db.Now().Add(-gone))
	if err != nil {
		return err
	}
	return s.say(ctx, server, "")
}

// say writes a server's row.
func (s states) say(ctx context.Context, server, value string) error {
	columns := []string{"name", "value", "changed_at"}
	_, err := s.db.Exec(ctx, `INSERT INTO data_state (`+strings.Join(columns, ", ")+`) VALUES (?, ?, ?)`+s.db.Dialect().Upsert(columns[:1], columns[1:]...),
		rowServer+server, value, s.db.Now())
	return err
}

// forget removes servers' rows.
func (s states) forget(ctx context.Context, servers ...string) error {
	rows := make([]string, len(servers))
	for i, name := range servers {
		rows[i] = rowServer + name
	}
	_, err := s.db.Exec(ctx, `DELETE FROM data_state WHERE name IN (?)`, rows)
	return err
}

var errThawed = errors.New("writes are taken again meanwhile: somebody else ended the freeze")

// held returns what is true when no server writes any more. Pauses are counted and no time is taken: who waits may be halted, too.
func (s states) held(ctx context.Context) (State, error) {
	for waited := time.Duration(0); ; {
		state, err := s.named(ctx)
		silent := state.writing()
		switch {
		case err == nil && state.Frozen == "":
			return state, errThawed
		case err == nil && (len(silent) == 0 || s.alone()):
			return state, nil
		case waited >= s.unheard:
			return state, s.passOver(ctx, state, err)
		}
		pause := soon
		if waited >= time.Second {
			pause = later
		}
		if waited += pause; !wait.For(ctx, pause) {
			return state, ctx.Err()
		}
	}
}

// passOver forgets the servers that have been silent for so long that they cannot write any more, unless one says that it has not done yet,
// or what they say cannot be read.
func (s states) passOver(ctx context.Context, state State, fault error) error {
	if fault != nil {
		return fault
	}
	silent := state.writing()
	if busy := state.ending(silent); len(busy) > 0 {
		return fmt.Errorf("writes that had begun do not end on %s", strings.Join(busy, ", "))
	}
	return s.forget(ctx, silent...)
}
