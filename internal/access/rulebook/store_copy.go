package rulebook

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gatehouse-iam/gatehouse/internal/access/rulebook/source"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// maxCopy bounds what is kept of a source, packed and sealed, in bytes: databases take no statement of any length.
const maxCopy = 8 << 20

// maxTags is more than the header fields of an answer have that are kept with its text, in bytes.
const maxTags = 16 << 10

var (
	errNoCopy    = errors.New("nothing was kept of the source")
	errLargeCopy = errors.New("too much to be kept")
)

// keepCopy writes down what a source of the context's tenant said, unless something newer is there: two statements at most.
func (s *Store) keepCopy(ctx context.Context, name string, d *source.Document) error {
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
	sealed, err := s.ring.Seal(packed.Bytes(), copyBinding(id, name))
	if err != nil {
		return err
	}
	if len(sealed) > maxCopy {
		return fmt.Errorf("%w: %d bytes when it is packed, and %d are the most", errLargeCopy, len(sealed), maxCopy)
	}
	n, err := s.db.Exec(ctx, `UPDATE access_rule_copy SET document = ?, read_at = ? WHERE tenant_id = :tenant AND source = ? AND read_at <= ?`, sealed, d.Read, name, d.Read)
	if err != nil || n > 0 {
		return err
	}
	_, err = s.db.Exec(ctx, `INSERT INTO access_rule_copy (tenant_id, source, document, read_at) VALUES (:tenant, ?, ?, ?)`, name, sealed, d.Read)
	if errors.Is(err, sqldb.ErrDuplicate) {
		return nil // another server has read it later
	}
	return err
}

// copyOf gives what was kept of a source of the context's tenant: one statement. errNoCopy says that there is nothing.
func (s *Store) copyOf(ctx context.Context, name string, limit int64) (*source.Document, error) {
	id, _ := tenant.From(ctx)
	var sealed string
	var d source.Document
	err := s.db.QueryRow(ctx, `SELECT document, read_at FROM access_rule_copy WHERE tenant_id = :tenant AND source = ?`, name).Scan(&sealed, &d.Read)
	if errors.Is(err, sqldb.ErrNoRows) {
		return nil, errNoCopy
	}
	if err != nil {
		return nil, err
	}
	packed, err := s.ring.Open(sealed, copyBinding(id, name))
	if err != nil {
		return nil, fmt.Errorf("what was kept cannot be opened; was secrets.system changed without keeping the earlier value? %w", err)
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	plain, err := source.ReadAtMost(r, 2*limit+maxTags) // base64 makes a third more of the text
	if err != nil {
		return nil, err
	}
	return &d, json.Unmarshal(plain, &d)
}

// copyBinding is the additional data of a sealed copy. No id of a rule has a line feed.
func copyBinding(of tenant.ID, name string) []byte { return []byte(string(of) + " copy\n" + name) }
