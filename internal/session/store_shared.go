package session

import (
	"encoding/json"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// sharedKind names the form in which servers share sessions, before a digest of the statement that reads them: a column more is
// another form. Whoever gives a column another meaning counts it up: servers of both versions run beside each other.
const sharedKind = "session/1/"

// record is a row of Store.joined, or of alone where people are not asked for. It is also what servers share: as JSON, under a
// name that tells its columns.
type record struct {
	ID            string
	IdentityID    string
	Digest        string
	Active        bool
	AAL           string
	Methods       string
	Devices       string
	Issued        time.Time
	Authenticated time.Time
	Expires       time.Time
	Epoch         *int64
	Who           identity.Row
}

func (r *record) dest(people bool) []any {
	dest := []any{
		&r.ID, &r.IdentityID, &r.Digest, &r.Active, &r.AAL, &r.Methods, &r.Devices, &r.Issued, &r.Authenticated, &r.Expires, &r.Epoch,
	}
	if people {
		dest = append(dest, r.Who.Dest()...)
	}
	return dest
}

// decode reads a record that a server shares.
func decode(raw []byte) (*record, error) {
	r := new(record)
	return r, json.Unmarshal(raw, r)
}

// subjects are what changes a session as it is read: itself, and the identity that it is joined with.
func subjects(_ string, r *record) []sqldb.Subject {
	return []sqldb.Subject{{Topic: Topic, Key: r.ID}, {Topic: Topic, Key: r.IdentityID}, {Topic: identity.Topic, Key: r.IdentityID}}
}
