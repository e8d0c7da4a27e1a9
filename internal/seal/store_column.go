package seal

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// count tells how many values of a column each key has sealed, by the ids of the column's ring: one statement.
func (s *Store) count(ctx context.Context, c secret.Column) (map[string]int64, error) {
	prefix := fmt.Sprintf("SUBSTR(%s, 1, %d)", c.Name, secret.IDLength)
	rows, err := s.dbs[c.Database].Query(ctx, `SELECT `+prefix+`, COUNT(*) FROM `+c.Table+` WHERE `+c.Name+` <> '' GROUP BY `+prefix)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	counts := map[string]int64{}
	for rows.Next() {
		var id string
		var n int64
		if err := rows.Scan(&id, &n); err != nil {
			return nil, err
		}
		counts[id] = n
	}
	return counts, rows.Err()
}

// escapes makes a text that LIKE takes for itself.
var escapes = strings.NewReplacer("!", "!!", "%", "!%", "_", "!_")

// countMark tells in how many rows a digest with the mark stands: one statement.
func (s *Store) countMark(ctx context.Context, d secret.Digests, mark string) (n int64, err error) {
	err = s.dbs[d.Database].QueryRow(ctx, `SELECT COUNT(*) FROM `+d.Table+` WHERE `+d.Name+` LIKE ? ESCAPE '!'`, "%"+escapes.Replace(mark)+"%").Scan(&n)
	return n, err
}

// stale selects the values that were not made by the key that makes, behind the row with the key after: the condition that
// follows WHERE, and its arguments.
func stale(d sqldb.Dialect, c secret.Column, after []string) (where string, args []any) {
	where = c.Name + ` <> '' AND SUBSTR(` + c.Name + fmt.Sprintf(`, 1, %d) <> ?`, secret.IDLength)
	args = []any{c.Ring.Making()}
	if after == nil {
		return where, args
	}
	behind, values := d.Behind(c.Key, after)
	return where + ` AND ` + behind, append(args, values...)
}

// left counts the values behind after that are to be sealed anew: one statement.
func (s *Store) left(ctx context.Context, c secret.Column, after []string) (n int64, err error) {
	where, args := stale(s.dbs[c.Database].Dialect(), c, after)
	err = s.dbs[c.Database].QueryRow(ctx, `SELECT COUNT(*) FROM `+c.Table+` WHERE `+where, args...).Scan(&n)
	return n, err
}

// value is a sealed value with the row it stands in.
type value struct {
	key  []string
	text string
}

// batch is what became of some values of a column.
type batch struct {
	resealed, overtaken int
	failed              []Failure
	last                []string // the key of the last row that was looked at
	done                bool     // there was nothing behind it
}

// reseal seals up to limit values anew, in one transaction. Each is replaced where it still is what was read: who wrote
// meanwhile wrote with the key that makes.
func (s *Store) reseal(ctx context.Context, c secret.Column, after []string, limit int) (b batch, err error) {
	values, err := s.next(ctx, c, after, limit)
	if err != nil {
		return b, err
	}
	b.done = len(values) < limit
	var each [][]any
	for _, v := range values {
		b.last = v.key
		fresh, err := c.Reseal(v.text, v.key)
		if err != nil {
			b.failed = append(b.failed, failure(c, v, err))
			continue
		}
		args := []any{fresh}
		for _, k := range v.key {
			args = append(args, k)
		}
		each = append(each, append(args, v.text))
	}
	if len(each) == 0 {
		return b, nil
	}
	update := `UPDATE ` + c.Table + ` SET ` + c.Name + ` = ? WHERE ` + strings.Join(c.Key, " = ? AND ") + ` = ? AND ` + c.Name + ` = ?`
	var counts []int64
	err = s.dbs[c.Database].InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) (err error) {
		counts, err = tx.AllTenants().ExecEach(ctx, update, each)
		return err
	})
	for _, n := range counts {
		b.resealed += int(n)
	}
	b.overtaken = len(each) - b.resealed
	return b, err
}

// next reads the next values that are to be sealed anew: one statement.
func (s *Store) next(ctx context.Context, c secret.Column, after []string, limit int) ([]value, error) {
	where, args := stale(s.dbs[c.Database].Dialect(), c, after)
	key := strings.Join(c.Key, ", ")
	rows, err := s.dbs[c.Database].Query(ctx, `SELECT `+key+`, `+c.Name+` FROM `+c.Table+` WHERE `+where+` ORDER BY `+key+` LIMIT ?`,
		append(args, limit)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []value
	for rows.Next() {
		v := value{key: make([]string, len(c.Key))}
		dest := make([]any, 0, len(c.Key)+1)
		for i := range v.key {
			dest = append(dest, &v.key[i])
		}
		if err := rows.Scan(append(dest, &v.text)...); err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

func failure(c secret.Column, v value, err error) Failure {
	why := "it was changed or cut, or belongs to another row"
	if errors.Is(err, secret.ErrUnknownKey) {
		why = "it was sealed with a key that this server does not have"
	}
	return Failure{Column: c.String(), Row: strings.Join(v.key, "/"), Why: why}
}
