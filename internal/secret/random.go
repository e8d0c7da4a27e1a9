package secret

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"

	"github.com/google/uuid"
)

// b64 is the one alphabet of this package: base64url without padding (RFC 4648 §5), refusing spare bits that are set,
// so that every value has exactly one text.
var b64 = base64.RawURLEncoding.Strict()

// NewID makes a UUID version 7 (RFC 9562 §5.7) as text: ids made later sort later, which keeps the indexes they are
// stored in dense. It is unique, not secret: 74 of its bits are random, and its time can be read from it.
func NewID() string { return uuid.Must(uuid.NewV7()).String() }

// Random gives n bytes from the system's source as base64url text.
func Random(n int) string {
	raw := make([]byte, n)
	rand.Read(raw) // never fails: crypto/rand ends the program when the system has no randomness
	return b64.EncodeToString(raw)
}

// Digest gives the base64url SHA-256 of s: how a token or another random value is kept, so that a stolen database does
// not give what it stands for. It is no way to keep what a person chose; Hasher is.
func Digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return b64.EncodeToString(sum[:])
}

// phc64 is the alphabet of PHC strings: standard base64 without padding.
var phc64 = base64.RawStdEncoding.Strict()
