package dataset_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/dataset"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// series are streams of which each names what those before it hold.
type series struct {
	has     map[dataset.Digest]bool
	streams [][]byte
	sums    [][]dataset.Summary
}

func (s *series) add(t *testing.T, db *sqldb.DB) {
	t.Helper()
	var b bytes.Buffer
	next := map[dataset.Digest]bool{}
	err := dataset.Snapshot(t.Context(), dataset.Databases{db.Name(): db}, func(ctx context.Context, src dataset.Source) error {
		sums, err := dataset.Write(ctx, &b, src, dataset.WriteOptions{
			Key: []byte("key"), Note: []byte(`{"number":1}`), Has: func(d dataset.Digest) bool { return s.has[d] }, Chunk: func(d dataset.Digest) { next[d] = true },
		})
		s.sums = append(s.sums, sums)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	s.has, s.streams = next, append(s.streams, b.Bytes())
}

// reader reads the last of the streams.
func reader(t *testing.T, streams ...[]byte) *dataset.Reader {
	t.Helper()
	var in *dataset.Reader
	for _, b := range streams {
		r, err := dataset.NewReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		r.Earlier, in = in, r
	}
	return in
}

// Each of several states can be read from its stream and those before it, and a later one holds little more than what changed.
func TestSeries(t *testing.T) {
	db := testkit.SQLite(t, "oauth")
	fill(t, rand.New(rand.NewPCG(21, 22)), "oauth", db, 5000, "oauth_token")
	var s series
	s.add(t, db)
	for _, statement := range []string{
		`DELETE FROM oauth_token WHERE tenant_id > '8' AND tenant_id < '81'`,
		`UPDATE oauth_token SET client_id = 'another' WHERE tenant_id > '1' AND tenant_id < '11'`,
		``,
	} {
		if statement != "" {
			if _, err := db.AllTenants().Exec(t.Context(), statement); err != nil {
				t.Fatalf("%s: %v", statement, err)
			}
		}
		s.add(t, db)
	}
	for i, want := range s.sums {
		got, err := dataset.Summarize(t.Context(), reader(t, s.streams[:i+1]...))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("state %d: %s", i, diff)
		}
	}
	if cmp.Equal(s.sums[0], s.sums[1]) || cmp.Equal(s.sums[1], s.sums[2]) || !cmp.Equal(s.sums[2], s.sums[3]) {
		t.Error("the states are not those that were made")
	}
	for i, share := range map[int]int{1: 5, 2: 5, 3: 20} {
		if all, part := len(s.streams[0]), len(s.streams[i]); part > all/share {
			t.Errorf("stream %d has %d bytes, the first one %d", i, part, all)
		}
	}
	for what, streams := range map[string][][]byte{
		"without the first": {s.streams[1]}, "without the one between": {s.streams[0], s.streams[2]}, "the first alone": {s.streams[3]},
		"itself": {s.streams[1], s.streams[1]},
	} {
		if _, err := dataset.Summarize(t.Context(), reader(t, streams...)); !errors.Is(err, dataset.ErrBroken) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// What a file that lies makes its reader do ends in ErrBroken.
func FuzzSeries(f *testing.F) {
	begin := "gatehouse dataset 1\nH\x10{\"key\":\"a2V5\"}  "
	head := begin + "T\x5e" + `{"database":"oauth","name":"t","columns":[{"name":"a","kind":"text","null":true}],"key":["a"]}`
	f.Add([]byte(head+"R\x01\x00"), []byte(head+"S\x10aaaaaaaaaaaaaaaa"))
	f.Add([]byte(begin+"R\x01\x00"), []byte(head+"S\x10aaaaaaaaaaaaaaaa")) // rows of no table
	f.Fuzz(func(t *testing.T, first, second []byte) {
		one, err := dataset.NewReader(bytes.NewReader(first))
		if err != nil {
			return
		}
		in, err := dataset.NewReader(bytes.NewReader(second))
		if err != nil {
			return
		}
		in.Earlier = one
		if _, err := dataset.Summarize(t.Context(), in); err != nil && !errors.Is(err, dataset.ErrBroken) && !errors.Is(err, io.EOF) {
			t.Error(err)
		}
	})
}
