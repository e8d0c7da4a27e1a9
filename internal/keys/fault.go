package keys

import "github.com/gatehouse-iam/gatehouse/internal/fault"

// The errors of this package.
var (
	// ErrNotFound says that there is no such set or key.
	ErrNotFound = fault.New(fault.NotFound, "not_found", "Unable to locate the requested resource")
	// ErrExists says that a key of that id is in the set already.
	ErrExists = fault.New(fault.Conflict, "conflict", "A key with this kid is in the set already: choose another one, or use PUT to replace it.")
	// ErrInvalidToken says that a token was not signed by a key of the set, or is not a token of the expected type.
	ErrInvalidToken = fault.New(fault.Unauthenticated, "invalid_token", "The token was not signed by this server, or is of another type.")

	errInvalid         = fault.New(fault.Invalid, "invalid_request", "The request is malformed.")
	errNothingToRotate = fault.New(fault.Conflict, "nothing_to_rotate", "The set has no key that signs: there is nothing to rotate. Create one with POST /admin/keys/{set}.")
	errNoTenant        = fault.New(fault.Internal, "server_error", "Something went wrong on our side.")
)
