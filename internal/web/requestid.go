package web

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
)

// requestID returns the client's id where it is well-formed, else a new one. What strangers send ends in logs
// and headers, so only 8 to 128 of A-Z a-z 0-9 - _ . : are accepted.
func requestID(given []string) string {
	if len(given) == 1 && wellFormedID(given[0]) {
		return given[0]
	}
	// Unique is enough, nobody proves anything with a request id: the runtime's generator does.
	var raw [16]byte
	binary.LittleEndian.PutUint64(raw[:8], rand.Uint64())
	binary.LittleEndian.PutUint64(raw[8:], rand.Uint64())
	var text [32]byte
	hex.Encode(text[:], raw[:])
	return string(text[:])
}

func wellFormedID(s string) bool {
	if len(s) < 8 || len(s) > 128 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '-', c == '_', c == '.', c == ':':
		default:
			return false
		}
	}
	return true
}
