package oauth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
)

// PKCES256 is the only code challenge method accepted: with `plain` whoever
// reads the authorization request can redeem the code (RFC 9700 §2.1.1).
const PKCES256 = "S256"

// challengeLength is the length of a SHA-256 digest in base64url without padding.
const challengeLength = 43

// CheckChallenge validates the `code_challenge` and `code_challenge_method` of
// an authorization request. Absent PKCE is valid here; whether it is required
// is for the caller to say.
func CheckChallenge(challenge, method string) error {
	switch {
	case challenge == "" && method == "":
		return nil
	case challenge == "":
		return ErrInvalidRequest.With("The code_challenge_method parameter was sent without a code_challenge.")
	case method != PKCES256:
		// RFC 7636 §4.3: an absent method means plain, §4.4.1 is how to refuse it.
		return ErrInvalidRequest.With("The code_challenge_method must be S256; plain is not accepted.")
	case len(challenge) != challengeLength || !base64URL(challenge):
		return ErrInvalidRequest.With("The code_challenge must be the base64url-encoded SHA-256 digest of the code verifier: 43 characters without padding.")
	}
	return nil
}

// VerifyPKCE checks the `code_verifier` of a token request against the stored
// S256 challenge (RFC 7636 §4.6). A verifier for a code that was asked for
// without a challenge is refused as well (RFC 9700 §4.8.2): it is the mark of
// a downgrade.
func VerifyPKCE(challenge, verifier string) error {
	switch {
	case challenge == "" && verifier == "":
		return nil
	case challenge == "":
		return ErrInvalidGrant.With("The code_verifier was sent, but the authorization request had no code_challenge.")
	case verifier == "":
		return ErrInvalidGrant.With("The code_verifier is missing; the authorization request had a code_challenge.")
	case len(verifier) < 43 || len(verifier) > 128 || !unreserved(verifier):
		return ErrInvalidGrant.With("The code_verifier must have 43 to 128 characters out of letters, digits and -._~ (RFC 7636 §4.1).")
	}
	sum := sha256.Sum256([]byte(verifier))
	var computed [challengeLength]byte
	base64.RawURLEncoding.Encode(computed[:], sum[:])
	if subtle.ConstantTimeCompare(computed[:], []byte(challenge)) != 1 {
		return ErrInvalidGrant.With("The code_verifier does not match the code_challenge of the authorization request.")
	}
	return nil
}

func base64URL(s string) bool {
	for i := range len(s) {
		if c := s[i]; !alphanumeric(c) && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

func unreserved(s string) bool {
	for i := range len(s) {
		if c := s[i]; !alphanumeric(c) && c != '-' && c != '.' && c != '_' && c != '~' {
			return false
		}
	}
	return true
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
