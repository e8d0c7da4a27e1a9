package secret

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxFile bounds what a mistaken path can make us read.
const maxFile = 4 << 10

// FromFile reads a secret that is the one line of a file, as container platforms mount secrets. Errors name the file.
func FromFile(path string) (String, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	content, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	text := strings.TrimSpace(string(content))
	switch {
	case err != nil:
	case len(content) > maxFile:
		err = errors.New("it is larger than 4 KiB")
	case text == "" || strings.ContainsAny(text, "\r\n"):
		err = errors.New("it is not one line with a secret")
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return String(text), nil
}
