package secret

import (
	"crypto/subtle"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

// argonCost is what one Argon2id computation takes (RFC 9106 §3.1): memory in KiB, passes over it, lanes.
type argonCost struct {
	memory, time uint32
	parallelism  uint8
}

// argonHash is a stored Argon2 hash.
type argonHash struct {
	cost      argonCost
	salt, key []byte
	// independent says Argon2i, whose memory accesses do not depend on the password; it is verified, never made.
	independent bool
}

// What begins an Argon2 hash of version 1.3 (0x13 = 19) in PHC form. Argon2d and version 1.0 have no implementation here.
const (
	argonPrefix  = "$argon2id$v=19$"
	argonIPrefix = "$argon2i$v=19$"
)

// memory is what computing takes, in KiB.
func (h argonHash) memory() uint32 { return h.cost.memory }

// match computes and compares.
func (h argonHash) match(password []byte) bool {
	derive := argon2.IDKey
	if h.independent {
		derive = argon2.Key
	}
	key := derive(password, h.salt, h.cost.time, h.cost.memory, h.cost.parallelism, uint32(len(h.key)))
	return subtle.ConstantTimeCompare(key, h.key) == 1
}

// format writes the PHC string: $argon2id$v=19$m=…,t=…,p=…$<salt>$<key>, base64 without padding.
func (h argonHash) format() string {
	return argonPrefix + h.cost.format() + "$" + phc64.EncodeToString(h.salt) + "$" + phc64.EncodeToString(h.key)
}

// format writes m=…,t=…,p=….
func (c argonCost) format() string {
	return "m=" + strconv.FormatUint(uint64(c.memory), 10) +
		",t=" + strconv.FormatUint(uint64(c.time), 10) +
		",p=" + strconv.FormatUint(uint64(c.parallelism), 10)
}

// parseArgon reads a PHC string. It takes exactly what format writes: no leading zeros, no other order.
func parseArgon(encoded string) (storedHash, error) {
	rest, found := strings.CutPrefix(encoded, argonPrefix)
	independent := false
	if !found {
		rest, independent = strings.CutPrefix(encoded, argonIPrefix)
	}
	parts := strings.Split(rest, "$")
	if !found && !independent || len(parts) != 3 {
		return nil, malformed("Argon2", "must read $argon2id$v=19$m=…,t=…,p=…$salt$hash")
	}
	cost, err := parseCost(parts[0])
	if err != nil {
		return nil, err
	}
	salt, ok1 := unphc(parts[1], minSalt, maxSalt)
	key, ok2 := unphc(parts[2], minKey, maxKey)
	if !ok1 || !ok2 {
		return nil, malformed("Argon2", "salt and hash must be base64 without padding, of 8 to 256 and 16 to 128 bytes")
	}
	return argonHash{cost: cost, salt: salt, key: key, independent: independent}, nil
}

// parseCost reads m=…,t=…,p=… within the bounds; memory is at least 8 KiB per lane (RFC 9106 §3.1).
func parseCost(text string) (argonCost, error) {
	parts := strings.Split(text, ",")
	if len(parts) != 3 {
		return argonCost{}, malformed("Argon2", "parameters must read m=…,t=…,p=…")
	}
	memory, ok1 := parseField(parts[0], "m=", argonMostMemory)
	time, ok2 := parseField(parts[1], "t=", maxTime)
	lanes, ok3 := parseField(parts[2], "p=", maxParallelism)
	if !ok1 || !ok2 || !ok3 || memory < 8*lanes {
		return argonCost{}, malformed("Argon2", "m must be from 8 times p to 1048576 KiB, t from 1 to 10, p from 1 to 255")
	}
	return argonCost{memory: memory, time: time, parallelism: uint8(lanes)}, nil
}

// parseField reads name followed by a decimal number from 1 to most, written the one canonical way.
func parseField(text, name string, most uint32) (uint32, bool) {
	digits, found := strings.CutPrefix(text, name)
	if !found || digits == "" || digits[0] < '1' || digits[0] > '9' {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	return uint32(n), err == nil && uint32(n) <= most
}
