package secret

import "strings"

// Column says where a store keeps sealed values, so that they can be counted and sealed anew by somebody who knows nothing of
// what they mean. Every store that seals has a function that gives its own.
type Column struct {
	// Database is the logical database, such as management.
	Database string
	Table    string
	// Name is the column. An empty text in it is no value.
	Name string
	// Key are columns that name a row, in the order of an index; all hold text. In a table of tenants' data the first is
	// tenant_id.
	Key []string
	// Ring is the ring of the purpose that the values were sealed for.
	Ring *Ring
	// Binding gives the additional data of the value in the row with this key.
	Binding func(key []string) []byte
}

// String gives database.table.column.
func (c Column) String() string { return strings.Join([]string{c.Database, c.Table, c.Name}, ".") }

// Reseal gives the plain content of sealed under the key that makes. Where that made it already, it is given back as it is.
func (c Column) Reseal(sealed string, key []string) (string, error) {
	if !c.Ring.Stale(sealed) {
		return sealed, nil
	}
	binding := c.Binding(key)
	plain, err := c.Ring.Open(sealed, binding)
	if err != nil {
		return "", err
	}
	defer clear(plain)
	return c.Ring.Seal(plain, binding)
}

// Digests says where a store keeps keyed digests, of which each names its key as Hasher.KeyedDigest writes it.
type Digests struct {
	// Database, Table and Name are as in Column. A value of the column may hold several digests.
	Database, Table, Name string
	// Marks gives, for each secret in the order of Ring.KeyIDs, what stands in the column where its key made a digest.
	Marks []string
}

// String gives database.table.column.
func (d Digests) String() string { return strings.Join([]string{d.Database, d.Table, d.Name}, ".") }

// DigestMarks gives the Marks of the digests that KeyedDigest makes.
func (h *Hasher) DigestMarks() []string {
	ids := h.keyed.KeyIDs()
	for i, id := range ids {
		ids[i] = keyedPrefix + id + "$"
	}
	return ids
}
