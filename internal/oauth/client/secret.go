package client

import (
	"context"
	"encoding/json"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// Secrets are bounded: a client's current one and those it rotated away from.
const (
	maxRotated      = 5
	secretBytes     = 32 // 256 bits: nothing a guess could find
	minChosenSecret = 6
	maxChosenSecret = 1024
)

// storedSecret is a secret as it is kept: a text that tells how it was made,
// and when it ends (Unix seconds, 0 is never).
type storedSecret struct {
	Encoded   string `json:"encoded"`
	Chosen    bool   `json:"chosen,omitempty"` // by a person, hence slow to verify
	ExpiresAt int64  `json:"expires_at,omitempty"`
}

func (s storedSecret) expired(now time.Time) bool {
	return s.ExpiresAt != 0 && now.Unix() >= s.ExpiresAt
}

// generate makes a secret and what is kept of it.
func generate(h *secret.Hasher, expiresAt int64) (plain string, kept storedSecret) {
	plain = secret.Random(secretBytes)
	return plain, storedSecret{Encoded: h.KeyedDigest(plain), ExpiresAt: expiresAt}
}

// hashChosen makes what is kept of a secret that a person chose.
func hashChosen(ctx context.Context, h *secret.Hasher, plain string, expiresAt int64) (storedSecret, error) {
	encoded, err := h.Hash(ctx, plain)
	if err != nil {
		return storedSecret{}, err
	}
	return storedSecret{Encoded: encoded, Chosen: true, ExpiresAt: expiresAt}, nil
}

// rotated puts a new secret in front; the oldest go when there are too many,
// and those that have expired go in any case.
func rotated(secrets []storedSecret, fresh storedSecret, now time.Time) []storedSecret {
	out := []storedSecret{fresh}
	for _, s := range secrets {
		if len(out) > maxRotated {
			break
		}
		if !s.expired(now) {
			out = append(out, s)
		}
	}
	return out
}

// Keyed says where the digests of generated secrets are kept.
func Keyed(h *secret.Hasher) secret.Digests {
	return secret.Digests{Database: "oauth", Table: "oauth_client", Name: "secrets", Marks: h.DigestMarks()}
}

func encodeSecrets(secrets []storedSecret) (string, error) {
	if len(secrets) == 0 {
		return "[]", nil
	}
	raw, err := json.Marshal(secrets)
	return string(raw), err
}

func decodeSecrets(text string) (secrets []storedSecret, err error) {
	err = json.Unmarshal([]byte(text), &secrets)
	return secrets, err
}
