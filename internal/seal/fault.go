package seal

import "github.com/gatehouse-iam/gatehouse/internal/fault"

var (
	// ErrLacks says that a database holds what was sealed with a secret that this server does not have.
	ErrLacks = fault.New(fault.Unavailable, "seal_key_missing", "A secret is missing with which data in the database was sealed.")
	// ErrRetired says that a secret was retired and cannot make anything again.
	ErrRetired = fault.New(fault.Unavailable, "seal_key_retired", "The secret was retired.")
	// ErrStrangers says that servers on one database have no secret in common that one of them could use.
	ErrStrangers = fault.New(fault.Unavailable, "seal_keys_differ", "Other servers on this database run with other secrets.")
	// ErrNotBegun says that a server has not found out yet which secret it may use.
	ErrNotBegun = fault.New(fault.Unavailable, "seal_keys_unsettled", "This server has not found out yet which secret it may use: the database was not migrated, or did not answer, when it started.")
	// ErrNotFound says that there is no secret with this id.
	ErrNotFound = fault.New(fault.NotFound, "not_found", "There is no seal key with this id: `gatehouse keys seal list` shows all.")
	// ErrInUse says that a secret cannot be retired yet.
	ErrInUse = fault.New(fault.Conflict, "seal_key_in_use", "The seal key is still in use.")
	// ErrEarly says that a secret was in use a moment ago, so that a value may still be on its way.
	ErrEarly = fault.New(fault.Unavailable, "seal_key_settling", "New values were sealed with this key a moment ago, and some may still be on their way into the database: try again in half a minute.")
	// ErrCursor says that a cursor is none that Reseal gave.
	ErrCursor = fault.New(fault.Invalid, "invalid_request", "after: it is not where an earlier batch ended; leave it out to begin anew.")
	// ErrWaits says that sealing anew has to wait for other servers.
	ErrWaits = fault.New(fault.Conflict, "seal_key_waits", "The first secret is not in use yet.")
)
