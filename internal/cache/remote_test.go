package cache_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/cache"
	"github.com/gatehouse-iam/gatehouse/internal/migrations"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

const topic = "thing"

// server is one of several on a database and a Redis.
type server struct {
	t      *testing.T
	db     *sqldb.DB
	feed   *sqldb.Feed
	remote *cache.Remote
	shared *cache.Shared[int]

	reads    atomic.Int64
	mu       sync.Mutex
	outcomes map[cache.Outcome]int
}

// shareable runs fn on the databases that several servers can share, with a table of things.
func shareable(t *testing.T, fn func(t *testing.T, dsn string)) {
	t.Helper()
	testkit.EachDSN(t, func(t *testing.T, dsn string) {
		if strings.HasPrefix(dsn, "sqlite") {
			return // it belongs to one process, for which there is no position: see TestNoPositionOnSQLite
		}
		db := open(t, dsn)
		if _, err := migrations.Up(t.Context(), db, "oauth"); err != nil {
			t.Fatal(err)
		}
		ctx := testkit.Context(t)
		if _, err := db.AllTenants().Exec(ctx, "CREATE TABLE thing (tenant_id VARCHAR(64) NOT NULL, name VARCHAR(64) NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (tenant_id, name))"); err != nil {
			t.Fatal(err)
		}
		fn(t, dsn)
	})
}

