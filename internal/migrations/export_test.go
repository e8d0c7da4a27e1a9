package migrations

// Lock is lock, for tests of what waits for it.
var Lock = lock
