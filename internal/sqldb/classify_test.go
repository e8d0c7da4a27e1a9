package sqldb

import (
	"context"
	"crypto/tls"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
)

// CockroachDB and MySQL's rarer numbers cannot be had in a test, so what they say is injected.
func TestClassify(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want error
	}{
		{"postgres: serialization", &pgconn.PgError{Code: "40001"}, errConflict},
		{"postgres: deadlock", &pgconn.PgError{Code: "40P01"}, errConflict},
		{"cockroach: retry", &pgconn.PgError{Code: "40001", Message: "restart transaction: TransactionRetryWithProtoRefreshError"}, errConflict},
		{"cockroach: retry by its words", &pgconn.PgError{Code: "XXUUU", Message: "restart transaction: HandledRetryableTxnError"}, errConflict},
		{"cockroach: its old code", &pgconn.PgError{Code: "CR000"}, errConflict},
		{"cockroach: a node is draining", &pgconn.PgError{Code: "57P01", Message: "server is shutting down"}, ErrUnavailable},
		{"postgres: lock", &pgconn.PgError{Code: "55P03"}, errLocked},
		{"postgres: duplicate", &pgconn.PgError{Code: "23505", Message: "duplicate key"}, ErrDuplicate},
		{"postgres: foreign key", &pgconn.PgError{Code: "23503"}, ErrForeignKey},
		{"postgres: starting up", &pgconn.PgError{Code: "57P03"}, ErrUnavailable},
		{"postgres: too many connections", &pgconn.PgError{Code: "53300"}, ErrUnavailable},
		{"postgres: the password was changed", &pgconn.PgError{Code: "28P01"}, ErrUnavailable},
		{"postgres: connection failure", &pgconn.PgError{Code: "08006"}, ErrUnavailable},
		{"postgres: a plan from before a migration", &pgconn.PgError{Code: "0A000", Message: "cached plan must not change result type"}, errConflict},
		{"postgres: a time limit of the server's", &pgconn.PgError{Code: "57014", Message: "canceling statement due to statement timeout"}, ErrUnavailable},
		{"postgres: disk full", &pgconn.PgError{Code: "53100"}, ErrUnavailable},
		{"mysql: too many prepared statements", &mysql.MySQLError{Number: 1461}, errConflict},
		{"mysql: prepare again", &mysql.MySQLError{Number: 1615}, errConflict},
		{"postgres: syntax", &pgconn.PgError{Code: "42601", Message: `syntax error at or near "FORM"`}, nil},
		{"postgres: no text", &pgconn.PgError{Code: "22021"}, ErrText},
		{"mysql: no text", &mysql.MySQLError{Number: 1366, Message: `Incorrect string value: '\xFF' for column a`}, ErrText},
		{"mysql: no number", &mysql.MySQLError{Number: 1366, Message: "Incorrect integer value: 'x' for column a"}, nil},
		{"mysql: deadlock", &mysql.MySQLError{Number: 1213}, errConflict},
		{"mysql: lock wait", &mysql.MySQLError{Number: 1205}, errLocked},
		{"mysql: duplicate", &mysql.MySQLError{Number: 1062}, ErrDuplicate},
		{"mysql: no parent", &mysql.MySQLError{Number: 1452}, ErrForeignKey},
		{"mysql: has children", &mysql.MySQLError{Number: 1451}, ErrForeignKey},
		{"mysql: shutdown", &mysql.MySQLError{Number: 1053}, ErrUnavailable},
		{"mysql: the password was changed", &mysql.MySQLError{Number: 1045}, ErrUnavailable},
		{"mysql: encrypted connections only", &mysql.MySQLError{Number: 3159}, ErrUnavailable},
		{"mysql: too many connections", &mysql.MySQLError{Number: 1040}, ErrUnavailable},
		{"mysql: read-only after a failover", &mysql.MySQLError{Number: 1290}, ErrUnavailable},
		{"mysql: disk full", &mysql.MySQLError{Number: 1021, Message: "Disk full"}, ErrUnavailable},
		{"mysql: no room for the table", &mysql.MySQLError{Number: 1114, Message: "The table 'session' is full"}, ErrUnavailable},
		{"mysql: no such table", &mysql.MySQLError{Number: 1146}, nil},
		{"connection: mysql's driver", mysql.ErrInvalidConn, ErrUnavailable},
		{"connection: database/sql", driver.ErrBadConn, ErrUnavailable},
		{"connection: cut", fmt.Errorf("read: %w", io.ErrUnexpectedEOF), ErrUnavailable},
		{"connection: refused", &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, ErrUnavailable},
		{"connection: reset", fmt.Errorf("write: %w", syscall.ECONNRESET), ErrUnavailable},
		{"connection: cannot be made", &pgconn.ConnectError{Config: &pgconn.Config{}}, ErrUnavailable},
		{"the password's file is gone", passwordError{errors.New("gone")}, ErrUnavailable},
		{"another certificate", &tls.CertificateVerificationError{Err: errors.New("other")}, ErrUnavailable},
		{"something else", errors.New("something else"), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if kind, _ := classify(fmt.Errorf("wrapped: %w", c.err)); kind != c.want {
				t.Errorf("got %v, want %v", kind, c.want)
			}
		})
	}
}

