package sqldb

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// own takes our parameters out of those that the driver sees.
func (d *dsn) own() error {
	var err error
	if d.maxConns, _, err = d.number("max_conns"); err != nil {
		return err
	}
	if d.maxConns == 1 && d.scheme != "sqlite" && d.scheme != "memory" {
		return errors.New("max_conns is at least 2: migrating takes one connection for its lock and one for its work")
	}
	if d.maxIdle, d.hasMaxIdle, err = d.number("max_idle_conns"); err != nil {
		return err
	}
	if d.maxLifetime, d.hasLifetime, err = d.duration("max_conn_lifetime"); err != nil {
		return err
	}
	if d.maxIdleTime, d.hasIdleTime, err = d.duration("max_conn_idle_time"); err != nil {
		return err
	}
	if d.scheme != "sqlite" && d.scheme != "memory" {
		return d.ownPassword()
	}
	d.synchronous = strings.ToUpper(d.take("synchronous"))
	if d.synchronous == "" {
		d.synchronous = "FULL"
	}
	if !slices.Contains([]string{"FULL", "NORMAL", "OFF", "EXTRA"}, d.synchronous) {
		return errors.New("synchronous is one of full, normal, off, extra")
	}
	for name := range d.params {
		return fmt.Errorf("unknown parameter %q; there are synchronous, max_conns, max_idle_conns, max_conn_lifetime, max_conn_idle_time", name)
	}
	return nil
}

// ownPassword takes out where the password is, so that no error of a driver's parser can hold it.
func (d *dsn) ownPassword() error {
	d.passwordFile = d.take("password_file")
	if d.scheme != "mysql" {
		if p := d.take("password"); d.password == "" {
			d.password = p
		}
	}
	if d.password != "" && d.passwordFile != "" {
		return errors.New("there are both a password and a password_file; keep one of them")
	}
	return nil
}

func (d *dsn) take(name string) string {
	v := d.params.Get(name)
	d.params.Del(name)
	return v
}

func (d *dsn) number(name string) (n int, given bool, err error) {
	v := d.take(name)
	if v == "" {
		return 0, false, nil
	}
	n, err = strconv.Atoi(v)
	if err != nil || n < 0 || n > 100_000 {
		return 0, false, fmt.Errorf("%s is a number of connections, for example %s=20", name, name)
	}
	return n, true, nil
}

func (d *dsn) duration(name string) (t time.Duration, given bool, err error) {
	v := d.take(name)
	if v == "" {
		return 0, false, nil
	}
	t, err = time.ParseDuration(v)
	if err != nil || t < 0 {
		return 0, false, fmt.Errorf("%s is a duration, for example %s=30m", name, name)
	}
	return t, true, nil
}
