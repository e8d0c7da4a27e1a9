package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// readSecretFiles reads what a …_FILE variable names. A directory, as Kubernetes mounts a Secret, holds a secret in each file: the
// greatest name comes first, numbers in names counted as numbers, so that who adds a file 2 beside a file 1, or one with a later
// date, puts the new secret in front. Files whose names begin with a dot are the mount's own.
func readSecretFiles(path string) ([]byte, error) {
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return readFile(path)
	}
	names, err := secretNames(path)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("the directory %s has no file with a secret", path)
	}
	var all []string
	for _, name := range names {
		content, err := readFile(filepath.Join(path, name))
		if err != nil {
			return nil, err
		}
		one := strings.TrimSpace(string(content))
		if one == "" || strings.ContainsAny(one, "\r\n") {
			return nil, fmt.Errorf("the file %s in the directory %s does not hold one line", name, path)
		}
		all = append(all, one)
	}
	return []byte(strings.Join(all, "\n")), nil
}

// secretNames lists the files of a directory, the newest secret first.
func secretNames(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	slices.SortFunc(names, func(a, b string) int { return compareNatural(b, a) })
	return names, nil
}

// compareNatural orders names as people do: 9 before 10.
func compareNatural(a, b string) int {
	for a != "" && b != "" {
		x, y := digits(a), digits(b)
		if x == "" || y == "" {
			if a[0] != b[0] {
				return strings.Compare(a, b)
			}
			a, b = a[1:], b[1:]
			continue
		}
		m, n := strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
		if len(m) != len(n) {
			return len(m) - len(n)
		}
		if m != n {
			return strings.Compare(m, n)
		}
		a, b = a[len(x):], b[len(y):]
	}
	return len(a) - len(b)
}

// digits gives the number at the beginning of a name.
func digits(s string) string { return s[:len(s)-len(strings.TrimLeft(s, "0123456789"))] }

// AddSecret puts a secret, as it is to stand in the file, in front of those in a file with one a line, or into a directory with
// one a file. Whoever reads at the same time finds all of it or nothing of it, and who adds one at the same time waits.
func AddSecret(path string, s secret.String) error {
	dir := filepath.Dir(path)
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		dir = path
	}
	held, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = held.Close() }() // which lets go of it
	if err := hold(held); err != nil {
		return fmt.Errorf("%s cannot be held against others who add a secret: %w", dir, err)
	}
	if err := addHeld(path, s); err != nil {
		return err
	}
	if err := settle(held); err != nil {
		return fmt.Errorf("the secret is in %s, but may be lost in a power cut: %w", path, err)
	}
	return nil
}

// addHeld is AddSecret for who holds the directory.
func addHeld(path string, s secret.String) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return replaceFile(path, s.Reveal()+"\n", 0o600, nil)
	case err != nil:
		return err
	case info.IsDir():
		return addToDirectory(path, s)
	}
	content, err := readFile(path)
	if err != nil {
		return err
	}
	if trimmed := strings.TrimSpace(string(content)); strings.HasPrefix(trimmed, "[") || strings.HasSuffix(path, ".yaml") || strings.HasSuffix(path, ".yml") {
		return fmt.Errorf("%s does not hold one secret a line: put the secret in front of its list yourself", path)
	}
	return replaceFile(path, s.Reveal()+"\n"+string(content), info.Mode().Perm(), info)
}

// addToDirectory makes a file whose name is greater than the others'.
func addToDirectory(dir string, s secret.String) error {
	names, err := secretNames(dir)
	if err != nil {
		return err
	}
	name, mode := "1", fs.FileMode(0o600)
	var like fs.FileInfo // who reads that one is to read the new one
	if len(names) > 0 {
		newest := names[0]
		n, err := strconv.Atoi(newest)
		if err != nil {
			return fmt.Errorf("the files in %s are not named by numbers: make one whose name comes behind %q yourself", dir, newest)
		}
		name = strconv.Itoa(n + 1)
		if like, err = os.Stat(filepath.Join(dir, newest)); err != nil {
			return err
		}
		mode = like.Mode().Perm()
	}
	return replaceFile(filepath.Join(dir, name), s.Reveal()+"\n", mode, like)
}

// replaceFile puts a file in its place as a whole. A link, as of a mounted Secret, is not followed but refused: what it leads to
// is somebody else's to change. Where like is given the file is that one's owner's: the server that reads it may be another user
// than who replaces it.
func replaceFile(path, content string, mode fs.FileMode, like fs.FileInfo) error {
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is a link or a mount: change what it comes from", path)
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), ".secret-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temporary.Name()) }()
	_, err = temporary.WriteString(content)
	if like != nil {
		err = errors.Join(err, giveTo(temporary, like))
	}
	if err := errors.Join(err, temporary.Chmod(mode), temporary.Sync(), temporary.Close()); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), path)
}
