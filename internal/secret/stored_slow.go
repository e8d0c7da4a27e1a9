package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha1" //nolint:gosec // HMAC does not need its hash to be free of collisions
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"hash"
	"math/bits"
	"strings"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/crypto/scrypt"
)

// bcryptHash is a bcrypt hash as it is stored. Like every bcrypt it reads 72 bytes of a password and no more.
type bcryptHash struct {
	encoded string
	cost    int
}

func (bcryptHash) memory() uint32 { return 0 }

func (h bcryptHash) match(password []byte) bool {
	return bcrypt.CompareHashAndPassword([]byte(h.encoded), password) == nil
}

// parseBcrypt reads $2a$, $2b$, $2y$ or $2z$, two digits of cost, 22 characters of salt and 31 of hash. The letters tell
// which implementation of old had which bug; all are computed the one right way. $2x$ asks for a bug.
func parseBcrypt(encoded string) (storedHash, error) {
	if len(encoded) != 60 || !strings.ContainsRune("abyz", rune(encoded[2])) || encoded[6] != '$' {
		return nil, malformed("bcrypt", "must read $2a$, $2b$, $2y$ or $2z$, two digits of cost, $ and 53 characters")
	}
	tens, ones := encoded[4]-'0', encoded[5]-'0'
	cost := int(tens)*10 + int(ones)
	if tens > 9 || ones > 9 || cost < bcryptLeast || cost > bcryptMost {
		return nil, malformed("bcrypt", "cost must be from 04 to 15")
	}
	for _, c := range []byte(encoded[7:]) {
		if !isCrypt64(c) {
			return nil, malformed("bcrypt", "salt and hash must be of the characters ./A-Za-z0-9")
		}
	}
	return bcryptHash{encoded: encoded, cost: cost}, nil
}

