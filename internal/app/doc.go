// Package app is the only place where the parts of Gatehouse meet: it opens the databases, makes the features, gives
// them their listeners, and runs what goes on in the background until the server is told to stop.
//
// features.go is the list of everything that the server does; a new feature is a line there.
package app
