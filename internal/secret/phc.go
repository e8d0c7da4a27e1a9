package secret

import (
	"errors"
	"strconv"
	"strings"
)

// ErrFormat says that a stored hash is in no format this server verifies, or names costs beyond its bounds.
var ErrFormat = errors.New("stored hash is in a format that cannot be verified")

// Bounds of what a stored hash may ask for. They are applied before a byte of memory is taken: a row that an attacker
// or an import wrote must not decide what a login costs.
const (
	maxTime        = 16
	maxParallelism = 16
	minSalt        = 8
	maxSalt        = 64
	minKey         = 16
	maxKey         = 64
)

// argonCost is what one Argon2id computation takes (RFC 9106 §3.1): memory in KiB, passes over it, lanes.
type argonCost struct {
	memory, time uint32
	parallelism  uint8
}

// argonHash is a stored Argon2id hash.
type argonHash struct {
	cost      argonCost
	salt, key []byte
}

// argonPrefix begins every Argon2id hash of version 1.3 (0x13 = 19) in PHC form.
const argonPrefix = "$argon2id$v=19$"

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
func parseArgon(encoded string, maxMemory uint32) (argonHash, error) {
	rest, found := strings.CutPrefix(encoded, argonPrefix)
	if !found || len(rest) > 256 {
		return argonHash{}, ErrFormat
	}
	costs, rest, ok1 := strings.Cut(rest, "$")
	saltText, keyText, ok2 := strings.Cut(rest, "$")
	if !ok1 || !ok2 {
		return argonHash{}, ErrFormat
	}
	cost, err := parseCost(costs, maxMemory)
	if err != nil {
		return argonHash{}, err
	}
	salt, err1 := phc64.DecodeString(saltText)
	key, err2 := phc64.DecodeString(keyText)
	if err1 != nil || err2 != nil || strings.ContainsAny(rest, "\r\n") {
		return argonHash{}, ErrFormat // the decoder would skip line ends
	}
	if len(salt) < minSalt || len(salt) > maxSalt || len(key) < minKey || len(key) > maxKey {
		return argonHash{}, ErrFormat
	}
	return argonHash{cost: cost, salt: salt, key: key}, nil
}

// parseCost reads m=…,t=…,p=… within the bounds; memory is at least 8 KiB per lane (RFC 9106 §3.1).
func parseCost(text string, maxMemory uint32) (argonCost, error) {
	m, rest, ok1 := strings.Cut(text, ",")
	t, p, ok2 := strings.Cut(rest, ",")
	if !ok1 || !ok2 {
		return argonCost{}, ErrFormat
	}
	memory, ok1 := parseField(m, "m=", maxMemory)
	time, ok2 := parseField(t, "t=", maxTime)
	lanes, ok3 := parseField(p, "p=", maxParallelism)
	if !ok1 || !ok2 || !ok3 || memory < 8*lanes {
		return argonCost{}, ErrFormat
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
