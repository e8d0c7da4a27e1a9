package sqldb

import (
	"context"
	"slices"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// Old are the rows of a table, of all tenants, whose time has come. Table and columns stand in statements as they are, so they
// are constants of the store that owns the table, whose rows begin with tenant_id.
type Old struct {
	// Table has the rows.
	Table string
	// Key is the text column that names a row of a tenant, or several rows that go together.
	Key string
	// Time is the column that says when a row's time comes. It needs an index where the table may be large.
	Time string
	// Until is the time up to which, inclusive, rows are old.
	Until time.Time
	// Unless names a column: rows in which it is not NULL stay. Empty for none.
	Unless string
}

// Sweep deletes old rows, at most batch of them, the oldest first, and says how many: fewer than batch means that none is left.
// It may run in several processes at once.
func (db *DB) Sweep(ctx context.Context, old Old, batch int) (int, error) {
	where := old.Time + ` <= ?`
	if old.Unless != "" {
		where += ` AND ` + old.Unless + ` IS NULL`
	}
	keys, err := db.Keys(ctx, `SELECT tenant_id, `+old.Key+` FROM `+old.Table+` WHERE `+where+` ORDER BY `+old.Time+` LIMIT ?`,
		old.Until, batch)
	if err != nil {
		return 0, err
	}
	// The time stands here too: a row may have been given more since it was read.
	remove := `DELETE FROM ` + old.Table + ` WHERE tenant_id = :tenant AND ` + old.Key + ` IN (?) AND ` + where
	return keys.Each(ctx, func(ctx context.Context, some []string) (int64, error) { return db.Exec(ctx, remove, some, old.Until) })
}

// Keys are keys of rows, by tenant.
type Keys map[tenant.ID][]string

// Keys runs a query over all tenants that selects tenant_id and a text. A text that comes several times in a row is one.
func (db *DB) Keys(ctx context.Context, query string, args ...any) (Keys, error) {
	rows, err := db.AllTenants().Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := Keys{}
	for rows.Next() {
		var of, key string
		if err := rows.Scan(&of, &key); err != nil {
			return nil, err
		}
		list := found[tenant.ID(of)]
		if len(list) == 0 || list[len(list)-1] != key {
			found[tenant.ID(of)] = append(list, key)
		}
	}
	return found, rows.Err()
}

// keysAtOnce bounds what one statement of Each locks.
const keysAtOnce = 500

// Each calls change with some hundred keys of one tenant at a time, in a context of that tenant, and adds up how many rows it
// changed. It ends with the first error.
func (k Keys) Each(ctx context.Context, change func(ctx context.Context, keys []string) (int64, error)) (n int, err error) {
	for of, keys := range k {
		ctx := tenant.With(ctx, of)
		for some := range slices.Chunk(keys, keysAtOnce) {
			changed, err := change(ctx, some)
			n += int(changed)
			if err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// Texts reads rows of one text each, and closes them. It takes the answer of a Query as it is.
func Texts(rows *Rows, err error) ([]string, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		list = append(list, text)
	}
	return list, rows.Err()
}
