package limit

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// gcra is a rate in the words of the generic cell rate algorithm, in microseconds.
type gcra struct {
	step      int64 // time that one request takes up
	tolerance int64 // how far ahead of the steady rate somebody may be
}

func (r Rate) gcra() gcra {
	step := max(1, r.Per.Microseconds()/int64(r.Requests))
	return gcra{step: step, tolerance: step * int64(r.Burst-1)}
}

// take counts a request for a cell whose theoretical arrival time is tat. It returns the new one, or how long to wait.
func (g gcra) take(tat, now int64) (next, wait int64) {
	tat = max(tat, now)
	if ahead := tat - now; ahead > g.tolerance {
		return tat, ahead - g.tolerance
	}
	return tat + g.step, 0
}

// cell is one counter.
type cell struct {
	tenant tenant.ID
	rule   string
	key    string
}

// shards is in how many parts the counters are, each with a lock of its own.
const shards = 16

// cells holds the counters. Each shard has a bound of its own.
type cells struct {
	seed  maphash.Seed
	parts [shards]part
}

type part struct {
	mu  sync.Mutex
	max int
	tat map[cell]int64
}

func newCells(limit int) *cells {
	c := &cells{seed: maphash.MakeSeed()}
	for i := range c.parts {
		c.parts[i].max = max(1, limit/shards)
		c.parts[i].tat = map[cell]int64{}
	}
	return c
}

// take counts a request and returns how long to wait before the next one, 0 where this one may pass.
func (c *cells) take(of cell, rate gcra, now int64) time.Duration {
	p := &c.parts[maphash.Comparable(c.seed, of)%shards]
	p.mu.Lock()
	defer p.mu.Unlock()
	old, known := p.tat[of]
	next, wait := rate.take(old, now)
	if wait > 0 {
		return time.Duration(wait) * time.Microsecond
	}
	if !known && len(p.tat) >= p.max {
		p.makeRoom(now)
	}
	p.tat[of] = next
	return 0
}

// makeRoom drops the counters that have caught up, which say nothing any more, and when all are in use an arbitrary tenth:
// the walk is paid once in many requests, and an attacker with more addresses than fit is counted for most of them.
func (p *part) makeRoom(now int64) {
	for of, tat := range p.tat {
		if tat <= now {
			delete(p.tat, of)
		}
	}
	if len(p.tat) < p.max-p.max/10 {
		return
	}
	drop := 1 + p.max/10
	for of := range p.tat {
		if drop--; drop < 0 {
			return
		}
		delete(p.tat, of)
	}
}

// network gives the part of an address that belongs to one customer: an IPv6 address's first 64 bits, an IPv4 address
// whole, also where it is written as IPv6. Other text stays as it is.
func network(text string) string {
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return text
	}
	addr = addr.Unmap().WithZone("")
	if addr.Is4() {
		return addr.String()
	}
	prefix, err := addr.Prefix(64)
	if err != nil {
		return text
	}
	return prefix.String()
}

// underway counts the attempts of this process that are not over, by digest.
type underway struct {
	mu sync.Mutex
	n  map[string]int
}

// begin adds an attempt and tells how many others there were of each.
func (u *underway) begin(keys []string) []int {
	u.mu.Lock()
	defer u.mu.Unlock()
	others := make([]int, len(keys))
	for i, k := range keys {
		others[i] = u.n[k]
		u.n[k]++
	}
	return others
}

func (u *underway) end(keys []string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, k := range keys {
		if u.n[k]--; u.n[k] <= 0 {
			delete(u.n, k)
		}
	}
}

// maxFailing bounds what failing remembers.
const maxFailing = 50_000

// failing remembers, for the time between Locked and Succeeded, which digests have failures in the database. It may forget:
// then failures of somebody who succeeded stay until they are swept.
type failing struct {
	mu  sync.Mutex
	set map[string]struct{}
}

func newFailing() *failing { return &failing{set: map[string]struct{}{}} }

func (f *failing) add(key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.set) >= maxFailing {
		clear(f.set)
	}
	f.set[key] = struct{}{}
}

func (f *failing) has(key string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, ok := f.set[key]
	return ok
}

func (f *failing) remove(key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.set, key)
}
