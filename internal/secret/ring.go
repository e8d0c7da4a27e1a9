package secret

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"golang.org/x/crypto/chacha20poly1305"
)

// MinLength is the fewest characters a secret of a ring may have.
const MinLength = 16

var (
	// ErrSealed says that a sealed text is not what Seal made for this purpose and additional data: cut, forged, moved.
	ErrSealed = errors.New("sealed value cannot be opened: it was changed, cut or made for something else")
	// ErrUnknownKey says that a text was sealed by a secret that is not on the ring, most often one removed too early.
	ErrUnknownKey = errors.New("sealed value cannot be opened: it was made with a secret that is no longer configured; put that secret back at the end of the list")
)

// Ring is a list of keys for one purpose, derived from the operator's secrets. One key makes, the first unless Lead chose
// another; all of them check. It may be used by many goroutines.
type Ring struct {
	keys []*ringKey
	lead *atomic.Int32 // the place of the key that makes; shared with the rings of all purposes
	left []estate      // what retired secrets have left behind, for purposes of this ring
}

// ringKey is one secret bent to one purpose.
type ringKey struct {
	id          string
	fingerprint string
	root        []byte // what For derives from; never used as a key itself
	aead        cipher.AEAD
	macs        sync.Pool // of *macState
	inherited   bool      // it authenticates and never opens: its secret was retired
}

// macState is a keyed hash with its scratch space. What passes through the hash.Hash interface escapes to the heap,
// so the buffers live here and are used again.
type macState struct {
	hash hash.Hash
	buf  []byte
	sum  [sha256.Size]byte
	text [digestLen]byte
}

// digestLen is the length of 32 bytes in base64url.
const digestLen = 43

// rootLen is the length of what keys are derived from, in bytes.
const rootLen = sha256.Size

// IDLength is the length of a key's id in characters.
const IDLength = 8

// The labels of the key tree (the info of HKDF-Expand). None is a prefix of another up to its end, so no purpose can
// be named in a way that gives it the key of something else.
const (
	labelSalt        = "gatehouse/ring/v1"
	labelSeal        = "seal"
	labelMAC         = "mac"
	labelID          = "id"
	labelFingerprint = "fingerprint"
	labelPurpose     = "for/"
)

// NewRing makes the ring of secrets, of which the first is the one in use and the others are older ones that are still
// to be understood. Each has at least 16 characters.
func NewRing(secrets []String) (*Ring, error) {
	if len(secrets) == 0 {
		return nil, errors.New("a key ring needs at least one secret")
	}
	r := &Ring{keys: make([]*ringKey, 0, len(secrets)), lead: new(atomic.Int32)}
	for i, s := range secrets {
		if utf8.RuneCountInString(s.Reveal()) < MinLength {
			return nil, fmt.Errorf("secret %d of the key ring is shorter than %d characters", i+1, MinLength)
		}
		root, err := hkdf.Extract(sha256.New, []byte(s.Reveal()), []byte(labelSalt))
		if err != nil {
			return nil, fmt.Errorf("secret %d of the key ring: %w", i+1, err)
		}
		r.keys = append(r.keys, newRingKey(root))
	}
	return r, nil
}

// newRingKey derives all that a root gives for its purpose.
func newRingKey(root []byte) *ringKey {
	aead, err := chacha20poly1305.NewX(expand(root, labelSeal, chacha20poly1305.KeySize))
	if err != nil {
		panic("secret: " + err.Error()) // only a wrong key length, which is fixed above
	}
	macKey := expand(root, labelMAC, sha256.Size)
	k := &ringKey{
		id:          b64.EncodeToString(expand(root, labelID, 6)),
		fingerprint: b64.EncodeToString(expand(root, labelFingerprint, 16)),
		root:        root,
		aead:        aead,
	}
	k.macs.New = func() any {
		return &macState{hash: hmac.New(sha256.New, macKey), buf: make([]byte, 0, 256)}
	}
	return k
}

// expand is HKDF-Expand (RFC 5869 §2.3) with the hash of this package.
func expand(root []byte, label string, n int) []byte {
	out, err := hkdf.Expand(sha256.New, root, label, n)
	if err != nil {
		panic("secret: " + err.Error()) // only lengths above 255 hashes, or a hash that FIPS mode forbids
	}
	return out
}

// For gives the ring of a purpose: other keys, other ids, nothing that one purpose made is accepted by another. It
// costs some microseconds per secret; call it once and keep what it gives.
func (r *Ring) For(purpose string) *Ring {
	sub := &Ring{keys: make([]*ringKey, len(r.keys)), lead: r.lead}
	for i, k := range r.keys {
		sub.keys[i] = newRingKey(expand(k.root, labelPurpose+purpose, rootLen))
		sub.keys[i].inherited = k.inherited
	}
	for _, e := range r.left {
		if e.Purpose == purpose {
			k := newRingKey(e.Root)
			k.inherited = true
			sub.keys = append(sub.keys, k)
		}
	}
	return sub
}

// first is the key that makes.
func (r *Ring) first() *ringKey { return r.keys[r.lead.Load()] }

