package dataset

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash"
)

// Digest names the content of a chunk: the first half of HMAC-SHA256 over its table's description and the SHA-256 of its rows.
type Digest [16]byte

// naming makes those of one table.
type naming struct {
	mac   hash.Hash
	table []byte
}

func newNaming(key []byte, t Table) *naming {
	return &naming{mac: hmac.New(sha256.New, key), table: t.describe()}
}

func (n *naming) digest(rows [sha256.Size]byte) (d Digest) {
	n.mac.Reset()
	n.mac.Write(n.table)
	n.mac.Write(rows[:])
	copy(d[:], n.mac.Sum(nil))
	return d
}

// What a chunk holds: where it ends follows from the keys of rows, so that a row which comes or goes changes its own chunk and
// not those behind it. Digests of tables follow from it too: other figures here are another form, with another magic.
const (
	minChunk = 8 << 10
	maxChunk = 256 << 10
	// chunkBits is how many bits of a key's hash are zero where a chunk ends: after every sixteenth row that may.
	chunkBits = 4
)

// cutter says where the rows of a table are cut into chunks.
type cutter struct {
	table Table
	key   []int
}

func newCutter(t Table) cutter { return cutter{table: t, key: t.key()} }

// after tells whether a chunk of n bytes ends with the row.
func (c cutter) after(row Row, n int) bool {
	if n < minChunk {
		return false
	}
	return n >= maxChunk || c.hash(row)>>(64-chunkBits) == 0
}

// hash is FNV-1a of the key, mixed so that its upper bits depend on all of it.
func (c cutter) hash(row Row) uint64 {
	const (
		offset = 14695981039346656037
		prime  = 1099511628211
	)
	h := uint64(offset)
	for _, at := range c.key {
		var number [8]byte
		text := row[at].Text
		if !textual(c.table.Columns[at].Kind) {
			binary.LittleEndian.PutUint64(number[:], uint64(row[at].Number))
			text = string(number[:])
		}
		for i := range len(text) {
			h = (h ^ uint64(text[i])) * prime
		}
		h = (h ^ uint64(len(text))) * prime
	}
	h ^= h >> 32
	return h * 0x9e3779b97f4a7c15 // 2^64 over the golden ratio
}

// earlier gives the rows of a chunk that this stream names.
func (in *Reader) earlier(name []byte) ([]byte, error) {
	var d Digest
	if len(name) != len(d) {
		return nil, fmt.Errorf("%w: a chunk is not named", ErrBroken)
	}
	if in.Earlier == nil {
		return nil, fmt.Errorf("%w: it names rows of an earlier one, which is not there", ErrBroken)
	}
	copy(d[:], name)
	rows, err := in.Earlier.lookUp(d)
	if err != nil {
		return nil, fmt.Errorf("an earlier one: %w", err)
	}
	return rows, nil
}

// lookUp reads on to the chunk. Streams have their tables and rows in one order, so chunks that are asked for in the order of a
// later stream are found in one reading.
func (in *Reader) lookUp(d Digest) ([]byte, error) {
	for {
		kind, content, err := in.next()
		if err != nil {
			return nil, err
		}
		switch kind {
		case frameTable:
			var t Table
			if json.Unmarshal(content, &t) != nil || !t.valid() {
				return nil, fmt.Errorf("%w: a table is not described", ErrBroken)
			}
			in.names = newNaming(in.head.Key, t)
		case frameData:
			if in.names == nil {
				return nil, fmt.Errorf("%w: rows belong to no table", ErrBroken)
			}
			if in.names.digest(sha256.Sum256(content)) == d {
				return content, nil
			}
		case frameSame:
			if string(content) == string(d[:]) {
				return in.earlier(content)
			}
		case frameLast:
			return nil, fmt.Errorf("%w: rows that a later one names are missing", ErrBroken)
		}
	}
}
