//go:build !linux

package main

import (
	"errors"
	"os"
)

// isTerminal is only known on Linux: elsewhere passwords come from files and the environment.
func isTerminal(*os.File) bool { return false }

func hide(*os.File) (show func(), err error) {
	return nil, errors.New("passwords cannot be typed on this system: name a file")
}