func open(t *testing.T, dsn string) *sqldb.DB {
	t.Helper()
	clock := func() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
	db, err := sqldb.Open(t.Context(), dsn, sqldb.Options{Name: "oauth", Now: clock, Log: slog.New(slog.DiscardHandler), MaxConns: 8})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func config(addresses ...string) cache.Config {
	c := cache.DefaultConfig()
	c.Redis.Addresses = addresses
	c.Timeout = time.Minute // longer than a configuration may say: what is slow for the test's sake, and what the machine holds up, must not look alike
	return c
}

// start starts a server. It need not have a position yet: see settled.
func start(t *testing.T, dsn string, c cache.Config) *server {
	t.Helper()
	s := &server{t: t, db: open(t, dsn), outcomes: map[cache.Outcome]int{}}
	s.feed = testkit.SharingFeed(t, s.db)
	var err error
	s.remote, err = cache.NewRemote(cache.RemoteOptions{Config: c, Ring: testkit.Ring(t), Log: slog.New(slog.DiscardHandler), Observe: s.count})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() { _ = s.remote.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
	s.shared = &cache.Shared[int]{
		Remote: s.remote, Feed: s.feed, Kind: "thing/1",
		Encode:   func(n int) ([]byte, error) { return json.Marshal(n) },
		Decode:   func(raw []byte) (n int, err error) { return n, json.Unmarshal(raw, &n) },
		Subjects: func(key string, _ int) []sqldb.Subject { return []sqldb.Subject{{Topic: topic, Key: key}} },
	}
	return s
}

func (s *server) count(_ string, o cache.Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outcomes[o]++
}

func (s *server) counted(o cache.Outcome) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.outcomes[o]
}

// settled waits until the cache answers and what was changed is settled.
func (s *server) settled() *server {
	s.t.Helper()
	testkit.Eventually(s.t, "the cache answers", s.remote.Answers)
	testkit.Settled(s.t, s.db, s.feed)
	return s
}

func (s *server) read(ctx context.Context, name string) (n int, err error) {
	s.reads.Add(1)
	err = s.db.QueryRow(ctx, "SELECT n FROM thing WHERE tenant_id = :tenant AND name = ?", name).Scan(&n)
	return n, err
}

func (s *server) fetch(name string) int {
	s.t.Helper()
	n, err := s.shared.Fetch(testkit.Context(s.t), name, func(ctx context.Context) (int, error) { return s.read(ctx, name) })
	if err != nil {
		s.t.Errorf("%s: %v", name, err)
	}
	return n
}

// fetchStored fetches what is not there, and waits until it is.
func (s *server) fetchStored(name string) {
	s.t.Helper()
	before := s.counted(cache.Stored)
	s.fetch(name)
	testkit.Eventually(s.t, "the value is stored", func() bool { return s.counted(cache.Stored) > before })
}

// change sets a thing and says so.
func (s *server) change(name string, n int) {
	s.t.Helper()
	err := s.db.InTx(testkit.Context(s.t), func(ctx context.Context, tx *sqldb.Tx) error {
		done, err := tx.Exec(ctx, "UPDATE thing SET n = ? WHERE tenant_id = :tenant AND name = ?", n, name)
		if err == nil && done == 0 {
			_, err = tx.Exec(ctx, "INSERT INTO thing (tenant_id, name, n) VALUES (:tenant, ?, ?)", name, n)
		}
		if err != nil {
			return err
		}
		return s.feed.Publish(ctx, tx, topic, name)
	})
	if err != nil {
		s.t.Errorf("changing %s: %v", name, err)
	}
}

// want holds a fetch to its answer and to how often the database is asked.
func (s *server) want(name string, n, reads int) {
	s.t.Helper()
	before := s.reads.Load()
	if got := s.fetch(name); got != n {
		s.t.Errorf("%s is %d, want %d", name, got, n)
	}
	if got := s.reads.Load() - before; int(got) != reads {
		s.t.Errorf("%s: the database was asked %d times, want %d", name, got, reads)
	}
}

// heard waits until a server that has nothing of a name has heard of its change: by another change after it.
func heard(t *testing.T, from, by *server) {
	t.Helper()
	var told atomic.Bool
	name := fmt.Sprint("fence-", time.Now().UnixNano())
	by.feed.Subscribe(topic, func(_ tenant.ID, key string) {
		if key == name {
			told.Store(true)
		}
	})
	from.change(name, 1)
	testkit.Eventually(t, "the change is heard", told.Load)
}

func TestSharedIsReadOnceByAll(t *testing.T) {
	redis := testkit.StartRedis(t)
	shareable(t, func(t *testing.T, dsn string) {
		c := config(redis.Address)
		c.Redis.Prefix = t.Name()[len(t.Name())-6:]
		a := start(t, dsn, c)
		a.change("door", 1)
		a.settled()
		a.want("door", 1, 1)
		testkit.Eventually(t, "the value is stored", func() bool { return a.counted(cache.Stored) == 1 })
		a.want("door", 1, 0)
		// A server that has just started has no position of its own and believes what it can check.
		b := start(t, dsn, c)
		testkit.Eventually(t, "the cache answers", b.remote.Answers)
		b.want("door", 1, 0)

		b.change("door", 2)
		b.want("door", 2, 1) // at once where it was changed
		heard(t, b, a)
		a.want("door", 2, 1)
		a.settled()
		a.fetchStored("door")
		b.settled() // it has heard of the mark that the value was read at
		b.want("door", 2, 0)
		start := start(t, dsn, c)
		testkit.Eventually(t, "the cache answers", start.remote.Answers)
		start.want("door", 2, 0)
	})
}

// A value that was read before a change and is stored after it: its reader was held up.
func TestStaleWriter(t *testing.T) {
	redis := testkit.StartRedis(t)
	shareable(t, func(t *testing.T, dsn string) {
		c := config(redis.Address)
		c.Redis.Prefix = t.Name()[len(t.Name())-6:]
		a, b := start(t, dsn, c), start(t, dsn, c)
		a.change("door", 1)
		a.settled()
		b.settled()
		hasRead, goOn := make(chan struct{}), make(chan struct{})
		var late sync.WaitGroup
		late.Go(func() {
			_, _ = a.shared.Fetch(testkit.Context(t), "door", func(ctx context.Context) (int, error) {
				n, err := a.read(ctx, "door")
				close(hasRead)
				<-goOn
				return n, err
			})
		})
		<-hasRead
		b.change("door", 2)
		b.fetchStored("door") // which the late one then overwrites
		before := a.counted(cache.Stored)
		close(goOn)
		late.Wait()
		testkit.Eventually(t, "the stale value is stored", func() bool { return a.counted(cache.Stored) > before })
		b.want("door", 2, 1)
		heard(t, b, a)
		a.want("door", 2, 1)
		cold := start(t, dsn, c)
		testkit.Eventually(t, "the cache answers", cold.remote.Answers)
		cold.want("door", 2, 1)
	})
}

// Redis is out of reach while something changes, and comes back with what it had.
func TestCutOffWhileSomethingChanges(t *testing.T) {
	redis := testkit.StartRedis(t)
	shareable(t, func(t *testing.T, dsn string) {
		line := testkit.NewLine(t, redis.Address)
		c := config(line.Address)
		c.Redis.Prefix = t.Name()[len(t.Name())-6:]
		a, b := start(t, dsn, c), start(t, dsn, c)
		a.change("door", 1)
		a.settled()
		b.settled()
		a.fetchStored("door")
		b.settled()
		b.want("door", 1, 0)
		line.Cut()
		a.change("door", 2)
		a.want("door", 2, 1)
		heard(t, a, b)
		b.want("door", 2, 1)
		for range 10 { // what it does not answer is not missed
			a.want("door", 2, 1)
		}
		line.Mend()
		testkit.Eventually(t, "the cache answers again", func() bool {
			a.fetch("door") // which fails until the failure is noticed
			return a.remote.Answers() && b.remote.Answers()
		})
		cold := start(t, dsn, c)
		testkit.Eventually(t, "the cache answers", cold.remote.Answers)
		for _, s := range []*server{b, cold} { // what they are given may have been read, and stored, after all this
			if got := s.fetch("door"); got != 2 {
				t.Errorf("the door is %d, want 2", got)
			}
		}
	})
}

// The answer of Redis is under way while the value changes.
func TestChangedWhileAsking(t *testing.T) {
	redis := testkit.StartRedis(t)
	shareable(t, func(t *testing.T, dsn string) {
		line := testkit.NewLine(t, redis.Address)
		near, far := config(redis.Address), config(line.Address)
		near.Redis.Prefix = t.Name()[len(t.Name())-6:]
		far.Redis.Prefix, far.Timeout = near.Redis.Prefix, time.Minute // longer than a configuration may say: the test holds the answer back
		a, b := start(t, dsn, near), start(t, dsn, far)
		a.change("door", 1)
		a.settled()
		b.settled()
		a.fetchStored("door")
		line.Hold()
		answer := make(chan int)
		go func() { answer <- b.fetch("door") }()
		a.change("door", 2)
		heard(t, a, b)
		line.Release()
		if got := <-answer; got != 2 {
			t.Errorf("the door is %d, want 2", got)
		}
	})
}

// Whoever can write into Redis can neither make values nor bring old ones back.
func TestForgedValues(t *testing.T) {
	redis := testkit.StartRedis(t)
	shareable(t, func(t *testing.T, dsn string) {
		c := config(redis.Address)
		c.Redis.Prefix = t.Name()[len(t.Name())-6:]
		const item = "the door of the vault" // no ciphertext holds that by chance
		a := start(t, dsn, c)
		a.change(item, 1)
		a.change("gate", 7)
		a.settled()
		a.fetchStored(item)
		door := names(redis, c.Redis.Prefix)[0]
		old := value(redis, door)
		if strings.Contains(door, item) || strings.Contains(old, "\n1") {
			t.Errorf("what Redis holds can be read: %s %s", door, old)
		}
		a.fetchStored("gate")
		gate := names(redis, c.Redis.Prefix)[0]
		if gate == door {
			gate = names(redis, c.Redis.Prefix)[1]
		}
		for what, forged := range map[string]string{
			"another's value": value(redis, gate), "nothing": `""`, "no seal": `"1.x"`, "a cut value": old[:len(old)-3] + `"`, "plain": `"1.x\n9"`,
		} {
			redis.Do("SET " + door + " " + forged)
			before, stored := a.counted(cache.Foreign), a.counted(cache.Stored)
			a.want(item, 1, 1)
			if a.counted(cache.Foreign) != before+1 {
				t.Errorf("%s was not refused", what)
			}
			testkit.Eventually(t, "the true value is stored", func() bool { return a.counted(cache.Stored) > stored })
		}
		a.change(item, 2)
		redis.Do("SET " + door + " " + old)
		a.want(item, 2, 1)
		a.settled()
		redis.Do("SET " + door + " " + old)
		a.want(item, 2, 1)
	})
}

// names are those of the values, without those of probes.
func names(r *testkit.Redis, prefix string) []string {
	var found []string
	for line := range strings.SplitSeq(r.Do("KEYS "+prefix+":*"), "\r\n") {
		if strings.HasPrefix(line, prefix) {
			found = append(found, line)
		}
	}
	return found
}

// value is what lies under a name, in quotes.
func value(r *testkit.Redis, name string) string {
	lines := strings.Split(r.Do("GET "+name), "\r\n")
	return `"` + lines[1] + `"`
}

// Servers change and read the same things at once: nobody is ever given what was true before a change of its own, and in the
// end all agree.
func TestSharedRace(t *testing.T) {
	redis := testkit.StartRedis(t)
	shareable(t, func(t *testing.T, dsn string) {
		c := config(redis.Address)
		c.Redis.Prefix = t.Name()[len(t.Name())-6:]
		servers := []*server{start(t, dsn, c), start(t, dsn, c), start(t, dsn, c)}
		for i := range servers {
			servers[0].change(fmt.Sprint("door-", i), 0)
		}
		for _, s := range servers {
			s.settled()
		}
		var work sync.WaitGroup
		for i, s := range servers {
			own := fmt.Sprint("door-", i)
			work.Go(func() {
				for n := 1; n <= 60; n++ {
					if n%3 == 0 {
						s.change(own, n)
					}
					if got := s.fetch(own); got != n-n%3 {
						t.Errorf("%s is %d for who made it %d", own, got, n-n%3)
					}
					time.Sleep(time.Millisecond) // so that positions move on meanwhile
				}
			})
			for _, other := range servers {
				work.Go(func() {
					last := 0
					for range 120 {
						// Others' changes may be heard late, and what is heard late is not unheard.
						if got := other.fetch(own); other == s && got < last {
							t.Errorf("%s went back from %d to %d", own, last, got)
						} else {
							last = got
						}
						time.Sleep(time.Millisecond)
					}
				})
			}
		}
		work.Wait()
		for i, s := range servers {
			heard(t, s, servers[(i+1)%3])
			heard(t, s, servers[(i+2)%3])
		}
		for i := range servers {
			for _, s := range append(servers, start(t, dsn, c)) {
				if got := s.fetch(fmt.Sprint("door-", i)); got != 60 {
					t.Errorf("door-%d is %d in the end, want 60", i, got)
				}
			}
		}
		if hits := servers[0].counted(cache.Hit); hits == 0 {
			t.Error("nothing was shared: nothing was tested")
		}
	})
}

// A Redis that answers too late, or not at all, is given up after a few questions, and taken up when it answers.
func TestSlowAndDead(t *testing.T) {
	redis := testkit.StartRedis(t)
	dsn := testkit.Postgres(t)
	db := open(t, dsn)
	if _, err := migrations.Up(t.Context(), db, "oauth"); err != nil {
		t.Fatal(err)
	}
	line := testkit.NewLine(t, redis.Address)
	c := config(line.Address)
	c.Timeout = 200 * time.Millisecond
	s := start(t, dsn, c)
	testkit.Eventually(t, "the cache answers", s.remote.Answers)
	read := func(context.Context) (int, error) { return 1, nil }
	for what, fault := range map[string]struct{ begin, end func() }{
		"silent":    {line.Hold, line.Release},
		"cut off":   {line.Cut, line.Mend},
		"killed":    {redis.Kill, redis.Run},
		"emptied":   {func() { redis.Do("FLUSHALL"); line.Cut() }, line.Mend},
		"too slow":  {func() { line.Delay(300 * time.Millisecond) }, func() { line.Delay(0) }},
		"read only": {func() { redis.Do("CONFIG SET requirepass other"); line.Cut() }, func() { redis.Do("AUTH other\r\nCONFIG SET requirepass \"\""); line.Mend() }},
	} {
		fault.begin()
		asked := 0
		for s.remote.Answers() {
			if n, err := s.shared.Fetch(testkit.Context(t), "door", read); n != 1 || err != nil {
				t.Errorf("%s: %d, %v", what, n, err)
			}
			asked++
		}
		if asked > 10 {
			t.Errorf("%s: given up after %d questions", what, asked)
		}
		before := s.counted(cache.Skipped)
		for range 100 {
			if n, err := s.shared.Fetch(testkit.Context(t), "door", read); n != 1 || err != nil {
				t.Errorf("%s: %d, %v", what, n, err)
			}
		}
		if got := s.counted(cache.Skipped) - before; got != 100 {
			t.Errorf("%s: %d of 100 questions were skipped", what, got)
		}
		fault.end()
		testkit.Eventually(t, what+": the cache answers again", s.remote.Answers)
	}
}

// Without Redis at the start everything works, and it is used as soon as it is there.
func TestRedisComesLater(t *testing.T) {
	redis := testkit.StartRedis(t)
	redis.Kill()
	dsn := testkit.Postgres(t)
	if _, err := migrations.Up(t.Context(), open(t, dsn), "oauth"); err != nil {
		t.Fatal(err)
	}
	s := start(t, dsn, config(redis.Address))
	if n, err := s.shared.Fetch(testkit.Context(t), "door", func(context.Context) (int, error) { return 3, nil }); n != 3 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	boom := errors.New("boom")
	if _, err := s.shared.Fetch(testkit.Context(t), "door", func(context.Context) (int, error) { return 0, boom }); !errors.Is(err, boom) {
		t.Errorf("%v", err)
	}
	redis.Run()
	testkit.Eventually(t, "the cache answers", s.remote.Answers)
}

func TestCluster(t *testing.T) {
	cluster := testkit.StartRedisCluster(t)
	dsn := testkit.Postgres(t)
	if _, err := migrations.Up(t.Context(), open(t, dsn), "oauth"); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, dsn).AllTenants().Exec(testkit.Context(t), "CREATE TABLE thing (tenant_id VARCHAR(64) NOT NULL, name VARCHAR(64) NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (tenant_id, name))"); err != nil {
		t.Fatal(err)
	}
	near, far := config(cluster.Addresses()...), config(cluster.Nodes[5].Address)
	near.Timeout, far.Timeout = time.Second, time.Second // nodes go away
	a, b := start(t, dsn, near), start(t, dsn, far)
	const doors = 40
	for i := range doors {
		a.change(fmt.Sprint("door-", i), i)
	}
	a.settled()
	warm := func() {
		t.Helper()
		testkit.Eventually(t, "both are served by the cluster", func() bool {
			for i := range doors {
				a.fetch(fmt.Sprint("door-", i))
			}
			before := b.reads.Load()
			for i := range doors {
				if got := b.fetch(fmt.Sprint("door-", i)); got != i {
					t.Errorf("door-%d is %d", i, got)
				}
			}
			return b.reads.Load() == before
		})
	}
	warm()
	lost := cluster.Masters()[0]
	lost.Kill()
	// The replica of that master takes over. Nobody is told no meanwhile, and nobody is started again.
	warm()
	t.Logf("a master was lost: %d questions of %d failed, %d were not asked", b.counted(cache.Failed), b.reads.Load()+int64(b.counted(cache.Hit)), b.counted(cache.Skipped))
	lost.Run()
	cluster.Wipe(func() {
		for i := range doors {
			b.want(fmt.Sprint("door-", i), i, 1)
		}
	})
	warm()
}

// An embedded database has one server, which has nobody to share with.
func TestNoPositionOnSQLite(t *testing.T) {
	feed := sqldb.NewFeed(testkit.SQLite(t, "oauth"), sqldb.FeedOptions{Marks: true})
	if p, ok := feed.Position(); ok {
		t.Errorf("position %s", p)
	}
	if feed.Unchanged(sqldb.Position{}, "default") {
		t.Error("a position of nowhere is believed")
	}
}
