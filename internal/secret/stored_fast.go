package secret

import (
	"crypto/hmac"
	"crypto/md5"  //nolint:gosec // verified where an import brings it, and replaced at the first login
	"crypto/sha1" //nolint:gosec // verified where an import brings it, and replaced at the first login
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/hex"
	"hash"
	"strings"

	"github.com/go-crypt/x/crypt"
	"golang.org/x/crypto/md4" //nolint:gosec,staticcheck // verified where an import brings it, and replaced at the first login
)

// The formats of this file protect little: whoever has them guesses millions a second. They are verified so that people
// need not choose a new password, and replaced the first time that their owner signs in.

// digestHash is one round of a hash over a text that holds the password.
type digestHash struct {
	hash      func() hash.Hash
	format    []piece
	salt, key []byte
}

func (digestHash) memory() uint32 { return 0 }

func (h digestHash) match(password []byte) bool {
	sum := h.hash()
	for _, p := range h.format {
		switch {
		case p.password:
			sum.Write(password)
		case p.salt:
			sum.Write(h.salt)
		default:
			sum.Write([]byte(p.text))
		}
	}
	return subtle.ConstantTimeCompare(sum.Sum(nil), h.key) == 1
}

// piece is a part of a format: the password, the salt, or text.
type piece struct {
	password, salt bool
	text           string
}

// maxFormat is the longest format, in bytes.
const maxFormat = 256

// pieces takes a format such as {SALT}$${PASSWORD} apart.
func pieces(format string) (list []piece) {
	for format != "" {
		i := strings.IndexByte(format, '{')
		switch {
		case strings.HasPrefix(format, "{PASSWORD}"):
			list, format = append(list, piece{password: true}), format[len("{PASSWORD}"):]
		case strings.HasPrefix(format, "{SALT}"):
			list, format = append(list, piece{salt: true}), format[len("{SALT}"):]
		case i > 0:
			list, format = append(list, piece{text: format[:i]}), format[i:]
		default: // no brace any more, or one that begins nothing
			end := strings.IndexByte(format[1:], '{') + 1
			if end == 0 {
				end = len(format)
			}
			list, format = append(list, piece{text: format[:end]}), format[end:]
		}
	}
	return list
}

// parseDigest reads pf=…$salt$hash, and of MD5 the hash alone.
func parseDigest(scheme, rest string) (storedHash, error) {
	h := digestHash{hash: hashOf(scheme)}
	if scheme == "md5" {
		h.hash = md5.New
	}
	size := h.hash().Size()
	parts := strings.Split(rest, "$")
	var ok1, ok2, ok3 bool
	if scheme == "md5" && len(parts) == 1 {
		h.format = []piece{{password: true}}
		if h.key, ok1 = un64(parts[0], size, size); !ok1 {
			return nil, malformed(scheme, "the hash must be base64 of 16 bytes")
		}
		return h, nil
	}
	format, found := strings.CutPrefix(parts[0], "pf=")
	if len(parts) != 3 || !found {
		return nil, malformed(scheme, "must read $"+scheme+"$pf=format$salt$hash")
	}
	raw, ok1 := un64(format, 1, maxFormat)
	h.salt, ok2 = un64(parts[1], 0, maxSalt)
	h.key, ok3 = un64(parts[2], size, size)
	if !ok1 || !ok2 || !ok3 {
		return nil, malformed(scheme, "format, salt and hash must be base64, and the hash of the algorithm's length")
	}
	if !strings.Contains(string(raw), "{PASSWORD}") {
		return nil, malformed(scheme, "the format must hold {PASSWORD}, or every password would do")
	}
	h.format = pieces(string(raw))
	return h, nil
}

// parseSSHA reads {SSHA}, {SSHA256} or {SSHA512} and base64 of the digest of password and salt, followed by the salt.
func parseSSHA(encoded string) (storedHash, error) {
	name, text, _ := strings.Cut(encoded, "}")
	h := digestHash{format: []piece{{password: true}, {salt: true}}}
	switch name {
	case "{SSHA":
		h.hash = sha1.New
	case "{SSHA256":
		h.hash = sha256.New
	case "{SSHA512":
		h.hash = sha512.New
	default:
		return nil, malformed("SSHA", "must begin with {SSHA}, {SSHA256} or {SSHA512}")
	}
	size := h.hash().Size()
	raw, ok := un64(text, size, size+maxSalt)
	if !ok {
		return nil, malformed("SSHA", "must be base64 of the digest and the salt")
	}
	h.key, h.salt = raw[:size], raw[size:]
	return h, nil
}

