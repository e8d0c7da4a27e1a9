package source

import (
	"bytes"
	"crypto/sha256"

	"github.com/gatehouse-iam/gatehouse/internal/access"
)

// Parse is access.ParseRules for what a source has. No rules are an empty list: nothing at all, or comments alone, are what a
// file has that is just being written, and never meant.
func Parse(text []byte, name string) ([]access.Rule, error) {
	rules, err := access.ParseRules(text, name)
	if err == nil && len(rules) == 0 && !emptyList(text) {
		return nil, access.Faults{{Source: name, Message: "is empty: write [] where there are to be no rules"}}
	}
	return rules, err
}

// emptyList reports whether a document without rules is a list.
func emptyList(text []byte) bool {
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] != '#' && !bytes.Equal(line, []byte("---")) {
			return line[0] == '['
		}
	}
	return false
}

// digest remembers a document: some servers call the same one by another entity tag each time.
type digest struct {
	sum   [sha256.Size]byte
	valid bool
}

// same reports whether the document is the one that was seen last, and remembers it.
func (d *digest) same(text []byte) bool {
	sum := sha256.Sum256(text)
	again := d.valid && sum == d.sum
	d.sum, d.valid = sum, true
	return again
}
