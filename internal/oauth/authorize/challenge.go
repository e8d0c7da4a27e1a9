package authorize

import (
	"encoding/base64"

	"github.com/google/uuid"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// Purpose says what a challenge lets its bearer do. It goes into the MAC, so that a challenge cannot be used as the
// verifier of the same flow: who was shown a login page has not thereby signed in.
type Purpose byte

// The purposes. Their values are part of challenges that are on their way and never change.
const (
	LoginChallenge   Purpose = 'l' // goes to the login app
	LoginVerifier    Purpose = 'L' // comes back from it
	ConsentChallenge Purpose = 'c' // goes to the consent app
	ConsentVerifier  Purpose = 'C' // comes back from it
	LogoutChallenge  Purpose = 'o' // goes to the logout app
	LogoutVerifier   Purpose = 'O' // comes back from it
)

// challengeLength is the length of a challenge: 15 bytes of id and 32 of MAC in base64url.
const challengeLength = 63

// Challenges makes and reads challenges and verifiers. One is the id of a flow and a MAC over purpose, tenant and id:
// 63 characters, however much the flow remembers, since all of that stays on the server. A made-up one is told from
// ours without asking the database.
type Challenges struct {
	ring *secret.Ring
}

// NewChallenges derives the MAC keys from the system secrets. After a rotation of those, challenges made under an
// older secret are still understood.
func NewChallenges(ring *secret.Ring) Challenges {
	return Challenges{ring: ring.For("oauth challenge")}
}

// NewFlowID makes the id of a flow: a UUID version 7, so that flows lie in the order of time, of which two random bits
// are zero, so that it packs into 15 bytes.
func NewFlowID() string {
	u := uuid.Must(uuid.NewV7())
	u[8] &^= 0b11
	return u.String()
}

// Make writes the challenge for an id that NewFlowID made.
func (c Challenges) Make(p Purpose, t tenant.ID, id string) string {
	packed, ok := pack(id)
	if !ok {
		return "" // not an id of ours; an empty challenge opens nothing
	}
	mac := c.ring.MAC(signed(p, t, packed))
	var raw [15 + 32]byte
	copy(raw[:], packed[:])
	copy(raw[15:], mac)
	return base64.RawURLEncoding.EncodeToString(raw[:])
}

// Open gives the flow id of a challenge that this server made for this purpose and tenant.
func (c Challenges) Open(p Purpose, t tenant.ID, text string) (id string, ok bool) {
	if len(text) != challengeLength {
		return "", false
	}
	var raw [48]byte
	n, err := base64.RawURLEncoding.Strict().Decode(raw[:], []byte(text))
	if err != nil || n != 15+32 {
		return "", false
	}
	packed := [15]byte(raw[:15])
	if !c.ring.VerifyMAC(signed(p, t, packed), raw[15:n]) {
		return "", false
	}
	return unpack(packed), true
}

// signed is what the MAC covers. Everything before the tenant has a fixed length, so no two inputs give the same bytes.
func signed(p Purpose, t tenant.ID, packed [15]byte) []byte {
	buf := make([]byte, 0, 1+15+len(t))
	buf = append(buf, byte(p))
	buf = append(buf, packed[:]...)
	return append(buf, t...)
}

// pack drops from a UUID version 7 what is the same in all of ours: version, variant, and the two zero bits.
func pack(id string) (out [15]byte, ok bool) {
	u, err := uuid.Parse(id)
	if err != nil || len(id) != 36 || u[6]>>4 != 7 || u[8]>>6 != 0b10 || u[8]&0b11 != 0 {
		return out, false
	}
	copy(out[:6], u[:6])
	out[6] = u[6]<<4 | u[8]>>2&0x0f
	out[7] = u[7]
	copy(out[8:], u[9:])
	return out, true
}

func unpack(in [15]byte) string {
	var u uuid.UUID
	copy(u[:6], in[:6])
	u[6] = 0x70 | in[6]>>4
	u[7] = in[7]
	u[8] = 0x80 | in[6]&0x0f<<2
	copy(u[9:], in[8:])
	return u.String()
}