// hmacHash is HMAC (RFC 2104) of the password under a key that every hash of the import shares.
type hmacHash struct {
	hash     func() hash.Hash
	key, sum []byte
}

func (hmacHash) memory() uint32 { return 0 }

func (h hmacHash) match(password []byte) bool {
	mac := hmac.New(h.hash, h.key)
	mac.Write(password)
	return hmac.Equal(mac.Sum(nil), h.sum)
}

// parseHMAC reads hash$key, both base64, the hash of the digest in hexadecimal.
func parseHMAC(scheme, rest string) (storedHash, error) {
	name := strings.TrimPrefix(scheme, "hmac-")
	h := hmacHash{hash: hashOf(name)}
	switch name {
	case "md4":
		h.hash = md4.New
	case "md5":
		h.hash = md5.New
	}
	parts := strings.Split(rest, "$")
	if h.hash == nil || len(parts) != 2 {
		return nil, malformed("HMAC", "must read $hmac-sha256$hash$key with md4, md5, sha1, sha224, sha256, sha384 or sha512")
	}
	size := h.hash().Size()
	digits, ok1 := un64(parts[0], 2*size, 2*size)
	key, ok2 := un64(parts[1], 1, 1024)
	sum, err := hex.DecodeString(string(digits))
	if !ok1 || !ok2 || err != nil {
		return nil, malformed("HMAC", "hash must be base64 of the digest in hexadecimal, key base64 and not empty")
	}
	h.key, h.sum = key, sum
	return h, nil
}

// cryptHash is md5-crypt, sha256-crypt or sha512-crypt of crypt(3).
type cryptHash struct {
	hash   func() hash.Hash // nil for MD5
	rounds int
	salt   string
	key    string // in the alphabet of crypt(3)
}

func (cryptHash) memory() uint32 { return 0 }

func (h cryptHash) match(password []byte) bool {
	if len(password) > cryptPassword {
		return false
	}
	var key []byte
	if h.hash == nil {
		key = crypt.KeyMD5Crypt(password, []byte(h.salt))
	} else {
		key = crypt.KeySHACrypt(h.hash, password, []byte(h.salt), h.rounds)
	}
	return subtle.ConstantTimeCompare(key, []byte(h.key)) == 1
}

// parseCrypt reads salt$hash of MD5, [rounds=…$]salt$hash of SHA-2.
func parseCrypt(scheme, rest string) (storedHash, error) {
	var h cryptHash
	saltMost, keyLength := 16, 43
	switch scheme {
	case "md5-crypt", "1":
		saltMost, keyLength = 8, 22
	case "sha256-crypt", "5":
		h.hash, h.rounds = sha256.New, 5000
	case "sha512-crypt", "6":
		h.hash, h.rounds, keyLength = sha512.New, 5000, 86
	default:
		return nil, malformed("hash", "it names no algorithm that is known")
	}
	parts := strings.Split(rest, "$")
	if h.hash != nil && len(parts) == 3 {
		rounds, ok := parseField(parts[0], "rounds=", shaCryptMost)
		if !ok || rounds < 1000 {
			return nil, malformed("crypt", "rounds must be from 1000 to 1000000")
		}
		h.rounds, parts = int(rounds), parts[1:]
	}
	if len(parts) != 2 || len(parts[0]) > saltMost || len(parts[1]) != keyLength {
		return nil, malformed("crypt", "must read $salt$hash with salt and hash of the algorithm's length")
	}
	for _, c := range []byte(parts[0] + parts[1]) {
		if !isCrypt64(c) {
			return nil, malformed("crypt", "salt and hash must be of the characters ./A-Za-z0-9")
		}
	}
	h.salt, h.key = parts[0], parts[1]
	return h, nil
}
