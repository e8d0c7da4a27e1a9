package authn

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access"
)

// Confirmation is the claim cnf of a token (RFC 7800 §3.1): the key that its holder must prove to hold. The zero value asks for
// nothing.
type Confirmation struct {
	// JKT is the SHA-256 thumbprint of the key that DPoP proofs are signed with (RFC 9449 §6), base64url.
	JKT string `json:"jkt"`
	// X5T is the SHA-256 thumbprint of the client's certificate (RFC 8705 §3.1), base64url.
	X5T string `json:"x5t#S256"`
	// Other tells that the token is bound in a way that is not known here, so that nobody can prove to be its holder.
	Other bool `json:"-"`
}

// UnmarshalJSON reads a cnf claim. Members that are not understood make the token unusable here: to pass them over would be to
// accept a bound token from anybody (RFC 7800 §3.1 leaves it to the application).
func (c *Confirmation) UnmarshalJSON(data []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return errors.New("cnf is not an object")
	}
	*c = Confirmation{}
	for name, value := range members {
		var err error
		switch name {
		case "jkt":
			err = json.Unmarshal(value, &c.JKT)
		case "x5t#S256":
			err = json.Unmarshal(value, &c.X5T)
		default:
			c.Other = true
		}
		if err != nil {
			return errors.New("cnf has a thumbprint that is not a string")
		}
	}
	// A confirmation that confirms nothing is not the same as none.
	c.Other = c.Other || c.JKT == "" && c.X5T == ""
	return nil
}

// The reasons why a token was refused that is bound to a key. Doors find them in the cause of access.ErrUnauthorized.
var (
	// ErrProof says that the DPoP proof is missing or no good (RFC 9449 §7.1).
	ErrProof error = &bindingError{"invalid DPoP proof", `DPoP error="invalid_dpop_proof", `}
	// ErrBinding says that the token is bound to something that the request does not show (RFC 8705 §3, RFC 9449 §7.2).
	ErrBinding error = &bindingError{"the token is bound to a key that the request does not prove to hold", `Bearer error="invalid_token", DPoP `}
)

// bindingError is an access.Challenger. Its challenge ends with the algorithms with which proofs may be signed.
type bindingError struct{ text, challenge string }

// Error says what is wrong, for the log.
func (e *bindingError) Error() string { return e.text }

// Challenge implements access.Challenger.
func (e *bindingError) Challenge() string {
	var names []string
	for _, a := range proofAlgorithms() {
		names = append(names, string(a))
	}
	return e.challenge + `algs="` + strings.Join(names, " ") + `"`
}

// confirmer checks that who presents a bound token holds its key.
type confirmer struct {
	now    func() time.Time
	proofs *replays
}

// check returns nil where the token is not bound, or the request proves to hold the key.
func (c *confirmer) check(ctx context.Context, r *access.Request, presented credential, cnf Confirmation) error {
	if cnf == (Confirmation{}) {
		if presented.dpop { // RFC 9449 §7.1: the scheme is for tokens that are bound
			return access.ErrUnauthorized.Because(errors.Join(ErrBinding, errors.New("the scheme is DPoP and the token is not bound")))
		}
		return nil
	}
	if cnf.Other {
		return access.ErrUnauthorized.Because(errors.Join(ErrBinding, errors.New("cnf has a member that is not understood")))
	}
	if cnf.X5T != "" && !holdsCertificate(r.Certificate, cnf.X5T) {
		return access.ErrUnauthorized.Because(errors.Join(ErrBinding, errors.New("no certificate, or another one")))
	}
	if cnf.JKT == "" {
		if presented.dpop {
			return access.ErrUnauthorized.Because(errors.Join(ErrBinding, errors.New("the scheme is DPoP and the token is bound to a certificate")))
		}
		return nil
	}
	if !presented.dpop { // RFC 9449 §7.1: a bound token that comes as a bearer token is refused
		return access.ErrUnauthorized.Because(errors.Join(ErrBinding, errors.New("the token is bound to a DPoP key and the scheme is not DPoP")))
	}
	if err := c.proof(ctx, r, presented.token, cnf.JKT); err != nil {
		return access.ErrUnauthorized.Because(errors.Join(ErrProof, err))
	}
	return nil
}

// holdsCertificate compares thumbprints (RFC 8705 §3.1).
func holdsCertificate(certificate []byte, want string) bool {
	if len(certificate) == 0 {
		return false
	}
	return sameThumbprint(sha256.Sum256(certificate), want)
}

// sameThumbprint compares a hash with its text in constant time.
func sameThumbprint(sum [sha256.Size]byte, want string) bool {
	var text [43]byte
	base64.RawURLEncoding.Encode(text[:], sum[:])
	return subtle.ConstantTimeCompare(text[:], []byte(want)) == 1
}
