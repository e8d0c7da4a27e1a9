package dataset_test

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/dataset"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// breaking is a source that ends in the midst of a table.
type breaking struct {
	dataset.Source

	table string
	after int
	fault error
}

func (b breaking) Each(ctx context.Context, fn func(ctx context.Context, t dataset.Table, rows iter.Seq2[dataset.Row, error]) error) error {
	return b.Source.Each(ctx, func(ctx context.Context, t dataset.Table, rows iter.Seq2[dataset.Row, error]) error {
		if t.Name != b.table {
			return fn(ctx, t, rows)
		}
		return fn(ctx, t, func(yield func(dataset.Row, error) bool) {
			n := 0
			for row, err := range rows {
				if n++; n > b.after {
					yield(nil, b.fault)
					return
				}
				if !yield(row, err) {
					return
				}
			}
		})
	})
}

// Where very many rows are missing at the end they come in another way, which may break off as well, is gone on with, and leaves nothing
// behind that was not in the source.
func TestSyncOfVeryManyRows(t *testing.T) {
	const rows = 15_000
	source := testkit.SQLite(t, "management")
	fill(t, rand.New(rand.NewPCG(9, 10)), "management", source, rows, "identity_handle")
	from := dataset.Databases{"management": source}
	testkit.EachDB(t, "management", func(t *testing.T, target *sqldb.DB) {
		to, fault := dataset.Databases{"management": target}, errors.New("the source broke")
		sync := func(after int) error {
			return dataset.Snapshot(t.Context(), from, func(ctx context.Context, src dataset.Source) error {
				var last int64
				_, err := dataset.Sync(ctx, breaking{Source: src, table: "identity_handle", after: after, fault: fault}, to, func(t dataset.Table, c dataset.Change) {
					if t.Name == "identity_handle" {
						last = c.Same + c.Added
					}
				})
				if err == nil && last != rows {
					t.Errorf("progress ends at %d rows", last)
				}
				return err
			})
		}
		for _, after := range []int{12_500, 14_000} { // in the midst of what comes in the other way
			if err := sync(after); !errors.Is(err, fault) {
				t.Fatal(err)
			}
		}
		if err := sync(rows); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(summary(t, from), summary(t, to)); diff != "" {
			t.Error(diff)
		}
	})
}
