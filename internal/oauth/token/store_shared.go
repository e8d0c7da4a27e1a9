package token

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// sharedKind names the form in which servers share tokens. Whoever adds a column that decides about a token, or gives a member
// of a grant another meaning, counts it up: servers of both versions run beside each other.
const sharedKind = "token/1"

// shared is an access token as servers share it. The digest is what it is asked for by.
type shared struct {
	Digest  string          `json:"digest"`
	Grant   json.RawMessage `json:"grant"`
	Issued  time.Time       `json:"issued"`
	Expires time.Time       `json:"expires"`
	Spent   time.Time       `json:"spent"`
	Revoked time.Time       `json:"revoked"`
}

var errNotShared = errors.New("only access tokens are shared")

func encodeShared(t *Token) ([]byte, error) {
	if t.Kind != Access {
		return nil, errNotShared
	}
	grant, err := t.Grant.stored()
	if err != nil {
		return nil, err
	}
	return json.Marshal(shared{t.Digest, json.RawMessage(grant), t.IssuedAt, t.ExpiresAt, t.SpentAt, t.RevokedAt})
}

func decodeShared(raw []byte) (*Token, error) {
	var s shared
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, err
	}
	t := &Token{Kind: Access, Digest: s.Digest, IssuedAt: s.Issued, ExpiresAt: s.Expires, SpentAt: s.Spent, RevokedAt: s.Revoked}
	return t, json.Unmarshal(s.Grant, &t.Grant)
}

// subjects are what changes a token: itself, its family, and all of its client.
func subjects(_ string, t *Token) []sqldb.Subject {
	return []sqldb.Subject{
		{Topic: topic, Key: tokenChanged + t.Digest}, {Topic: topic, Key: familyChanged + t.Family}, {Topic: topic, Key: clientChanged + t.ClientID},
	}
}
