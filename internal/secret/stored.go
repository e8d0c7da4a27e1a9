package secret

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// ErrFormat says that a stored hash is in no format this server verifies, or names costs beyond its bounds.
var ErrFormat = errors.New("stored hash is in a format that cannot be verified")

// Bounds of what a stored hash may ask for. They are applied before a byte of memory is taken: a row that an attacker
// or an import wrote must not decide what a login costs. The bounds of bcrypt, scrypt and Argon2 are those of Ory Kratos.
const (
	maxEncoded      = 2048
	argonMostMemory = 1 << 20 // KiB: 1 GiB
	maxTime         = 10
	maxParallelism  = 255
	minSalt         = 8
	maxSalt         = 256
	minKey          = 16
	maxKey          = 128
	bcryptLeast     = 4
	bcryptMost      = 15
	scryptMostN     = 1 << 17
	scryptMostR     = 8
	scryptMostP     = 10
	// pbkdf2Most bounds the rounds, and pbkdf2MostWork the rounds times the blocks of output that each takes.
	pbkdf2Most     = 2_000_000
	pbkdf2MostWork = 5_000_000
	// shaCryptMost bounds the rounds of sha256-crypt and sha512-crypt, and cryptPassword the password's length, on which
	// the work of each round depends.
	shaCryptMost  = 1_000_000
	cryptPassword = 256
)

// storedHash is a hash that was read and found within the bounds.
type storedHash interface {
	// memory is what computing it takes, in KiB; 0 where that is next to nothing.
	memory() uint32
	// match computes, and compares in constant time.
	match(password []byte) bool
}

// ValidHash tells whether a hash that was made elsewhere can be kept and verified: nil, or an error that is ErrFormat and
// says what is wrong without quoting the hash. Whether the configuration leaves it enough memory, Hasher.Accepts tells.
//
//	$2a$ $2b$ $2y$ $2z$                        bcrypt, cost 4 to 15
//	$argon2id$v=19$m=,t=,p=$s$h                Argon2id; $argon2i$ likewise; m to 1 GiB, t to 10
//	$pbkdf2-sha1$i=,l=$s$h                     PBKDF2; sha224, sha256, sha384, sha512; also $pbkdf2-sha256$rounds$s$h
//	$scrypt$ln=,r=,p=$s$h                      scrypt; ln is N, or up to 20 its binary logarithm; N to 2^17, r to 8, p to 10
//	$firescrypt$ln=,r=,p=$s$h$separator$key    Firebase's scrypt; ln is the binary logarithm
//	{SSHA}b64 {SSHA256}b64 {SSHA512}b64        LDAP: digest of password and salt, then the salt
//	$sha1$pf=b64$s$h                           sha1, sha256, sha512 of a format with {SALT} and {PASSWORD}
//	$md5$h  $md5$pf=b64$s$h                    MD5, alone or of a format
//	$md5-crypt$s$h $sha256-crypt$rounds=$s$h   crypt(3); sha512-crypt likewise; also as $1$, $5$ and $6$
//	$hmac-sha256$h$key                         md4, md5, sha1, sha224, sha256, sha384, sha512; h is base64 of hex
func ValidHash(encoded string) error {
	_, err := parseStored(encoded)
	return err
}

// parseStored reads a hash in any of the formats.
func parseStored(encoded string) (storedHash, error) {
	if len(encoded) > maxEncoded {
		return nil, fmt.Errorf("%w: it is longer than %d bytes", ErrFormat, maxEncoded)
	}
	if strings.HasPrefix(encoded, "{SSHA") {
		return parseSSHA(encoded)
	}
	scheme, rest, ok := strings.Cut(strings.TrimPrefix(encoded, "$"), "$")
	if !ok || !strings.HasPrefix(encoded, "$") {
		return nil, fmt.Errorf("%w: it names no algorithm that is known", ErrFormat)
	}
	switch {
	case scheme == "argon2id" || scheme == "argon2i":
		return parseArgon(encoded)
	case len(scheme) == 2 && scheme[0] == '2':
		return parseBcrypt(encoded)
	case strings.HasPrefix(scheme, "pbkdf2-"):
		return parsePBKDF2(scheme, rest)
	case scheme == "scrypt":
		return parseScrypt(rest)
	case scheme == "firescrypt":
		return parseFirebase(rest)
	case strings.HasPrefix(scheme, "hmac-"):
		return parseHMAC(scheme, rest)
	case scheme == "md5" || scheme == "sha1" || scheme == "sha256" || scheme == "sha512":
		return parseDigest(scheme, rest)
	default:
		return parseCrypt(scheme, rest)
	}
}

// malformed is ErrFormat with what is wrong. The hash itself does not stand in it: it goes to logs and answers.
func malformed(scheme, wrong string) error {
	return fmt.Errorf("%w: %s: %s", ErrFormat, scheme, wrong)
}

// unphc decodes base64 without padding whose value has from least to most bytes.
func unphc(text string, least, most int) ([]byte, bool) {
	if strings.ContainsAny(text, "\r\n") { // the decoder would skip them
		return nil, false
	}
	raw, err := phc64.DecodeString(text)
	return raw, err == nil && len(raw) >= least && len(raw) <= most
}

// un64 decodes base64 with its padding, or without any, whose value has from least to most bytes.
func un64(text string, least, most int) ([]byte, bool) {
	if strings.HasSuffix(text, "=") {
		if strings.ContainsAny(text, "\r\n") {
			return nil, false
		}
		raw, err := base64.StdEncoding.Strict().DecodeString(text)
		return raw, err == nil && len(raw) >= least && len(raw) <= most
	}
	return unphc(text, least, most)
}
