package sqldb

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/spell"
)

// The kinds of failure that callers act on; compare with errors.Is.
var (
	// ErrNoRows says that a QueryRow found nothing.
	ErrNoRows = errors.New("no such row")
	// ErrDuplicate says that a row with the same key is already there.
	ErrDuplicate = errors.New("a row with this key is already there")
	// ErrForeignKey says that the row points to, or is pointed to by, another one.
	ErrForeignKey = errors.New("another row stands against it")
	// ErrUnavailable says that the database cannot be reached or did not get through a conflict in time; the
	// same work may succeed later. Whether a commit that failed so took place is unknown.
	ErrUnavailable = errors.New("the database is unavailable")
	// ErrFrozen says that the database takes no writes for now, as Freeze asked; nothing was written. It is an
	// ErrUnavailable, too.
	ErrFrozen = errors.New("the database takes no writes for now")
	// ErrHeld says that another process uses an embedded database. It is an ErrUnavailable, too.
	ErrHeld = errors.New("another process uses the database")
	// ErrNoTenant says that the context names no tenant.
	ErrNoTenant = errors.New("the context names no tenant; ask for AllTenants by name if the work is for all of them")
	// ErrUnbound says that a statement does not name :tenant.
	ErrUnbound = errors.New("the statement does not name :tenant; ask for AllTenants by name if the work is for all of them")
	// ErrText says that a text has a NUL, or bytes that are no UTF-8: PostgreSQL takes neither, whether to store it or to look for it.
	ErrText = errors.New("a text has characters that no database takes")
	// ErrLogin says that the server does not let the user in with this password or certificate, or does not know him.
	ErrLogin = errors.New("the server refuses the login")
	// ErrDenied says that the user has no right to what he asks for.
	ErrDenied = errors.New("the user has no right to this")
	// ErrNoDatabase says that the server has no database of that name.
	ErrNoDatabase = errors.New("there is no such database")

	// errConflict is a failure that goes away when the transaction runs again.
	errConflict = errors.New("the transaction ran into another one")
	// errLocked is an errConflict that came after some seconds of waiting for another transaction's lock.
	errLocked = fmt.Errorf("%w and waited for it", errConflict)
	errNested = errors.New("a transaction of this database is open in this context; use it")
)

var (
	unavailable = fault.New(fault.Unavailable, "unavailable", "The service is busy or its database cannot be reached. Try again in a moment.").After(time.Second)
	badText     = fault.New(fault.Invalid, "invalid_request", "The request has a text that cannot be stored or looked for: it holds a NUL, or bytes that are no UTF-8.")
	frozen      = fault.New(fault.Unavailable, "temporarily_unavailable", "The service is being moved and takes no changes for a moment. Try again in some seconds.").After(3 * time.Second)
)

// Error is a failed statement. It names the statement, never its arguments, and leaves out what the database
// says about values, because those are secrets and personal data.
type Error struct {
	// Statement is the text as it stands in the source, shortened; empty for a failure to connect.
	Statement string

	kind   error // one of the kinds above, or nil
	reason error // why an administrator's work was refused: one of ErrLogin, ErrDenied, ErrNoDatabase, or nil
	cause  error // already safe to print
}

// Error tells kind, statement and cause for the log.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("database: ")
	if e.kind != nil {
		b.WriteString(e.kind.Error())
	}
	if e.cause != nil {
		if e.kind != nil {
			b.WriteString(": ")
		}
		b.WriteString(e.cause.Error())
	}
	if e.Statement != "" {
		b.WriteString(" [" + e.Statement + "]")
	}
	return b.String()
}

// Unwrap gives errors.Is the kind and the cause.
func (e *Error) Unwrap() []error {
	all := []error{e.cause}
	if e.kind != nil {
		all = append(all, e.kind)
	}
	if errors.Is(e.kind, errConflict) || errors.Is(e.kind, ErrFrozen) {
		all = append(all, ErrUnavailable)
	}
	if e.reason != nil {
		all = append(all, e.reason)
	}
	return all
}

// Fault says what a caller over HTTP is told when nobody handled the error: to try later, that his text cannot be, or nothing.
func (e *Error) Fault() *fault.Error {
	switch {
	case errors.Is(e, ErrFrozen):
		return frozen
	case errors.Is(e, ErrUnavailable):
		return unavailable
	case errors.Is(e, ErrText):
		return badText
	}
	return nil
}

// short makes a statement fit on a log line.
func short(text string) string {
	return spell.Short(strings.Join(strings.Fields(text), " "), 160)
}

// wrap classifies what a driver said about a statement. The context's own end is passed on as it is, so that
// nobody takes an impatient caller for a broken database.
func (c *core) wrap(ctx context.Context, text string, err error) error {
	if err == nil || errors.Is(err, ErrNoRows) {
		return err
	}
	if ctxErr := ctx.Err(); ctxErr != nil {
		return &Error{Statement: short(text), cause: ctxErr}
	}
	if _, known := errors.AsType[*Error](err); known {
		return err
	}
	kind, cause := classify(err)
	return &Error{Statement: short(text), kind: kind, cause: cause}
}

// wrapCommit also knows a commit that the database did not answer in time. It may have taken place, so it is no reason to
// write the same again in another way.
func (c *core) wrapCommit(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return &Error{Statement: "commit", kind: ErrUnavailable, cause: ctx.Err()}
	}
	return c.wrap(ctx, "commit", err)
}
