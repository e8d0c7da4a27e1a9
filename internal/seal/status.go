package seal

import (
	"context"
	"maps"
	"slices"
)

// Unknown is the key of values that were sealed by a secret which this server does not have.
const Unknown = "unknown"

// Count is how many values of a column a key has sealed, or has made digests of.
type Count struct {
	Column string `json:"column"`
	Key    string `json:"key"`
	Values int64  `json:"values"`
	// Digest tells that these are keyed digests. They are not sealed anew but renewed when their client authenticates next, and
	// do not keep a key from being retired.
	Digest bool `json:"digest,omitempty"`
}

// Status is the List with counts.
type Status struct {
	List
	// Values are the counts by column and key. Where a column has no value that a key made, there is no count.
	Values []Count `json:"values"`
	// Stale is how many values are to be sealed anew.
	Stale int64 `json:"stale"`
}

// Status counts, in the databases themselves, how many values each key has sealed. It reads every sealed column once.
func (s *Seals) Status(ctx context.Context) (Status, error) {
	list, err := s.List(ctx)
	if err != nil {
		return Status{}, err
	}
	out := Status{List: list, Values: []Count{}}
	for _, c := range s.Sealed() {
		counts, err := s.Store.count(ctx, c)
		if err != nil {
			return Status{}, err
		}
		for _, id := range slices.Sorted(maps.Keys(counts)) {
			root, ok := s.root(c, id)
			if !ok {
				root = Unknown
			}
			out.Values = append(out.Values, Count{Column: c.String(), Key: root, Values: counts[id]})
			if root != s.System.Making() {
				out.Stale += counts[id]
			}
		}
	}
	for _, d := range s.Digests {
		for i, root := range s.System.KeyIDs() {
			n, err := s.Store.countMark(ctx, d, d.Marks[i])
			if err != nil {
				return Status{}, err
			}
			if n > 0 {
				out.Values = append(out.Values, Count{Column: d.String(), Key: root, Values: n, Digest: true})
			}
		}
	}
	return out, nil
}
