package rulebook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/rulebook/source"
	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// Topic is the change feed's topic of access rules. The key is of no meaning: whoever hears of it reads all rules anew.
const Topic = "access_rule"

// Store keeps the rules that the admin API was given, in the management database. They are sealed: the settings of handlers
// hold passwords of other services. Make it with NewStore.
type Store struct {
	db   *sqldb.DB
	feed *sqldb.Feed
	ring *secret.Ring
	now  func() time.Time
}

// NewStore returns a store of rules that seals with the ring: give it one of its own purpose.
func NewStore(db *sqldb.DB, feed *sqldb.Feed, ring *secret.Ring, now func() time.Time) *Store {
	return &Store{db: db, feed: feed, ring: ring, now: now}
}

// watch calls fn for each change of any tenant's rules, also for those of other servers.
func (s *Store) watch(fn func()) { s.feed.Subscribe(Topic, func(tenant.ID, string) { fn() }) }

// storedRule is a rule with its place in the database.
type storedRule struct {
	rule     access.Rule
	set      string
	position int64
	document string // as JSON, not sealed
	created  time.Time
}

// snapshot is what the database holds, of all tenants, in the order of tenants, sets and positions.
type snapshot struct {
	revision int64
	rules    []*storedRule
}

// sourceOfSet is what rules of the admin API name as their source.
func sourceOfSet(set string) string { return access.APISource + set }

// revision counts the changes of the rules: one statement.
func (s *Store) revision(ctx context.Context) (n int64, err error) {
	err = s.db.AllTenants().QueryRow(ctx, `SELECT revision FROM access_rule_revision WHERE name = 'rules'`).Scan(&n)
	return n, err
}

