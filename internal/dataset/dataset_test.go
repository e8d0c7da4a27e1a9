package dataset_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/dataset"
	"github.com/gatehouse-iam/gatehouse/internal/migrations"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// odd are texts that one database or another is known to keep differently.
var odd = []string{"", " ", "a ", "A", "a", "ß", "SS", "é", "e\u0301", "😀", "\u00a0", "%", "_", `\`, "'", "\"", "\r\n", "\t", "null", "0"}

// few is how many rows a table gets that is not named.
const few = 30

// fill writes rows of everything that a column may hold into every table: n into those named, few into the others.
func fill(t *testing.T, random *rand.Rand, logical string, db *sqldb.DB, n int, named ...string) {
	t.Helper()
	tables, err := migrations.Tables(logical)
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		var names []string
		for _, c := range table.Columns {
			names = append(names, c.Name)
		}
		rows := make([][]any, few)
		if len(named) == 0 || slices.Contains(named, table.Name) {
			rows = make([][]any, n)
		}
		for i := range rows {
			rows[i] = make([]any, len(table.Columns))
			for j, c := range table.Columns {
				rows[i][j] = value(random, c)
				if table.Name == "identity_handle" && strings.HasSuffix(c.Name, "_id") { // several of one identity, which no index sorts
					rows[i][j] = strconv.Itoa(random.IntN(len(rows) / 10))
				}
			}
		}
		// Some are there already, such as the first revision of the rules.
		if _, err := db.AllTenants().Exec(t.Context(), `DELETE FROM `+table.Name); err != nil {
			t.Fatal(err)
		}
		if _, err := db.AllTenants().InsertRows(t.Context(), table.Name, names, rows); err != nil {
			t.Fatalf("%s: %v", table.Name, err)
		}
	}
}

func value(random *rand.Rand, c migrations.Column) any {
	if c.Null && random.IntN(4) == 0 {
		return nil
	}
	switch c.Kind {
	case migrations.Time:
		return time.UnixMicro(random.Int64N(4e15)).UTC()
	case migrations.Bool:
		return random.IntN(2) == 1
	case migrations.Int:
		return random.Int64() - random.Int64()
	case migrations.Blob:
		return []byte{0, byte(random.Uint32()), 0xff}
	default: // unique, whatever index it is in, with something odd at its end
		return fmt.Sprintf("%016x%s", random.Uint64(), odd[random.IntN(len(odd))])
	}
}

// summary reads all.
func summary(t *testing.T, dbs dataset.Databases) []dataset.Summary {
	t.Helper()
	var all []dataset.Summary
	err := dataset.Snapshot(t.Context(), dbs, func(ctx context.Context, src dataset.Source) (err error) {
		all, err = dataset.Summarize(ctx, src)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// copyTo makes dst equal to src.
func copyTo(ctx context.Context, src, dst dataset.Databases, progress func(dataset.Table, dataset.Change)) ([]dataset.Change, error) {
	var changes []dataset.Change
	err := dataset.Snapshot(ctx, src, func(ctx context.Context, src dataset.Source) (err error) {
		changes, err = dataset.Sync(ctx, src, dst, progress)
		return err
	})
	return changes, err
}

// TestThereAndBack: what came through another database is what it was, digest by digest.
func TestThereAndBack(t *testing.T) {
	for _, logical := range migrations.Logical() {
		t.Run(logical, func(t *testing.T) {
			testkit.EachDB(t, logical, func(t *testing.T, there *sqldb.DB) {
				first := dataset.Databases{logical: testkit.SQLite(t, logical)}
				back := dataset.Databases{logical: testkit.SQLite(t, logical)}
				fill(t, rand.New(rand.NewPCG(1, 2)), logical, first[logical], 2100, "identity_handle", "oauth_token", "flow_decision") // more than a batch
				if _, err := copyTo(t.Context(), first, dataset.Databases{logical: there}, nil); err != nil {
					t.Fatal(err)
				}
				if _, err := copyTo(t.Context(), dataset.Databases{logical: there}, back, nil); err != nil {
					t.Fatal(err)
				}
				want := summary(t, first)
				for _, s := range want {
					if s.Rows != 2100 && s.Rows != few {
						t.Errorf("%s has %d rows", s.Table, s.Rows)
					}
				}
				if diff := cmp.Diff(want, summary(t, dataset.Databases{logical: there})); diff != "" {
					t.Errorf("there: %s", diff)
				}
				if diff := cmp.Diff(want, summary(t, back)); diff != "" {
					t.Errorf("and back: %s", diff)
				}
			})
		})
	}
}

// TestGoesOn: a copy that was ended anywhere is finished by the next, which writes only what is missing.
func TestGoesOn(t *testing.T) {
	testkit.EachDB(t, "oauth", func(t *testing.T, target *sqldb.DB) {
		src, dst := dataset.Databases{"oauth": testkit.SQLite(t, "oauth")}, dataset.Databases{"oauth": target}
		fill(t, rand.New(rand.NewPCG(3, 4)), "oauth", src["oauth"], 1100, "oauth_client", "oauth_token")
		ctx, cancel := context.WithCancel(t.Context())
		batches := 0
		if _, err := copyTo(ctx, src, dst, func(dataset.Table, dataset.Change) {
			if batches++; batches == 3 {
				cancel()
			}
		}); !errors.Is(err, context.Canceled) {
			t.Fatalf("ended in the midst: %v", err)
		}
		changes, err := copyTo(t.Context(), src, dst, nil)
		if err != nil {
			t.Fatal(err)
		}
		same := int64(0)
		for _, c := range changes {
			if c.Changed+c.Removed != 0 {
				t.Errorf("%+v", c)
			}
			same += c.Same
		}
		if same < 500 {
			t.Errorf("%d rows were there already", same)
		}
		if diff := cmp.Diff(summary(t, src), summary(t, dst)); diff != "" {
			t.Error(diff)
		}
		if changes, err = copyTo(t.Context(), src, dst, nil); err != nil {
			t.Fatal(err)
		}
		for _, c := range changes {
			if c.Any() {
				t.Errorf("once more: %+v", c)
			}
		}
	})
}

// TestFollows: rows that went, came and changed, also where a unique value went over to a row that comes earlier.
func TestFollows(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, target *sqldb.DB) {
		source := testkit.SQLite(t, "management")
		src, dst := dataset.Databases{"management": source}, dataset.Databases{"management": target}
		fill(t, rand.New(rand.NewPCG(5, 6)), "management", source, 1100, "identity", "session")
		if _, err := copyTo(t.Context(), src, dst, nil); err != nil {
			t.Fatal(err)
		}
		for _, statement := range []string{
			`DELETE FROM identity WHERE id < '2'`,
			`UPDATE identity SET session_epoch = 7 WHERE id > 'e'`,
			// The digests of the sessions turn around: each is unique, and all change their rows.
			`CREATE TEMP TABLE turn AS SELECT a.id AS id, b.digest AS digest FROM
				(SELECT id, row_number() OVER (ORDER BY id) AS n FROM session) a JOIN
				(SELECT digest, row_number() OVER (ORDER BY id DESC) AS n FROM session) b ON a.n = b.n`,
			`UPDATE session SET digest = 'x' || id`,
			`UPDATE session SET digest = (SELECT digest FROM turn WHERE turn.id = session.id)`,
			`DROP TABLE turn`,
		} {
			if _, err := source.Raw().ExecContext(t.Context(), statement); err != nil {
				t.Fatalf("%s: %v", statement, err)
			}
		}
		changes, err := copyTo(t.Context(), src, dst, nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(summary(t, src), summary(t, dst)); diff != "" {
			t.Error(diff)
		}
		for _, c := range changes {
			switch c.Table {
			case "identity":
				if c.Removed == 0 || c.Changed == 0 || c.Added != 0 {
					t.Errorf("%+v", c)
				}
			case "session":
				if c.Changed < 1090 {
					t.Errorf("%+v", c)
				}
			default:
				if c.Any() {
					t.Errorf("%+v", c)
				}
			}
		}
	})
}

// TestOneState: what is written after the first statement is not read, and nothing waits for the reader.
func TestOneState(t *testing.T) {
	testkit.EachDB(t, "oauth", func(t *testing.T, db *sqldb.DB) {
		dbs := dataset.Databases{"oauth": db}
		fill(t, rand.New(rand.NewPCG(7, 8)), "oauth", db, 20)
		before := summary(t, dbs)
		err := dataset.Snapshot(t.Context(), dbs, func(ctx context.Context, src dataset.Source) error {
			if _, err := dataset.Summarize(ctx, src); err != nil {
				return err
			}
			if _, err := db.AllTenants().Exec(t.Context(), `DELETE FROM oauth_token`); err != nil {
				return err
			}
			after, err := dataset.Summarize(ctx, src)
			if diff := cmp.Diff(before, after); diff != "" {
				t.Error(diff)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if cmp.Equal(before, summary(t, dbs)) {
			t.Error("the deletion is not seen afterwards either")
		}
	})
}

// TestEnough: rows are read ahead, and who wants no more of them can ask for the next table all the same.
func TestEnough(t *testing.T) {
	testkit.EachDB(t, "oauth", func(t *testing.T, db *sqldb.DB) {
		dbs := dataset.Databases{"oauth": db}
		fill(t, rand.New(rand.NewPCG(11, 12)), "oauth", db, 12_000, "oauth_token")
		err := dataset.Snapshot(t.Context(), dbs, func(ctx context.Context, src dataset.Source) error {
			began := 0
			err := src.Each(ctx, func(_ context.Context, table dataset.Table, rows iter.Seq2[dataset.Row, error]) error {
				for row, err := range rows {
					if err != nil || len(row) != len(table.Columns) {
						t.Errorf("%s: a row of %d, %v", table.Name, len(row), err)
					}
					began++
					break
				}
				return nil
			})
			if want := len(summary(t, dbs)); began != want || err != nil {
				t.Errorf("%d tables of %d were begun: %v", began, want, err)
			}
			_, err = dataset.Summarize(ctx, src)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestMemory(t *testing.T) {
	memory, err := sqldb.Open(t.Context(), "memory", sqldb.Options{Name: "oauth", Now: func() time.Time { return time.UnixMicro(0).UTC() }})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = memory.Close() }()
	if _, err := migrations.Up(t.Context(), memory, "oauth"); err != nil {
		t.Fatal(err)
	}
	fill(t, rand.New(rand.NewPCG(9, 10)), "oauth", memory, 50)
	src, dst := dataset.Databases{"oauth": memory}, dataset.Databases{"oauth": testkit.SQLite(t, "oauth")}
	if _, err := copyTo(t.Context(), src, dst, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(summary(t, src), summary(t, dst)); diff != "" {
		t.Error(diff)
	}
	if _, err := copyTo(t.Context(), dst, src, nil); !errors.Is(err, dataset.ErrEphemeral) {
		t.Errorf("into memory: %v", err)
	}
}

// written is a small dataset's bytes.
func written(t testing.TB, db *sqldb.DB) ([]byte, []dataset.Summary) {
	t.Helper()
	var b bytes.Buffer
	var sums []dataset.Summary
	err := dataset.Snapshot(t.Context(), dataset.Databases{db.Name(): db}, func(ctx context.Context, src dataset.Source) (err error) {
		sums, err = dataset.Write(ctx, &b, src, dataset.WriteOptions{})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), sums
}

func TestStream(t *testing.T) {
	db := testkit.SQLite(t, "oauth")
	fill(t, rand.New(rand.NewPCG(11, 12)), "oauth", db, 2000, "oauth_token") // more than a frame
	b, sums := written(t, db)
	dst := dataset.Databases{"oauth": testkit.SQLite(t, "oauth")}
	in, err := dataset.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dataset.Sync(t.Context(), in, dst, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sums, summary(t, dst)); diff != "" {
		t.Error(diff)
	}
}

// TestBrokenStream: wherever it is cut or changed, it does not pass for whole.
func TestBrokenStream(t *testing.T) {
	db := testkit.SQLite(t, "flow")
	fill(t, rand.New(rand.NewPCG(13, 14)), "flow", db, 2)
	b, _ := written(t, db)
	check := func(what string, b []byte) {
		t.Helper()
		in, err := dataset.NewReader(bytes.NewReader(b))
		if err == nil {
			_, err = dataset.Summarize(t.Context(), in)
		}
		if !errors.Is(err, dataset.ErrBroken) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for i := range b {
		check(fmt.Sprintf("cut after %d", i), b[:i])
	}
	for i := range b {
		changed := bytes.Clone(b)
		changed[i] ^= 0x55
		check(fmt.Sprintf("byte %d changed", i), changed)
	}
	check("something after it", append(bytes.Clone(b), 'x'))
}

// TestForeignTable: a name out of a file does not become part of a statement.
func TestForeignTable(t *testing.T) {
	for _, change := range []func(*dataset.Table){
		func(t *dataset.Table) { t.Name = "oauth_client; DROP TABLE oauth_client" },
		func(t *dataset.Table) { t.Name = "goose_oauth" },
		func(t *dataset.Table) { t.Columns[0].Name = "tenant_id FROM oauth_client; --" },
		func(t *dataset.Table) { t.Key = t.Key[:1] },
	} {
		tables, err := migrations.Tables("oauth")
		if err != nil {
			t.Fatal(err)
		}
		table := dataset.Table{Database: "oauth", Table: tables[0]}
		table.Columns, table.Key = slices.Clone(table.Columns), slices.Clone(table.Key)
		change(&table)
		dst := dataset.Databases{"oauth": testkit.SQLite(t, "oauth")}
		if _, err := dataset.Sync(t.Context(), foreign{table}, dst, nil); !errors.Is(err, dataset.ErrVersion) {
			t.Errorf("%+v: %v", table, err)
		}
	}
}

// foreign is a source with one empty table.
type foreign struct{ table dataset.Table }

func (f foreign) Schema() map[string]int64 { return nil }

func (f foreign) Each(ctx context.Context, fn func(ctx context.Context, t dataset.Table, rows iter.Seq2[dataset.Row, error]) error) error {
	return fn(ctx, f.table, func(func(dataset.Row, error) bool) {})
}

func FuzzReader(f *testing.F) {
	f.Add([]byte("gatehouse dataset 1\n"))
	f.Add([]byte("gatehouse dataset 1\nH\x02{}T\x02{}"))
	f.Add([]byte("gatehouse dataset 1\nH\x02{}" + `T` + "\x5f" + `{"database":"oauth","name":"t","columns":[{"name":"a","kind":"text","null":true}],"key":["a"]}` + "R\x01\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		in, err := dataset.NewReader(bytes.NewReader(b))
		if err != nil {
			return
		}
		if sums, err := dataset.Summarize(t.Context(), in); err == nil {
			for _, s := range sums {
				if s.Rows < 0 || len(s.Digest) != 64 {
					t.Errorf("%+v", s)
				}
			}
		}
	})
}