func TestErrorsKeepValuesBack(t *testing.T) {
	for _, err := range []error{
		&pgconn.PgError{Code: "23505", Message: "duplicate key value", Detail: "Key (email)=(hunter2) already exists.", ConstraintName: "pk"},
		&pgconn.PgError{Code: "22P02", Message: `invalid input syntax for type integer: "hunter2"`},
		&pgconn.PgError{Code: "23514", Message: "violates", Detail: "Failing row contains (hunter2)."},
		&mysql.MySQLError{Number: 1062, Message: "Duplicate entry 'default-hunter2' for key 'PRIMARY'"},
		&mysql.MySQLError{Number: 1366, Message: "Incorrect integer value: 'hunter2' for column `a`.`b` at row 1"},
		&mysql.MySQLError{Number: 1292, Message: "Truncated incorrect DOUBLE value: 'hunter2'"},
	} {
		kind, cause := classify(err)
		told := (&Error{Statement: "SELECT 1", kind: kind, cause: cause}).Error()
		if strings.Contains(told, "hunter2") {
			t.Error(told)
		}
	}
}

func TestErrorIsFault(t *testing.T) {
	lost := &Error{kind: ErrUnavailable, cause: io.ErrUnexpectedEOF}
	if f := fault.From(lost); f.Kind != fault.Unavailable || f.RetryAfter == 0 {
		t.Errorf("a lost connection is %v", f)
	}
	conflict := fmt.Errorf("store: %w", &Error{kind: errConflict, cause: errors.New("x")})
	if f := fault.From(conflict); f.Kind != fault.Unavailable {
		t.Errorf("a conflict that was not resolved is %v", f)
	}
	if f := fault.From(&Error{kind: ErrDuplicate, cause: errors.New("x")}); f.Kind != fault.Internal {
		t.Errorf("a duplicate that nobody handled is %v", f)
	}
	if f := fault.From(&Error{cause: context.Canceled}); f.Kind != fault.Unavailable {
		t.Errorf("a caller who left is %v", f)
	}
}

// The bound keeps a transaction that never gets through from running for ever.
func TestRetryIsBounded(t *testing.T) {
	c := &core{}
	runs := 0
	err := c.retry(t.Context(), func() error {
		runs++
		return &Error{kind: errConflict, cause: errors.New("restart transaction")}
	})
	if runs != retries || !errors.Is(err, ErrUnavailable) || errors.Is(err, errConflict) {
		t.Errorf("%d runs, %v", runs, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	runs = 0
	err = c.retry(ctx, func() error {
		runs++
		cancel()
		return &Error{kind: errConflict, cause: errors.New("restart transaction")}
	})
	if runs != 1 || !errors.Is(err, context.Canceled) {
		t.Errorf("%d runs after the caller left, %v", runs, err)
	}
}

func TestCommitWithoutAnAnswer(t *testing.T) {
	late, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	c := &core{}
	if err := c.wrapCommit(late, late.Err()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("in no time: %v", err)
	}
	if err := c.wrapCommit(t.Context(), &pgconn.PgError{Code: "23505"}); !errors.Is(err, ErrDuplicate) {
		t.Errorf("refused: %v", err)
	}
	if err := c.wrapCommit(late, nil); err != nil {
		t.Errorf("done: %v", err)
	}
}
