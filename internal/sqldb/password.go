package sqldb

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxPassword bounds what a mistaken path can make us read; a token of a cloud's directory has some kilobytes.
const maxPassword = 64 << 10

// passwordError is a password that cannot be read. The next attempt may find it: such files are replaced while we run.
type passwordError struct{ error }

func (e passwordError) Unwrap() error { return e.error }

// readPassword reads the file of a password without the line end at its end. It is read for each new connection, so that a
// password that is changed, or a token that lives for minutes, is used as soon as it is there.
func readPassword(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", passwordError{fmt.Errorf("password_file: %w", err)}
	}
	defer func() { _ = file.Close() }()
	content, err := io.ReadAll(io.LimitReader(file, maxPassword+1))
	password := strings.TrimRight(string(content), "\r\n")
	switch {
	case err != nil:
	case len(content) > maxPassword:
		err = errors.New("it is larger than 64 KiB")
	case password == "":
		err = errors.New("it is empty")
	case strings.ContainsRune(password, 0):
		err = errors.New("it holds a NUL byte")
	}
	if err != nil {
		return "", passwordError{fmt.Errorf("password_file %s: %w", path, err)}
	}
	return password, nil
}
