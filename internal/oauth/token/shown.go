package token

import "sync/atomic"

// Shown holds answers rendered from a token, by their place. Writers may race: they render the same bytes.
type Shown [3]atomic.Pointer[[]byte]

// The places in Shown.
const (
	ShownToAdmin  = iota // introspection on the admin listener
	ShownToClient        // introspection on the public listener
	ShownToUser          // userinfo
)
