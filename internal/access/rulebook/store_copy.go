package rulebook

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// document is what a remote source said: rules as they were read.
type document struct {
	Text []byte `json:"text"`
	// ETag and Modified are what the source is told the next time (RFC 9110 §13.1.2, §13.1.3).
	ETag     string `json:"etag,omitempty"`
	Modified string `json:"modified,omitempty"`

	// Read is when it was read.
	Read time.Time `json:"-"`
}

// maxCopy bounds what is kept of a source, packed and sealed, in bytes: databases take no statement of any length.
const maxCopy = 8 << 20

// maxTags is more than the header fields of an answer have that are kept with its text, in bytes.
const maxTags = 16 << 10

var errNoCopy = errors.New("nothing was kept of the source")

// keepCopy writes down what a source of the context's tenant said, unless something newer is there: two statements at most.
func (s *Store) keepCopy(ctx context.Context, source string, d *document) error {
	id, _ := tenant.From(ctx)
	plain, err := json.Marshal(d)
	if err != nil {
		return err
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(plain); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	sealed, err := s.ring.Seal(packed.Bytes(), copyBinding(id, source))
	if err != nil {
		return err
	}
	if len(sealed) > maxCopy {
		return fmt.Errorf("has %d bytes when it is packed, and %d are the most that is kept", len(sealed), maxCopy)
	}
	n, err := s.db.Exec(ctx, `UPDATE access_rule_copy SET document = ?, read_at = ? WHERE tenant_id = :tenant AND source = ? AND read_at <= ?`, sealed, d.Read, source, d.Read)
	if err != nil || n > 0 {
		return err
	}
	_, err = s.db.Exec(ctx, `INSERT INTO access_rule_copy (tenant_id, source, document, read_at) VALUES (:tenant, ?, ?, ?)`, source, sealed, d.Read)
	if errors.Is(err, sqldb.ErrDuplicate) {
		return nil // another server has read it later
	}
	return err
}

// copyOf gives what was kept of a source of the context's tenant: one statement. errNoCopy says that there is nothing.
func (s *Store) copyOf(ctx context.Context, source string, limit int64) (*document, error) {
	id, _ := tenant.From(ctx)
	var sealed string
	var d document
	err := s.db.QueryRow(ctx, `SELECT document, read_at FROM access_rule_copy WHERE tenant_id = :tenant AND source = ?`, source).Scan(&sealed, &d.Read)
	if errors.Is(err, sqldb.ErrNoRows) {
		return nil, errNoCopy
	}
	if err != nil {
		return nil, err
	}
	packed, err := s.ring.Open(sealed, copyBinding(id, source))
	if err != nil {
		return nil, fmt.Errorf("what was kept cannot be opened; was secrets.system changed without keeping the earlier value? %w", err)
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	plain, err := readAtMost(r, 2*limit+maxTags) // base64 makes a third more of the text
	if err != nil {
		return nil, err
	}
	return &d, json.Unmarshal(plain, &d)
}

// copyBinding is the additional data of a sealed copy. No id of a rule has a line feed.
func copyBinding(of tenant.ID, source string) []byte { return []byte(string(of) + " copy\n" + source) }
