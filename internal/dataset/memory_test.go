package dataset_test

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/dataset"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// TestMemoryDoesNotGrowWithRows: what is written is on its way, and never all there at once.
func TestMemoryDoesNotGrowWithRows(t *testing.T) {
	const rows, batch = 50_000, 5_000
	db := testkit.SQLite(t, "oauth")
	grant := fmt.Sprintf("%0400d", 1)
	for i := 0; i < rows; i += batch {
		more := make([][]any, batch)
		for j := range more {
			more[j] = []any{"default", fmt.Sprintf("%043d", i+j), "at", "client", grant, time.UnixMicro(0).UTC()}
		}
		if _, err := db.AllTenants().InsertRows(t.Context(), "oauth_token", []string{"tenant_id", "digest", "kind", "client_id", "grant_json", "issued_at"}, more); err != nil {
			t.Fatal(err)
		}
	}
	live := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	var first, most uint64 // with a tenth of the rows behind it, and later
	seen := int64(0)
	err := dataset.Snapshot(t.Context(), dataset.Databases{"oauth": db}, func(ctx context.Context, src dataset.Source) error {
		_, err := dataset.Write(ctx, io.Discard, src, dataset.WriteOptions{Key: []byte("key"), Progress: func(_ dataset.Table, n int64) {
			if n < seen+rows/10 {
				return
			}
			seen = n
			if first == 0 {
				first = live()
			}
			most = max(most, live())
		}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if grown := int64(most) - int64(first); seen < rows*8/10 || grown > 4<<20 {
		t.Errorf("%d rows of %d bytes had %d bytes grow", seen, len(grant), grown)
	}
}