// Lead has the key with the id make from now on, in this ring and in those of all purposes that were or will be derived of it.
// It tells whether the ring has that key. Call it on the ring of the secrets themselves: ids differ from purpose to purpose.
func (r *Ring) Lead(id string) bool {
	for i, k := range r.keys {
		if k.id == id && !k.inherited {
			r.lead.Store(int32(i))
			return true
		}
	}
	return false
}

// Seal encrypts plain under the key that makes and authenticates aad with it. Give as aad what says where the value
// belongs, such as its table and row id: a sealed value moved elsewhere then does not open.
func (r *Ring) Seal(plain, aad []byte) (string, error) {
	k := r.first()
	raw := make([]byte, chacha20poly1305.NonceSizeX, chacha20poly1305.NonceSizeX+len(plain)+k.aead.Overhead())
	rand.Read(raw)
	raw = k.aead.Seal(raw, raw, plain, aad)
	text := make([]byte, 0, len(k.id)+1+base64.RawURLEncoding.EncodedLen(len(raw)))
	text = append(append(text, k.id...), '.')
	return string(b64.AppendEncode(text, raw)), nil
}

// Open gives the plain bytes of what Seal made with any secret of the ring and the same aad; otherwise ErrUnknownKey
// or ErrSealed.
func (r *Ring) Open(sealed string, aad []byte) ([]byte, error) {
	id, text, found := strings.Cut(sealed, ".")
	if !found {
		return nil, ErrSealed
	}
	known := false
	var raw []byte
	for _, k := range r.keys {
		if k.id != id || k.inherited {
			continue
		}
		if !known {
			var err error
			raw, err = b64.DecodeString(text)
			if err != nil || len(raw) < chacha20poly1305.NonceSizeX || strings.ContainsAny(text, "\r\n") {
				return nil, ErrSealed // the decoder alone would skip line ends
			}
			known = true
		}
		plain, err := k.aead.Open(nil, raw[:chacha20poly1305.NonceSizeX], raw[chacha20poly1305.NonceSizeX:], aad)
		if err == nil {
			return plain, nil
		}
	}
	if !known {
		return nil, ErrUnknownKey
	}
	return nil, ErrSealed
}

// Stale tells whether sealed was made by another key than the one that makes, or by none of this ring: what a rotation
// looks for when it seals again.
func (r *Ring) Stale(sealed string) bool {
	id, _, _ := strings.Cut(sealed, ".")
	return id != r.first().id
}

// MAC gives the HMAC-SHA256 (RFC 2104) of data under the key that makes: 32 bytes.
func (r *Ring) MAC(data []byte) []byte {
	return r.first().mac(make([]byte, 0, sha256.Size), data)
}

// VerifyMAC tells, in constant time, whether mac is the MAC of data under any key of the ring.
func (r *Ring) VerifyMAC(data, mac []byte) bool {
	var sum [sha256.Size]byte
	for _, k := range r.keys {
		if hmac.Equal(k.mac(sum[:0], data), mac) {
			return true
		}
	}
	return false
}

// mac appends the MAC of data to dst.
func (k *ringKey) mac(dst, data []byte) []byte {
	s := k.borrow()
	s.hash.Write(data)
	dst = append(dst, s.hash.Sum(s.sum[:0])...)
	k.giveBack(s)
	return dst
}

func (k *ringKey) borrow() *macState { return k.macs.Get().(*macState) }

// giveBack clears what the state saw and returns it to the pool. A scratch buffer that one long value made large is
// left to the collector.
func (k *ringKey) giveBack(s *macState) {
	const keep = 1024
	s.hash.Reset()
	clear(s.buf)
	clear(s.sum[:])
	if cap(s.buf) > keep {
		s.buf = make([]byte, 0, keep/4)
	}
	k.macs.Put(s)
}

// Fingerprint names the secret that makes, for this purpose: 22 characters that are the same in every server with that
// secret, and from which a good secret cannot be found.
func (r *Ring) Fingerprint() string { return r.first().fingerprint }

// FingerprintOf gives what Fingerprint would give, were the key with the id the one that makes.
func (r *Ring) FingerprintOf(id string) (fingerprint string, ok bool) {
	for _, k := range r.keys {
		if k.id == id && !k.inherited {
			return k.fingerprint, true
		}
	}
	return "", false
}

// Knows tells whether fingerprint names any secret of the ring: so a server can refuse to start on data that was
// sealed with secrets it does not have.
func (r *Ring) Knows(fingerprint string) bool {
	for _, k := range r.keys {
		if k.fingerprint == fingerprint && !k.inherited {
			return true
		}
	}
	return false
}

// KeyIDs gives the ids of the secrets' keys in the order of the secrets, as they stand in front of sealed values. What
// was inherited is not among them.
func (r *Ring) KeyIDs() []string {
	ids := make([]string, 0, len(r.keys))
	for _, k := range r.keys {
		if !k.inherited {
			ids = append(ids, k.id)
		}
	}
	return ids
}

// Making gives the id of the key that makes.
func (r *Ring) Making() string { return r.first().id }

// String names the ring by its key ids.
func (r *Ring) String() string { return "ring(" + strings.Join(r.KeyIDs(), ",") + ")" }

// Format gives String for every verb, so that no verb walks into the keys.
func (r *Ring) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.String()) }

// LogValue gives String to slog.
func (r *Ring) LogValue() slog.Value { return slog.StringValue(r.String()) }
