package tenancy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/migrations"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// Erasure is how far the deletion of a tenant is.
type Erasure struct {
	// Activity says that its activity log goes too.
	Activity bool `json:"activity,omitempty"`
	// Rows are those that were deleted, by database and table: "management.identity" is a key. Of a server that was killed up to a
	// batch is not counted.
	Rows map[string]int64 `json:"rows,omitempty"`
}

// erasure reads how far it is: one statement.
func (s *Store) erasure(ctx context.Context, id tenant.ID) (e Erasure, err error) {
	var text string
	err = s.db.QueryRow(ctx, `SELECT erased FROM tenant WHERE id = ?`, id).Scan(&text)
	if errors.Is(err, sqldb.ErrNoRows) {
		return e, ErrUnknown
	}
	if err != nil {
		return e, err
	}
	return e, json.Unmarshal([]byte(text), &e)
}

// claim takes the deletion of a tenant upon a server, unless another one is at it.
func (s *Store) claim(ctx context.Context, id tenant.ID, server string, lease time.Duration) (bool, error) {
	now := s.now()
	n, err := s.db.Exec(ctx, `UPDATE tenant SET eraser = ?, erasing_to = ? WHERE id = ? AND state = ? AND (eraser = ? OR erasing_to IS NULL OR erasing_to <= ?)`,
		server, now.Add(lease), id, tenant.Deleting, server, now)
	return n == 1, err
}

var errOvertaken = errors.New("tenancy: another server goes on with this deletion")

// waits tells a deletion that goes on by itself: another server is at it, or writes are refused for a while.
func waits(err error) bool {
	return errors.Is(err, errOvertaken) || errors.Is(err, sqldb.ErrFrozen) || errors.Is(err, migrations.ErrNewer)
}

// progress writes down how far the server is, which keeps others away for another lease.
func (s *Store) progress(ctx context.Context, id tenant.ID, server string, e Erasure, lease time.Duration) error {
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	n, err := s.db.Exec(ctx, `UPDATE tenant SET erased = ?, erasing_to = ? WHERE id = ? AND state = ? AND eraser = ?`,
		string(text), s.now().Add(lease), id, tenant.Deleting, server)
	if err == nil && n != 1 {
		err = errOvertaken
	}
	return err
}

// finish leaves of the tenant what keeps its id from being given again by mistake.
func (s *Store) finish(ctx context.Context, t *tenant.Tenant, server string, e activity.Event) error {
	return s.change(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		now := tx.Now()
		n, err := tx.Exec(ctx, `UPDATE tenant SET state = ?, hosts = '[]', prefix = '', settings = '{}', version = version + 1, changed_at = ?, state_at = ?,
			eraser = '', erasing_to = NULL WHERE id = ? AND state = ? AND eraser = ?`, tenant.Deleted, now, now, t.ID, tenant.Deleting, server)
		if err != nil {
			return err
		}
		if n != 1 {
			return errOvertaken
		}
		if _, err := tx.Exec(ctx, `UPDATE tenant_revision SET revision = revision + 1 WHERE name = 'tenants'`); err != nil {
			return err
		}
		return s.told(ctx, tx, e)
	})
}

// Databases are those with rows of tenants, by their logical names.
type Databases struct {
	// DB are the databases, Feed their change feeds. Two of a name may be the same.
	DB   map[string]*sqldb.DB
	Feed map[string]*sqldb.Feed
}

// place is a table with rows of tenants.
type place struct {
	logical string
	table   migrations.Table
}

func (p place) name() string { return p.logical + "." + p.table.Name }

// known fails with migrations.ErrNewer where a newer version has migrated a database: a server of that version knows all tables.
func (d Databases) known(ctx context.Context) error {
	for _, logical := range migrations.Logical() {
		if d.DB[logical] == nil {
			continue
		}
		if err := migrations.Newer(ctx, d.DB[logical], logical); err != nil {
			return err
		}
	}
	return nil
}

// places returns all tables from which the rows of a tenant go. Those of the activity log, and what waits to be moved there, stay
// unless they are asked for.
func (d Databases) places(withActivity bool) ([]place, error) {
	var all []place
	for _, logical := range migrations.Logical() {
		if d.DB[logical] == nil || logical == "activity" && !withActivity {
			continue
		}
		tables, err := migrations.Tables(logical)
		if err != nil {
			return nil, err
		}
		for _, t := range tables {
			if strings.HasSuffix(t.Name, "_activity_outbox") && !withActivity {
				continue
			}
			if slices.ContainsFunc(t.Columns, func(c migrations.Column) bool { return c.Name == "tenant_id" }) {
				all = append(all, place{logical, t})
			}
		}
	}
	return all, nil
}

// deleteSome deletes rows of the context's tenant, about as many as limit says, in the order of the primary key.
func (d Databases) deleteSome(ctx context.Context, p place, limit int) (int64, error) {
	db := d.DB[p.logical]
	remove := `DELETE FROM ` + p.table.Name + ` WHERE tenant_id = :tenant`
	key := slices.DeleteFunc(slices.Clone(p.table.Key), func(column string) bool { return column == "tenant_id" })
	if len(key) == 0 {
		return db.Exec(ctx, remove)
	}
	values := make([]any, len(key))
	for i, column := range key {
		values[i] = p.holder(column)
	}
	list := strings.Join(key, ", ")
	err := db.QueryRow(ctx, `SELECT `+list+` FROM `+p.table.Name+` WHERE tenant_id = :tenant ORDER BY `+list+` LIMIT 1 OFFSET ?`, limit-1).Scan(values...)
	if errors.Is(err, sqldb.ErrNoRows) { // there are fewer
		return db.Exec(ctx, remove)
	}
	if err != nil {
		return 0, err
	}
	where, args := upTo(key, values)
	return db.Exec(ctx, remove+` AND `+where, args...)
}

// holder is what a value of the column is read into.
func (p place) holder(column string) any {
	at := slices.IndexFunc(p.table.Columns, func(c migrations.Column) bool { return c.Name == column })
	switch p.table.Columns[at].Kind {
	case migrations.Time:
		return new(time.Time)
	case migrations.Int:
		return new(int64)
	case migrations.Bool:
		return new(bool)
	case migrations.Blob:
		return new([]byte)
	default:
		return new(string)
	}
}

// upTo is the condition that a row does not come after the one with the values, in the order of the columns. It is written out
// because not every database uses its index for a comparison of rows.
func upTo(columns []string, values []any) (where string, args []any) {
	if len(columns) == 1 {
		return columns[0] + ` <= ?`, values
	}
	rest, more := upTo(columns[1:], values[1:])
	return `(` + columns[0] + ` < ? OR (` + columns[0] + ` = ? AND ` + rest + `))`, append([]any{values[0], values[0]}, more...)
}

// erase deletes all rows of the context's tenant from a table, and tells after each batch how many those were.
func (d Databases) erase(ctx context.Context, p place, batch int, told func(n int64) error) error {
	for {
		n, err := d.deleteSome(ctx, p, batch)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name(), err)
		}
		if n == 0 {
			return nil
		}
		if err := told(n); err != nil {
			return err
		}
	}
}

// forget has all servers forget what they remember of the context's tenant.
func (d Databases) forget(ctx context.Context) error {
	for _, logical := range migrations.Logical() {
		feed := d.Feed[logical]
		if feed == nil {
			continue
		}
		err := d.DB[logical].InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error { return feed.PublishAll(ctx, tx) })
		if err != nil {
			return fmt.Errorf("%s: %w", logical, err)
		}
	}
	return nil
}
