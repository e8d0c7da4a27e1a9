package sqldb

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name, text       string
		sqlite, postgres string
		slots            []int // of PostgreSQL
		tenant           bool
	}{
		{
			name: "marks count up, the tenant is one parameter however often it stands", tenant: true,
			text:     "SELECT a FROM t WHERE tenant_id = :tenant AND b = ? AND EXISTS (SELECT 1 FROM u WHERE tenant_id = :tenant AND c > ?)",
			sqlite:   "SELECT a FROM t WHERE tenant_id = ? AND b = ? AND EXISTS (SELECT 1 FROM u WHERE tenant_id = ? AND c > ?)",
			postgres: "SELECT a FROM t WHERE tenant_id = $1 AND b = $2 AND EXISTS (SELECT 1 FROM u WHERE tenant_id = $1 AND c > $3)",
			slots:    []int{slotTenant, 0, 1},
		},
		{
			name:     "nothing in strings, names and comments is a mark",
			text:     "SELECT '?', 'it''s :tenant', \"a?b\", `c:tenant` -- ? :tenant\n/* ? :tenant */ FROM t WHERE x = ?",
			sqlite:   "SELECT '?', 'it''s :tenant', \"a?b\", `c:tenant` -- ? :tenant\n/* ? :tenant */ FROM t WHERE x = ?",
			postgres: "SELECT '?', 'it''s :tenant', \"a?b\", `c:tenant` -- ? :tenant\n/* ? :tenant */ FROM t WHERE x = $1",
			slots:    []int{0},
		},
		{
			name:     "casts and slices stay",
			text:     "SELECT a::text, b[1:2], c::tenant FROM t WHERE x = ?::bigint",
			sqlite:   "SELECT a::text, b[1:2], c::tenant FROM t WHERE x = ?::bigint",
			postgres: "SELECT a::text, b[1:2], c::tenant FROM t WHERE x = $1::bigint",
			slots:    []int{0},
		},
		{
			name: "the tenant next to punctuation", tenant: true,
			text: "INSERT INTO t (a,b) VALUES (:tenant,?)", sqlite: "INSERT INTO t (a,b) VALUES (?,?)",
			postgres: "INSERT INTO t (a,b) VALUES ($1,$2)", slots: []int{slotTenant, 0},
		},
		{
			name: "a comment at the end without a line break", text: "SELECT 1 -- ?",
			sqlite: "SELECT 1 -- ?", postgres: "SELECT 1 -- ?", slots: []int{},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := parse(c.text)
			if err != nil {
				t.Fatal(err)
			}
			if s.tenant != c.tenant {
				t.Errorf("tenant = %t", s.tenant)
			}
			if got := s.render(SQLite, nil).text; got != c.sqlite {
				t.Errorf("SQLite: %s", got)
			}
			got := s.render(PostgreSQL, nil)
			if got.text != c.postgres {
				t.Errorf("PostgreSQL: %s", got.text)
			}
			if diff := cmp.Diff(c.slots, got.slots); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"SELECT 'open":                       "not closed",
		"SELECT \"open":                      "not closed",
		"SELECT 1 /* open":                   "not closed",
		"SELECT 1 WHERE a = :tennant":        "unknown name :tennant",
		"SELECT 1 WHERE tenant = :tenant_id": "unknown name :tenant_id",
	} {
		if _, err := parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestLists(t *testing.T) {
	c := &core{dialect: SQLite, texts: statements{dialect: SQLite}}
	pg := &core{dialect: PostgreSQL, texts: statements{dialect: PostgreSQL}}
	ctx := t.Context()
	for _, e := range []struct {
		name, text, sqlite, postgres string
		args                         []any
		bound                        []any
	}{
		{
			"padded to a power of two with the last value", "SELECT 1 FROM t WHERE a IN (?) AND b = ?",
			"SELECT 1 FROM t WHERE a IN (?,?,?,?) AND b = ?", "SELECT 1 FROM t WHERE a = ANY ($1) AND b = $2",
			[]any{[]string{"x", "y", "z"}, int64(1)}, []any{"x", "y", "z", "z", int64(1)},
		},
		{
			"empty matches nothing", "DELETE FROM t WHERE a in(?)",
			"DELETE FROM t WHERE a in(?)", "DELETE FROM t WHERE a = ANY ($1)",
			[]any{[]string{}}, []any{nil},
		},
		{
			"one value without a slice stays as it is", "SELECT 1 WHERE a IN (?)",
			"SELECT 1 WHERE a IN (?)", "SELECT 1 WHERE a IN ($1)",
			[]any{"x"}, []any{"x"},
		},
		{
			"numbers", "SELECT 1 WHERE a IN (?)",
			"SELECT 1 WHERE a IN (?,?)", "SELECT 1 WHERE a = ANY ($1)",
			[]any{[]int64{1, 2}}, []any{int64(1), int64(2)},
		},
	} {
		t.Run(e.name, func(t *testing.T) {
			text, bound, err := c.prepare(ctx, true, e.text, e.args)
			if err != nil || text != e.sqlite {
				t.Errorf("SQLite: %s, %v", text, err)
			}
			if diff := cmp.Diff(e.bound, bound); diff != "" {
				t.Error(diff)
			}
			text, bound, err = pg.prepare(ctx, true, e.text, e.args)
			if err != nil || text != e.postgres {
				t.Errorf("PostgreSQL: %s, %v", text, err)
			}
			if diff := cmp.Diff(e.args, bound); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("NOT IN takes no list", func(t *testing.T) {
		// An empty one would have to match everything, and x NOT IN (NULL) matches nothing.
		if s, _ := parse("SELECT 1 WHERE a NOT IN (?)"); s.lists {
			t.Error("taken for a list")
		}
	})
}

// FuzzParse feeds the scanner what nobody would write: it must neither crash nor lose or invent a mark.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"SELECT a FROM t WHERE tenant_id = :tenant AND b IN (?) AND c = ?::text",
		"'?' \"?\" `?` -- ?\n/* ? */ ?", "''''", ":tenant:tenant::tenant", "IN (?)", "in(?)NOT IN (?)", ":", "::", "?", "a[1:2]",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parse(text)
		if err != nil {
			return
		}
		lite := s.render(SQLite, nil)
		if len(lite.slots) != len(s.marks) {
			t.Errorf("%d marks bound %d times", len(s.marks), len(lite.slots))
		}
		again, err := parse(lite.text)
		if err != nil || again.args != len(s.marks) || again.tenant {
			t.Errorf("the rendered text %q reads differently: %v", lite.text, err)
		}
		lists := make([]int, len(s.marks))
		want := 0
		for i, m := range s.marks {
			want++
			if m.list {
				lists[i] = 4
				want += 3
			}
		}
		if spread, err := parse(s.render(MySQL, lists).text); err != nil || spread.args != want {
			t.Errorf("spread: %d marks instead of %d: %v", spread.args, want, err)
		}
		pg := s.render(PostgreSQL, lists)
		if left, err := parse(pg.text); err != nil || left.args != 0 || left.tenant {
			t.Errorf("PostgreSQL: marks are left in %q: %v", pg.text, err)
		}
	})
}
