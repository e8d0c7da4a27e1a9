//go:build !linux

package app

// unmapProgram does nothing here: other systems count and map in ways of their own.
func unmapProgram() error { return nil }
