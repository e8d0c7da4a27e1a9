package password

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

// list is a file of stolen passwords: digests, sorted, that are searched where they are, or passwords, kept in memory as the
// first eight bytes of their digest, of which two of a hundred million agree by accident once in many thousand lists.
type list struct {
	path   string
	file   *os.File // of digests
	size   int64
	hashed []uint64 // of passwords, sorted
}

const (
	digestLength = 40      // of SHA-1 in hexadecimal
	longestLine  = 256     // of a list of digests
	longestWord  = 4 << 10 // of a list of passwords
	maxWords     = 50_000_000
)

// openList reads a list of either kind.
func openList(path string) (*list, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("selfservice.methods.password.config.breached_passwords_file: %w", err)
	}
	l := &list{path: path}
	first := make([]byte, digestLength+1)
	n, err := io.ReadFull(file, first)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, errors.Join(err, file.Close())
	}
	if isDigestLine(first[:n]) {
		info, err := file.Stat()
		if err != nil {
			return nil, errors.Join(err, file.Close())
		}
		l.file, l.size = file, info.Size()
		return l, nil
	}
	err = l.read(io.MultiReader(bytes.NewReader(first[:n]), file))
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return l, nil
}

// isDigestLine tells whether a line begins with a digest and ends there or goes on with its count.
func isDigestLine(line []byte) bool {
	if len(line) < digestLength {
		return false
	}
	if _, err := hex.DecodeString(string(line[:digestLength])); err != nil {
		return false
	}
	return len(line) == digestLength || line[digestLength] == ':' || line[digestLength] == '\n' || line[digestLength] == '\r'
}

func (l *list) read(from io.Reader) error {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, longestWord)
	for lines.Scan() {
		word := strings.TrimSuffix(lines.Text(), "\r")
		if word == "" {
			continue
		}
		if len(l.hashed) == maxWords {
			return fmt.Errorf("has more than %d passwords: take a sorted list of digests", maxWords)
		}
		l.hashed = append(l.hashed, short(word))
	}
	slices.Sort(l.hashed)
	l.hashed = slices.Compact(l.hashed)
	return lines.Err()
}

func short(word string) uint64 {
	sum := sha256.Sum256([]byte(word))
	return binary.BigEndian.Uint64(sum[:])
}

func (l *list) close() {
	if l.file != nil {
		_ = l.file.Close() // it was only read
	}
}

// count returns how often the password is said to have been stolen: 1 where the list has no counts.
func (l *list) count(password, digest string) (int64, error) {
	if l.file == nil {
		if _, found := slices.BinarySearch(l.hashed, short(password)); found {
			return 1, nil
		}
		return 0, nil
	}
	n, err := l.search(digest)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", l.path, err)
	}
	return n, nil
}

// search finds the digest in the sorted file by halving: some thirty reads in a file of forty gigabytes.
func (l *list) search(digest string) (int64, error) {
	low, high := int64(0), l.size // the line, if it is there, begins within
	for low < high {
		middle := low + (high-low)/2
		line, begin, next, err := l.lineFrom(middle, low)
		if err != nil {
			return 0, err
		}
		if begin >= high { // no line begins between middle and high
			high = middle
			continue
		}
		has, count, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch order := strings.Compare(strings.ToUpper(has), digest); {
		case order == 0 && count == "": // a list without counts
			return 1, nil
		case order == 0:
			return strconv.ParseInt(count, 10, 64)
		case order < 0:
			low = next
		default:
			high = middle
		}
	}
	return 0, nil
}

// lineFrom returns the first line that begins at or after the offset, where it begins and where the next does. No line
// begins between low, at which one does, and the offset unless it is read over.
func (l *list) lineFrom(offset, low int64) (line string, begin, next int64, err error) {
	buffer := make([]byte, 2*longestLine)
	begin = offset
	if offset > low {
		n, err := l.file.ReadAt(buffer, offset-1)
		if err != nil && !errors.Is(err, io.EOF) {
			return "", 0, 0, err
		}
		end := bytes.IndexByte(buffer[:n], '\n')
		if end < 0 {
			if n == len(buffer) {
				return "", 0, 0, errors.New("has a line that is too long for a list of digests")
			}
			return "", l.size, l.size, nil
		}
		begin = offset - 1 + int64(end) + 1
	}
	n, err := l.file.ReadAt(buffer, begin)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", 0, 0, err
	}
	if n == 0 {
		return "", l.size, l.size, nil
	}
	end := bytes.IndexByte(buffer[:n], '\n')
	if end < 0 {
		return string(buffer[:n]), begin, l.size, nil
	}
	return string(buffer[:end]), begin, begin + int64(end) + 1, nil
}
