package client

import (
	"encoding/json"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// sharedKind names the form in which servers share clients. Whoever adds a column that decides about a client, or gives a member
// of its document another meaning, counts it up: servers of both versions run beside each other.
const sharedKind = "client/1"

// record is a row of columns. It is also what servers share, as JSON.
type record struct {
	ID       string
	Document string
	Secrets  string
	Version  int64
	Created  time.Time
	Updated  time.Time
}

func (r *record) dest() []any {
	return []any{&r.ID, &r.Document, &r.Secrets, &r.Version, &r.Created, &r.Updated}
}

// decodeRecord reads a record that a server shares.
func decodeRecord(raw []byte) (*record, error) {
	r := new(record)
	return r, json.Unmarshal(raw, r)
}

// subjects are what changes a client.
func subjects(id string, _ *record) []sqldb.Subject { return []sqldb.Subject{{Topic: Topic, Key: id}} }
