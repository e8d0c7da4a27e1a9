package activity

import (
	"bytes"
	"context"
	"errors"

	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// verifyPage is how many lines are read at once.
const verifyPage = 1000

// Verify goes through the whole log of the context's tenant while others add to it, and reports whether it is what was written.
// known is a line that was noted earlier; the zero Known is none.
func (s *Store) Verify(ctx context.Context, known Known) (Report, error) {
	of, _ := tenant.From(ctx)
	h, err := readHead(ctx, s.db, "")
	if errors.Is(err, sqldb.ErrNoRows) {
		return s.withoutHead(ctx, of, known)
	}
	if err != nil {
		return Report{}, err
	}
	key, ok := s.chainKey(h)
	if !ok {
		return Report{Tenant: string(of), Faults: []Fault{{What: "head", Message: ErrBroken.Error()}}}, nil
	}
	c := newChecker(key, h, known)
	if err := s.walk(ctx, c); err != nil {
		return Report{}, err
	}
	return c.end(), nil
}

// walk hands all lines to the checker.
func (s *Store) walk(ctx context.Context, c *checker) error {
	begin, gone := c.head.first, int64(0)
	for next := int64(0); ; {
		page, err := s.lines(ctx, next, verifyPage)
		if err != nil {
			return err
		}
		for _, l := range page {
			next = l.Seq + 1
			if l.Seq > c.seq+1 || l.Seq > c.head.seq || l.Seq < c.head.first {
				// What is too old may have gone meanwhile, and new lines come.
				before := c.seq
				if err := s.catchUp(ctx, c, true); err != nil {
					return err
				}
				if c.seq > before {
					gone = c.seq
				}
			}
			if begin <= l.Seq && l.Seq <= gone {
				continue // it was there when the page was read, and the log begins behind it now
			}
			c.line(l)
		}
		// The head that was caught up with may be newer than the page: what it has more is read, unless it is gone.
		if len(page) == 0 || len(page) < verifyPage && c.seq >= c.head.seq {
			return s.catchUp(ctx, c, false) // what came after this page is left to the next Verify
		}
	}
}

// catchUp takes over where the log begins now, and where it ends. A head that is not genuine, or that has gone back, changes
// nothing.
func (s *Store) catchUp(ctx context.Context, c *checker, ends bool) error {
	h, err := readHead(ctx, s.db, "")
	if errors.Is(err, sqldb.ErrNoRows) {
		h, err = head{}, nil
	}
	if err != nil {
		return err
	}
	key, ok := s.chainKey(h) // which may be sealed anew by now
	if !ok || !bytes.Equal(key, c.key) || h.seq < c.head.seq || h.first < c.head.first {
		return nil
	}
	if h.first > c.seq+1 {
		c.seq, c.before, c.lost = h.first-1, h.anchor, false
	}
	if ends && h.seq > c.head.seq && c.seq >= c.head.seq {
		c.head = h
		c.report.Last, c.report.Hash = h.seq, h.hash
	}
	return nil
}

// withoutHead reports on a log that has no head: there must be no line either.
func (s *Store) withoutHead(ctx context.Context, of tenant.ID, known Known) (Report, error) {
	r := Report{Tenant: string(of), Faults: []Fault{}}
	left, err := s.lines(ctx, 0, 1)
	if err != nil {
		return r, err
	}
	if len(left) > 0 || known.Seq > 0 || !s.goesOn(head{tenant: of}) {
		r.Faults = append(r.Faults, Fault{What: "head", Message: "there was a log, and its head is gone"})
	}
	r.Intact = len(r.Faults) == 0
	return r, nil
}
