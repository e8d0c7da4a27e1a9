package sqldb

import (
	"context"
	"crypto/tls"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// classify turns a driver's error into a kind (nil when it is none that callers act on) and a cause that is
// safe to print: whatever a database quotes from a row or an argument is left out.
func classify(err error) (kind, cause error) {
	var pg *pgconn.PgError
	var my *mysql.MySQLError
	var lite *sqlite.Error
	switch {
	case errors.As(err, &pg):
		return classifyPostgres(pg)
	case errors.As(err, &my):
		return classifyMySQL(my)
	case errors.As(err, &lite):
		return classifySQLite(lite)
	case errors.Is(err, pgx.ErrTxCommitRollback):
		// CockroachDB and PostgreSQL answer ROLLBACK to the COMMIT of a transaction that had failed.
		return nil, err
	case errors.Is(err, context.Canceled):
		return nil, err
	case connectionLost(err):
		return ErrUnavailable, err
	default:
		return nil, err
	}
}

// connectionLost recognizes what the drivers and the network say when there is no connection any more, or
// none can be had.
func connectionLost(err error) bool {
	var netErr net.Error
	var connect *pgconn.ConnectError
	var password passwordError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &certificate), errors.Is(err, mysql.ErrNoTLS):
		return true
	case errors.As(err, &password):
		return true
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, mysql.ErrInvalidConn), errors.Is(err, sql.ErrConnDone):
		return true
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return true
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return true
	case errors.As(err, &connect), errors.As(err, &netErr), errors.Is(err, context.DeadlineExceeded):
		return true
	case pgconn.SafeToRetry(err):
		return true
	default:
		text := err.Error()
		return text == "conn closed" || text == "closed pool" || text == "sql: database is closed"
	}
}

// classifyPostgres also serves CockroachDB, which asks for a retry with 40001 or, from older versions and
// some proxies, with the words "restart transaction".
func classifyPostgres(e *pgconn.PgError) (kind, cause error) {
	told := errors.New("SQLSTATE " + e.Code + ": " + e.Message)
	switch e.Code {
	case "40001", "40P01", "CR000":
		return errConflict, told
	case "55P03":
		return errLocked, told
	case "23505":
		return ErrDuplicate, errors.New("constraint " + e.ConstraintName)
	case "23503":
		return ErrForeignKey, errors.New("constraint " + e.ConstraintName)
	case "22021", "22P05":
		return ErrText, errors.New("SQLSTATE " + e.Code)
	case "53100":
		return ErrUnavailable, diskFull(told, "the database server's disk")
	case "25006", "57P01", "57P02", "57P03", "57P05", "53300", "53400", "57014", "25P03", "53200", "58030":
		// Shutting down, starting up, out of connections, a standby that lost its primary; a time limit of the server's;
		// out of memory. The statement may be right all the same, so a batch need not be taken apart to find out.
		return ErrUnavailable, told
	}
	switch {
	case strings.HasPrefix(e.Code, "28"):
		// No new connection is let in: while a password is changed, the server knows another one than we for a moment.
		return ErrUnavailable, told
	case strings.HasPrefix(e.Message, "restart transaction"):
		return errConflict, told
	case strings.HasPrefix(e.Code, "08"):
		return ErrUnavailable, told
	case e.Code == "0A000" && strings.Contains(e.Message, "cached plan"):
		// A migration changed a table under a prepared statement; the driver has dropped it by now.
		return errConflict, told
	case strings.HasPrefix(e.Code, "22"), strings.HasPrefix(e.Code, "23"):
		return nil, errors.New(strings.Join(strings.Fields("SQLSTATE "+e.Code+" "+e.TableName+" "+e.ColumnName+" "+e.ConstraintName), " "))
	}
	return nil, told
}

func classifyMySQL(e *mysql.MySQLError) (kind, cause error) {
	number := "error " + strconv.Itoa(int(e.Number))
	switch e.Number {
	case 1205:
		return errLocked, errors.New(number + ": " + e.Message)
	case 1213, 1020, 3572, 1637, 1461, 1615:
		// Deadlock, record changed since last read (MariaDB), NOWAIT, too many transactions; too many prepared statements,
		// which the connection closes after an error, or one that must be prepared anew.
		return errConflict, errors.New(number + ": " + e.Message)
	case 1062, 1586, 1169, 1022:
		return ErrDuplicate, errors.New(number + afterLast(e.Message, " for key "))
	case 1451, 1452, 1216, 1217:
		return ErrForeignKey, errors.New(number)
	case 1045, 1698, 3159, 1040, 1203, 1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161, 1184, 1226, 1290, 1836, 1927, 2006, 2013, 4031, 1047:
		// The login refused (as PostgreSQL's 28…), too many connections, shutting down, network trouble, read-only after a failover, killed connection.
		return ErrUnavailable, errors.New(number + ": " + e.Message)
	case 1021, 1114, 1026:
		return ErrUnavailable, diskFull(errors.New(number+": "+e.Message), "the database server's disk")
	case 1366:
		kind = nil
		if strings.HasPrefix(e.Message, "Incorrect string value") {
			kind = ErrText
		}
		return kind, errors.New(number + ": a value does not fit" + afterLast(e.Message, " for column "))
	case 1300:
		return ErrText, errors.New(number)
	case 1292, 1411, 1525, 3140, 3141, 4025, 3819:
		// These quote the value.
		return nil, errors.New(number + ": a value does not fit" + afterLast(e.Message, " for column "))
	}
	return nil, errors.New(number + ": " + e.Message)
}

func afterLast(text, mark string) string {
	if i := strings.LastIndex(text, mark); i >= 0 {
		return text[i:]
	}
	return ""
}

func classifySQLite(e *sqlite.Error) (kind, cause error) {
	switch code := e.Code(); {
	case code&0xff == sqlite3.SQLITE_BUSY, code&0xff == sqlite3.SQLITE_LOCKED:
		return errLocked, e
	case code == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, code == sqlite3.SQLITE_CONSTRAINT_UNIQUE,
		code == sqlite3.SQLITE_CONSTRAINT_ROWID:
		return ErrDuplicate, e
	case code == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return ErrForeignKey, e
	case code&0xff == sqlite3.SQLITE_FULL, slices.Contains([]int{
		sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_TRUNCATE, sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_SHMMAP,
	}, code):
		return ErrUnavailable, diskFull(e, "the disk of the database's files")
	case code&0xff == sqlite3.SQLITE_IOERR, code&0xff == sqlite3.SQLITE_CANTOPEN, code&0xff == sqlite3.SQLITE_READONLY:
		return ErrUnavailable, e
	}
	return nil, e
}

// diskFull adds what to do to an error of who could not write: of these, a disk that is full is the one that happens.
func diskFull(err error, which string) error {
	return fmt.Errorf("%w; make room on %s, if it is full", err, which)
}

// AlreadyDefined reports whether a change of the schema was refused because it is there already: the error is a driver's,
// as Raw gives it.
func AlreadyDefined(err error) bool {
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return slices.Contains([]uint16{1050, 1060, 1061, 1091}, e.Number) // table, column, key; a drop of what is gone
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return slices.Contains([]string{"42P07", "42701", "42710", "42P06"}, e.Code)
	}
	return false
}
