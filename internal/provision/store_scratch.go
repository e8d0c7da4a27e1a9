package provision

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/wait"
)

// Scratch is a database on a server that was made to be thrown away. A mark in it says that somebody works on it, and lapses when he
// is gone.
type Scratch struct {
	// Address is where it is.
	Address sqldb.Address

	login sqldb.Address // of who made it
	stop  func()
}

// MakeScratch makes a scratch database on the server of a login, which signs in to whatever database it names, and has the right to
// make databases. First it removes those that dead processes left there, and names them.
func MakeScratch(ctx context.Context, login sqldb.Address, now time.Time) (s *Scratch, removed []string, err error) {
	admin, err := sqldb.OpenAdmin(ctx, login)
	if err != nil {
		return nil, nil, fmt.Errorf("the scratch server: %w", err)
	}
	defer func() { err = errors.Join(err, admin.Close()) }()
	sql := scratchOn(login.Scheme)
	if removed, err = removeDead(ctx, admin, login, now); err != nil {
		return nil, removed, fmt.Errorf("the scratch server: %w", err)
	}
	s = &Scratch{Address: inDatabase(login, scratchName(now)), login: login}
	for i, text := range sql.make(s.Address.Database) {
		if err = admin.Exec(ctx, text); err != nil && i > 0 {
			err = errors.Join(err, s.Drop(ctx))
		}
		if errors.Is(err, sqldb.ErrDenied) {
			return nil, removed, sql.refused(login.User, err)
		}
		if err != nil {
			return nil, removed, fmt.Errorf("the scratch server: %w", err)
		}
	}
	if err := s.hold(ctx, sql); err != nil {
		return nil, removed, errors.Join(fmt.Errorf("the scratch database: %w", err), s.Drop(ctx))
	}
	return s, removed, nil
}

// inDatabase is the address of another database for the same login.
func inDatabase(login sqldb.Address, name string) sqldb.Address {
	a := login
	a.Database, a.Params = name, url.Values{}
	for key, values := range login.Params {
		if key != "dbname" && key != "search_path" {
			a.Params[key] = values
		}
	}
	return a
}

// hold marks the database, and renews the mark until Drop.
func (s *Scratch) hold(ctx context.Context, sql scratchSQL) error {
	conn, err := sqldb.OpenAdmin(ctx, s.Address)
	if err != nil {
		return err
	}
	for _, text := range sql.mark {
		if err := conn.Exec(ctx, text); err != nil {
			return errors.Join(err, conn.Close())
		}
	}
	ctx, end := context.WithCancel(context.WithoutCancel(ctx)) // whoever is told to stop cleans up, and takes his time
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for wait.For(ctx, scratchLease/4) {
			_ = conn.Exec(ctx, sql.renew) // a server that is gone fails the work itself
		}
	}()
	s.stop = func() {
		end()
		<-ended
		_ = conn.Close() // it goes with the database
	}
	return nil
}

// dropLimit is how long a database that still has connections is waited for.
const dropLimit = 30 * time.Second

// Drop removes the database, also when ctx has ended. Its connections are closed before.
func (s *Scratch) Drop(ctx context.Context) error {
	if s.stop != nil {
		s.stop()
		s.stop = nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dropLimit)
	defer cancel()
	for {
		err := s.drop(ctx)
		if err == nil || errors.Is(err, sqldb.ErrNoDatabase) {
			return nil
		}
		if !wait.For(ctx, 200*time.Millisecond) { // a server may take its time to notice that a connection is closed
			return fmt.Errorf("the scratch database %s is still there; the next drill removes it: %w", s.Address.Database, err)
		}
	}
}

func (s *Scratch) drop(ctx context.Context) error {
	admin, err := sqldb.OpenAdmin(ctx, s.login)
	if err != nil {
		return err
	}
	return errors.Join(admin.Exec(ctx, "DROP DATABASE IF EXISTS "+scratchOn(s.login.Scheme).quote(s.Address.Database)), admin.Close())
}

// removeDead removes the scratch databases whose mark has lapsed. One that cannot be looked at, or not be removed, is left: it may be
// somebody else's.
func removeDead(ctx context.Context, admin *sqldb.Admin, login sqldb.Address, now time.Time) (removed []string, err error) {
	sql := scratchOn(login.Scheme)
	rows, err := admin.Query(ctx, sql.names)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		made, ok := scratchMade(row[0])
		if !ok || !dead(ctx, inDatabase(login, row[0]), sql, now.Sub(made)) {
			continue
		}
		if admin.Exec(ctx, "DROP DATABASE "+sql.quote(row[0])) == nil {
			removed = append(removed, row[0])
		}
	}
	return removed, ctx.Err()
}

// dead tells whether nobody works on a scratch database any more. What cannot be looked at may be alive, and so may what has anything
// but a table for its mark: a view would be looked at with the rights of the login, and run what whoever made it wants.
func dead(ctx context.Context, at sqldb.Address, sql scratchSQL, age time.Duration) bool {
	conn, err := sqldb.OpenAdmin(ctx, at)
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	mark, err := conn.Query(ctx, sql.marked)
	if err != nil {
		return false
	}
	if len(mark) > 0 {
		if mark[0][0] != "BASE TABLE" {
			return false
		}
		rows, err := conn.Query(ctx, sql.lapsed)
		if err != nil || len(rows) > 0 && rows[0][0] != "" {
			return err == nil && rows[0][0] == "true"
		}
	}
	return age > unmarked // there is no mark, or none yet
}
