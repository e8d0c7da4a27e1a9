// Package objectstore is a server that speaks as much of S3 as backups ask of it: objects are put, also in parts, got, listed and deleted. It
// needs the standard library alone, so every module of tests can have it.
package objectstore
