// Package fault is the one way in which Gatehouse says no.
//
// It owns the error value that crosses package borders: a kind (which decides the HTTP status), a code that
// programs read, a message that people read, and a cause that only the log sees. It does not own how an error
// looks on the wire (package web does) nor which errors a feature knows (each feature declares its own, once).
//
//	kind             status
//	Internal         500  the zero value: what nobody classified is our own mistake
//	Invalid          400
//	Unauthenticated  401
//	Forbidden        403
//	NotFound         404
//	NotAllowed       405
//	Conflict         409
//	Gone             410
//	Stale            412
//	TooLarge         413
//	Unsupported      415
//	Limited          429
//	Unavailable      503
package fault
