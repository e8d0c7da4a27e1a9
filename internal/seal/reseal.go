package seal

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// Failure is a value that could not be sealed anew, because it does not open. It stays as it is.
type Failure struct {
	Column string `json:"column"`
	// Row is the row's key, its columns joined by slashes.
	Row string `json:"row"`
	Why string `json:"why"`
}

// Batch is what became of some values.
type Batch struct {
	// Resealed is how many are sealed by the key that makes now, and Overtaken how many somebody else wrote or deleted meanwhile.
	Resealed  int       `json:"resealed"`
	Overtaken int       `json:"overtaken"`
	Failed    []Failure `json:"failed"`
	// After is where the next batch begins; Done that there is none.
	After string `json:"after,omitempty"`
	Done  bool   `json:"done"`
	// Column is the one that was worked on.
	Column string `json:"column"`
	// Left is how many values were to be sealed anew before this batch, where that was asked.
	Left *int64 `json:"left,omitempty"`
}

// MaxBatch is the most values of a batch.
const MaxBatch = 1000

const defaultBatch = 200

// cursor is where a walk over all columns is: behind the row with the key in the column.
type cursor struct {
	Column string   `json:"c"`
	Key    []string `json:"k,omitempty"`
}

func (c cursor) String() string {
	raw, err := json.Marshal(c)
	if err != nil {
		panic("seal: " + err.Error()) // texts always can be encoded
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// parseCursor reads what String wrote; "" is the beginning.
func parseCursor(text string, columns []secret.Column) (at int, key []string, err error) {
	if text == "" {
		return 0, nil, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	var c cursor
	if err != nil || json.Unmarshal(raw, &c) != nil {
		return 0, nil, ErrCursor
	}
	at = slices.IndexFunc(columns, func(col secret.Column) bool { return col.String() == c.Column })
	if at < 0 || c.Key != nil && len(c.Key) != len(columns[at].Key) {
		return 0, nil, ErrCursor
	}
	return at, c.Key, nil
}

// Reseal seals the next values anew, up to limit of them, behind where an earlier batch ended. Values that the key that makes has
// made are passed over, so whoever lost the place, or the process, begins at the front and repeats nothing. It fails with ErrWaits
// while the first secret of the configuration is not in use.
func (s *Seals) Reseal(ctx context.Context, after string, limit int, count bool) (Batch, error) {
	if first := s.System.KeyIDs()[0]; s.System.Making() != first {
		list, err := s.List(ctx)
		if err != nil {
			return Batch{}, err
		}
		return Batch{}, ErrWaits.With(fmt.Sprintf("The key %s stands first in secrets.system and is not in use yet, because servers run that cannot open what it makes: %s. Give them the secret, or stop them.",
			first, list.Waiting))
	}
	columns := s.Sealed()
	at, key, err := parseCursor(after, columns)
	if err != nil {
		return Batch{}, err
	}
	out := Batch{Failed: []Failure{}, Column: columns[at].String()}
	if count {
		if out.Left, err = s.left(ctx, columns[at:], key); err != nil {
			return Batch{}, err
		}
	}
	b, err := s.Store.reseal(ctx, columns[at], key, limit)
	if err != nil {
		return Batch{}, err
	}
	out.Resealed, out.Overtaken, out.Failed = b.resealed, b.overtaken, append(out.Failed, b.failed...)
	switch {
	case !b.done:
		out.After = cursor{columns[at].String(), b.last}.String()
	case at+1 < len(columns):
		out.After = cursor{Column: columns[at+1].String()}.String()
	default:
		out.Done = true
		err = s.Store.tell(ctx, activity.Resealed, s.System.Making())
	}
	return out, err
}

// left counts what is to be sealed anew, in the first column behind a row.
func (s *Seals) left(ctx context.Context, columns []secret.Column, after []string) (*int64, error) {
	total := int64(0)
	for _, c := range columns {
		n, err := s.Store.left(ctx, c, after)
		if err != nil {
			return nil, err
		}
		total, after = total+n, nil
	}
	return &total, nil
}
