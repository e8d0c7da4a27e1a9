package activity

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"hash"
	"strconv"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// Line is a line of the log.
type Line struct {
	// Seq is its number: 1 for the first line of a tenant, and one more for each that follows.
	Seq int64
	// Document is the event as JSON, byte for byte what was hashed.
	Document []byte
	// Hash is the HMAC-SHA256 of the line and of the hash before it, base64url.
	Hash string

	// The columns beside the document, as they are stored.
	id, action, actor, subject string
	at                         time.Time
}

// head says where a tenant's log begins and ends.
type head struct {
	tenant tenant.ID
	seq    int64  // the last line's number; 0 where there was none yet
	hash   string // and hash
	first  int64  // the number of the first line that is kept
	anchor string // the hash before it
	sealed string // the chain's key, sealed
	mac    string // of what stands above
}

// The words with which hashes begin, so that what was made for the one is never taken for the other.
const (
	lineWord = "gatehouse activity line 1"
	headWord = "gatehouse activity head 1"
)

// link gives the hash of a line that follows the line with the hash before.
func link(key []byte, of tenant.ID, seq int64, before string, document []byte) string {
	h := hmac.New(sha256.New, key)
	part(h, []byte(lineWord))
	part(h, []byte(of))
	number(h, seq)
	part(h, []byte(before))
	part(h, document)
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// sum gives the MAC of a head.
func (h head) sum(key []byte) string {
	m := hmac.New(sha256.New, key)
	part(m, []byte(headWord))
	part(m, []byte(h.tenant))
	number(m, h.seq)
	part(m, []byte(h.hash))
	number(m, h.first)
	part(m, []byte(h.anchor))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// genuine reports whether the head was written by who has the key.
func (h head) genuine(key []byte) bool { return hmac.Equal([]byte(h.mac), []byte(h.sum(key))) }

// part hashes a value with its length before it, so that no two lists of values look the same.
func part(h hash.Hash, b []byte) {
	number(h, int64(len(b)))
	h.Write(b)
}

func number(h hash.Hash, n int64) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n))
	h.Write(b[:])
}

// follows reports whether a line is what was written behind the line with the hash before.
func (h head) follows(key []byte, l Line, before string) bool {
	return hmac.Equal([]byte(l.Hash), []byte(link(key, h.tenant, l.Seq, before, l.Document)))
}

// append adds documents to the log that ends in h, and gives their lines and the new head.
func (h head) append(key []byte, documents [][]byte) ([]Line, head) {
	lines := make([]Line, len(documents))
	for i, d := range documents {
		h.seq++
		h.hash = link(key, h.tenant, h.seq, h.hash, d)
		lines[i] = Line{Seq: h.seq, Document: d, Hash: h.hash}
	}
	h.mac = h.sum(key)
	return lines, h
}

// JSON gives the line as API and exports show it: the event, and before its members seq and hash. A document that was made
// unreadable is shown as text in "unreadable".
func (l Line) JSON() json.RawMessage {
	begin := `{"seq":` + strconv.FormatInt(l.Seq, 10) + `,"hash":"` + l.Hash + `"`
	if len(l.Document) > 2 && l.Document[0] == '{' && json.Valid(l.Document) && json.Valid([]byte(begin+"}")) {
		return append([]byte(begin+","), l.Document[1:]...)
	}
	out, err := json.Marshal(struct {
		Seq        int64  `json:"seq"`
		Hash       string `json:"hash"`
		Unreadable string `json:"unreadable"`
	}{l.Seq, l.Hash, string(l.Document)})
	if err != nil { // text alone: it cannot fail
		return json.RawMessage(`{}`)
	}
	return out
}