// isCrypt64 tells whether c is in the alphabet of crypt(3).
func isCrypt64(c byte) bool {
	return c == '.' || c == '/' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

// pbkdf2Hash is PBKDF2 (RFC 8018 §5.2) with HMAC.
type pbkdf2Hash struct {
	hash      func() hash.Hash
	rounds    int
	salt, key []byte
}

func (pbkdf2Hash) memory() uint32 { return 0 }

func (h pbkdf2Hash) match(password []byte) bool {
	key, err := pbkdf2.Key(h.hash, string(password), h.salt, h.rounds, len(h.key))
	return err == nil && subtle.ConstantTimeCompare(key, h.key) == 1
}

// parsePBKDF2 reads i=…,l=…$salt$hash, where l says what nobody needs and many write wrongly (some in bits): the hash has
// the length that it has. It reads passlib's rounds$salt$hash too, whose base64 has . for +.
func parsePBKDF2(scheme, rest string) (storedHash, error) {
	h := pbkdf2Hash{hash: hashOf(strings.TrimPrefix(scheme, "pbkdf2-"))}
	parts := strings.Split(rest, "$")
	if h.hash == nil || len(parts) != 3 {
		return nil, malformed("PBKDF2", "must read $pbkdf2-sha256$i=…,l=…$salt$hash with sha1, sha224, sha256, sha384 or sha512")
	}
	var rounds uint32
	var ok bool
	if i, l, with := strings.Cut(parts[0], ","); with {
		_, well := parseField(l, "l=", 1<<16)
		rounds, ok = parseField(i, "i=", pbkdf2Most)
		ok = ok && well
	} else {
		rounds, ok = parseField(parts[0], "", pbkdf2Most)
		parts[1], parts[2] = strings.ReplaceAll(parts[1], ".", "+"), strings.ReplaceAll(parts[2], ".", "+")
	}
	if !ok {
		return nil, malformed("PBKDF2", "i must be from 1 to 2000000")
	}
	var ok1, ok2 bool
	h.rounds = int(rounds)
	h.salt, ok1 = un64(parts[1], 0, maxSalt)
	h.key, ok2 = un64(parts[2], minKey, maxKey)
	if !ok1 || !ok2 {
		return nil, malformed("PBKDF2", "salt and hash must be base64, of at most 256 and 16 to 128 bytes")
	}
	size := h.hash().Size()
	if h.rounds*((len(h.key)+size-1)/size) > pbkdf2MostWork {
		return nil, malformed("PBKDF2", "i is too large for a hash of this length")
	}
	return h, nil
}

// hashOf gives the hash of a name, nil for one that is not known.
func hashOf(name string) func() hash.Hash {
	switch name {
	case "sha1":
		return sha1.New
	case "sha224":
		return sha256.New224
	case "sha256":
		return sha256.New
	case "sha384":
		return sha512.New384
	case "sha512":
		return sha512.New
	}
	return nil
}

// scryptCost is what one scrypt computation takes (RFC 7914 §2).
type scryptCost struct{ n, r, p int }

// memory is 128·N·r bytes for the large array and 128·r·p for the blocks, in KiB.
func (c scryptCost) memory() uint32 { return uint32(128 * c.r * (c.n + c.p) / 1024) }

// scryptHash is scrypt (RFC 7914).
type scryptHash struct {
	scryptCost
	salt, key []byte
}

func (h scryptHash) match(password []byte) bool {
	key, err := scrypt.Key(password, h.salt, h.n, h.r, h.p, len(h.key))
	return err == nil && subtle.ConstantTimeCompare(key, h.key) == 1
}

// parseScrypt reads ln=…,r=…,p=…$salt$hash. PHC and passlib write the binary logarithm of N as ln, Ory Kratos N itself;
// as no N that small was ever meant, what is at most 20 is a logarithm.
func parseScrypt(rest string) (storedHash, error) {
	parts := strings.Split(rest, "$")
	if len(parts) != 3 {
		return nil, malformed("scrypt", "must read $scrypt$ln=…,r=…,p=…$salt$hash")
	}
	cost, err := parseScryptCost(parts[0])
	if err != nil {
		return nil, err
	}
	salt, ok1 := un64(parts[1], 0, maxSalt)
	key, ok2 := un64(parts[2], minKey, maxKey)
	if !ok1 || !ok2 {
		return nil, malformed("scrypt", "salt and hash must be base64, of at most 256 and 16 to 128 bytes")
	}
	return scryptHash{scryptCost: cost, salt: salt, key: key}, nil
}

// parseScryptCost reads ln=…,r=…,p=….
func parseScryptCost(text string) (c scryptCost, err error) {
	wrong := malformed("scrypt", "parameters must read ln=…,r=…,p=… with N a power of two from 2 to 131072, r from 1 to 8, p from 1 to 10")
	parts := strings.Split(text, ",")
	if len(parts) != 3 {
		return c, wrong
	}
	n, ok1 := parseField(parts[0], "ln=", scryptMostN)
	r, ok2 := parseField(parts[1], "r=", scryptMostR)
	p, ok3 := parseField(parts[2], "p=", scryptMostP)
	if n <= 20 {
		n = 1 << n
	}
	if !ok1 || !ok2 || !ok3 || n < 2 || n > scryptMostN || bits.OnesCount32(n) != 1 {
		return c, wrong
	}
	return scryptCost{n: int(n), r: int(r), p: int(p)}, nil
}

// firebaseHash is what Firebase makes of scrypt: the derived key encrypts the project's signer key, and the outcome is
// the hash.
type firebaseHash struct {
	scryptCost
	salt, separator, signer, key []byte
}

func (h firebaseHash) match(password []byte) bool {
	salt := append(append([]byte(nil), h.salt...), h.separator...)
	derived, err := scrypt.Key(password, salt, h.n, h.r, h.p, 32)
	if err != nil {
		return false
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return false
	}
	sealed := make([]byte, len(h.signer))
	//nolint:gosec // the counter begins at zero in every hash that Firebase made; the key is another for each salt
	cipher.NewCTR(block, make([]byte, aes.BlockSize)).XORKeyStream(sealed, h.signer)
	return subtle.ConstantTimeCompare(sealed, h.key) == 1
}

// parseFirebase reads ln=…,r=…,p=…$salt$hash$separator$signer key. r is what Firebase calls rounds, ln its mem_cost.
func parseFirebase(rest string) (storedHash, error) {
	parts := strings.Split(rest, "$")
	if len(parts) != 5 {
		return nil, malformed("firescrypt", "must read $firescrypt$ln=…,r=…,p=…$salt$hash$separator$signer key")
	}
	cost, err := parseScryptCost(parts[0])
	if err != nil {
		return nil, err
	}
	h := firebaseHash{scryptCost: cost}
	ok := make([]bool, 4)
	h.salt, ok[0] = un64(parts[1], 0, maxSalt)
	h.key, ok[1] = un64(parts[2], minKey, maxKey)
	h.separator, ok[2] = un64(parts[3], 0, maxSalt)
	h.signer, ok[3] = un64(parts[4], minKey, maxKey)
	if !ok[0] || !ok[1] || !ok[2] || !ok[3] || len(h.signer) != len(h.key) {
		return nil, malformed("firescrypt", "salt, hash, separator and signer key must be base64, hash and signer key of the same length")
	}
	return h, nil
}