// load reads everything: two statements. The revision is read first, so that rules which changed in between are newer than
// it says: who then writes for that revision is refused, and who compares revisions reads once more.
func (s *Store) load(ctx context.Context) (*snapshot, error) {
	revision, err := s.revision(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := s.db.AllTenants().Query(ctx, `SELECT tenant_id, rule_id, set_name, position, document, created_at FROM access_rule
		ORDER BY tenant_id, set_name, position, rule_id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	snap := &snapshot{revision: revision}
	for rows.Next() {
		r := new(storedRule)
		var of tenant.ID
		var id, sealed string
		if err := rows.Scan(&of, &id, &r.set, &r.position, &sealed, &r.created); err != nil {
			return nil, err
		}
		plain, err := s.ring.Open(sealed, binding(of, id))
		if err != nil {
			return nil, fmt.Errorf("the stored access rule %s of tenant %s cannot be opened; was secrets.system changed without keeping the earlier value? %w", id, of, err)
		}
		if err := json.Unmarshal(plain, &r.rule); err != nil {
			return nil, fmt.Errorf("the stored access rule %s of tenant %s is damaged: %w", id, of, err)
		}
		r.document = string(plain)
		r.rule.ID, r.rule.Tenant, r.rule.Source = id, of, sourceOfSet(r.set)
		snap.rules = append(snap.rules, r)
	}
	return snap, rows.Err()
}

// change is what is to happen to the rules of one tenant.
type change struct {
	remove []string // ids
	write  []*storedRule
	// was are the tenant's rules from before.
	was map[string]*storedRule
}

// apply makes the change, if the rules are still those of the revision; false says that somebody was faster, and nothing was
// done.
func (s *Store) apply(ctx context.Context, revision int64, c change) (done bool, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		n, err := tx.AllTenants().Exec(ctx, `UPDATE access_rule_revision SET revision = revision + 1 WHERE name = 'rules' AND revision = ?`, revision)
		if done = n == 1; err != nil || !done {
			return err
		}
		for ids := range slices.Chunk(c.remove, rowsAtOnce) {
			if _, err := tx.Exec(ctx, `DELETE FROM access_rule WHERE tenant_id = :tenant AND rule_id IN (?)`, ids); err != nil {
				return err
			}
		}
		if err := s.insert(ctx, tx, c.write); err != nil {
			return err
		}
		if err := c.tell(ctx, tx); err != nil {
			return err
		}
		return s.feed.Publish(ctx, tx, Topic, "")
	})
	if errors.Is(err, sqldb.ErrDuplicate) {
		return false, ErrExists.Because(err)
	}
	return done, err
}

// clear deletes the rules of the context's tenant, which is itself being deleted. That is what the activity log is told.
func (s *Store) clear(ctx context.Context) error {
	of, _ := tenant.From(ctx)
	for {
		snap, err := s.load(ctx)
		if err != nil {
			return err
		}
		var c change
		for _, r := range snap.rules {
			if r.rule.Tenant == of {
				c.remove = append(c.remove, r.rule.ID)
			}
		}
		if len(c.remove) == 0 {
			return nil
		}
		if done, err := s.apply(ctx, snap.revision, c); err != nil || done {
			return err
		}
	}
}

// tell writes the change into the activity log.
func (c change) tell(ctx context.Context, tx *sqldb.Tx) error {
	before, after := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	for _, id := range c.remove {
		if old, ok := c.was[id]; ok {
			before[id] = json.RawMessage(old.document)
		}
	}
	sets := map[string]bool{}
	for _, r := range c.write {
		after[r.rule.ID] = json.RawMessage(r.document)
		sets[r.set] = true
	}
	e := activity.Event{Action: activity.RulesChanged, Subject: activity.Party{Kind: "rules"}}
	if len(sets) == 1 {
		e.Subject.ID = c.write[0].set
	}
	e.Detail = map[string]string{"removed": strconv.Itoa(len(c.remove)), "written": strconv.Itoa(len(c.write))}
	e.Before, e.After = activity.Diff(before, after)
	return activity.Write(ctx, tx, e)
}

// rowsAtOnce is how many ids one statement names.
const rowsAtOnce = 1000

func (s *Store) insert(ctx context.Context, tx *sqldb.Tx, rules []*storedRule) error {
	id, _ := tenant.From(ctx)
	now := s.now()
	rows := make([][]any, len(rules))
	for i, r := range rules {
		created := r.created
		if created.IsZero() {
			created = now
		}
		sealed, err := s.ring.Seal([]byte(r.document), binding(id, r.rule.ID))
		if err != nil {
			return err
		}
		rows[i] = []any{id, r.rule.ID, r.set, r.position, sealed, created, now}
	}
	_, err := tx.InsertRows(ctx, "access_rule",
		[]string{"tenant_id", "rule_id", "set_name", "position", "document", "created_at", "updated_at"}, rows)
	return err
}

// Sealed says where rules are kept, and what was kept of their sources; the ring is NewStore's.
func Sealed(ring *secret.Ring) []secret.Column {
	return []secret.Column{
		{
			Database: "management", Table: "access_rule", Name: "document", Key: []string{"tenant_id", "rule_id"}, Ring: ring,
			Binding: func(key []string) []byte { return binding(tenant.ID(key[0]), key[1]) },
		},
		{
			Database: "management", Table: "access_rule_copy", Name: "document", Key: []string{"tenant_id", "source"}, Ring: ring,
			Binding: func(key []string) []byte { return copyBinding(tenant.ID(key[0]), key[1]) },
		},
	}
}

// binding is the additional data of a sealed rule, so that rows cannot be swapped. A tenant's id has no blank.
func binding(of tenant.ID, id string) []byte { return []byte(string(of) + " " + id) }

// storeReader is the source of the rules that the admin API was given.
type storeReader struct {
	store    *Store
	revision int64
	done     bool
}

// has notes that what the database has of a revision is known, without a reading.
func (r *storeReader) has(revision int64) { r.revision, r.done = revision, true }

// Read implements source.Reader: one statement where nothing has changed, else three.
func (r *storeReader) Read(ctx context.Context) ([]access.Rule, error) {
	if r.done {
		now, err := r.store.revision(ctx)
		if err != nil {
			return nil, err
		}
		if now == r.revision {
			return nil, source.ErrUnchanged
		}
	}
	snap, err := r.store.load(ctx)
	if err != nil {
		return nil, err
	}
	r.has(snap.revision)
	return snap.all(), nil
}

// all gives the rules of all tenants.
func (s *snapshot) all() []access.Rule {
	rules := make([]access.Rule, len(s.rules))
	for i := range s.rules {
		rules[i] = s.rules[i].rule
	}
	return rules
}
