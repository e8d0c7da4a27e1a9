package activity

import (
	"crypto/hmac"
	"fmt"
)

// Report is what Verify found.
type Report struct {
	// Tenant is whose log it is.
	Tenant string `json:"tenant"`
	// Intact says that nothing is wrong.
	Intact bool `json:"intact"`
	// Lines is how many lines were checked, First and Last their numbers; 0 where there are none.
	Lines int64 `json:"lines"`
	First int64 `json:"first"`
	Last  int64 `json:"last"`
	// Hash is the last line's. With Last it is what to note, for a later Verify to begin with ("known").
	Hash string `json:"hash"`
	// Faults are what is wrong, at most 100 of them.
	Faults []Fault `json:"faults"`
}

// Fault is something that is wrong with a log.
type Fault struct {
	// Seq is the number of the line where it shows; 0 where it is about the whole.
	Seq int64 `json:"seq,omitempty"`
	// What is "altered", "removed", "inserted", "tail", "head", "columns" or "known".
	What string `json:"what"`
	// Message says it in a sentence.
	Message string `json:"message"`
}

// maxFaults is how many faults are told.
const maxFaults = 100

// Known is a line that somebody has noted: its number and its hash. The zero Known is none.
type Known struct {
	Seq  int64
	Hash string
}

// checker goes through the lines of a log in their order.
type checker struct {
	key    []byte
	head   head
	known  Known
	seq    int64  // of the line before
	before string // its hash
	lost   bool   // it is missing, so before is not known
	report Report
}

// newChecker begins where the head says that the log begins.
func newChecker(key []byte, h head, known Known) *checker {
	return &checker{
		key: key, head: h, known: known, seq: h.first - 1, before: h.anchor,
		report: Report{Tenant: string(h.tenant), First: h.first, Last: h.seq, Hash: h.hash, Faults: []Fault{}},
	}
}

func (c *checker) fault(seq int64, what, format string, args ...any) {
	if len(c.report.Faults) < maxFaults {
		c.report.Faults = append(c.report.Faults, Fault{seq, what, fmt.Sprintf(format, args...)})
	}
}

// line checks the next line that there is.
func (c *checker) line(l Line) {
	c.report.Lines++
	switch {
	case l.Seq < c.head.first:
		c.fault(l.Seq, "inserted", "line %d stands before the beginning of the log, which is line %d", l.Seq, c.head.first)
		return
	case l.Seq > c.head.seq:
		c.fault(l.Seq, "inserted", "line %d stands behind the end of the log, which is line %d", l.Seq, c.head.seq)
		return
	case l.Seq > c.seq+1:
		c.missing(c.seq+1, l.Seq-1)
	}
	// After a gap the hash before is not known; what follows is bound to the hash that the line has.
	if !c.lost && !c.head.follows(c.key, l, c.before) {
		c.fault(l.Seq, "altered", "line %d is not the one that was written, or not in its place", l.Seq)
	}
	if c.known.Seq == l.Seq && !hmac.Equal([]byte(c.known.Hash), []byte(l.Hash)) {
		c.fault(l.Seq, "known", "line %d has another hash than the one that was noted", l.Seq)
	}
	c.columns(l)
	c.seq, c.before, c.lost = l.Seq, l.Hash, false
}

// missing notes lines that are not there.
func (c *checker) missing(from, to int64) {
	c.lost = true
	if from == to {
		c.fault(from, "removed", "line %d was removed", from)
		return
	}
	c.fault(from, "removed", "lines %d to %d were removed", from, to)
}

// columns compares what is searched for with what the document says.
func (c *checker) columns(l Line) {
	e, err := decode(l.Document)
	if err != nil {
		c.fault(l.Seq, "altered", "line %d holds no event", l.Seq)
		return
	}
	same := l.id == e.ID && l.action == key(string(e.Action)) && l.actor == key(e.Actor.ID) && l.subject == key(e.Subject.ID) && l.at.Equal(e.Time)
	if !same || e.Tenant != c.head.tenant {
		c.fault(l.Seq, "columns", "line %d is found by other words than it says: its columns were altered", l.Seq)
	}
}

// end checks that the log goes as far as its head.
func (c *checker) end() Report {
	switch {
	case c.seq < c.head.seq:
		c.fault(c.seq+1, "tail", "the end of the log was cut off: lines %d to %d are missing", c.seq+1, c.head.seq)
	case c.seq > c.head.seq: // meanwhile all of it was deleted as too old
	case !c.lost && !hmac.Equal([]byte(c.before), []byte(c.head.hash)):
		c.fault(c.seq, "altered", "the last line is not the one that the log ended in")
	}
	if c.known.Seq > c.head.seq {
		c.fault(c.known.Seq, "known", "line %d was noted, but the log ends in line %d: it was put back to an earlier state", c.known.Seq, c.head.seq)
	}
	c.report.Intact = len(c.report.Faults) == 0
	if c.head.seq < c.head.first {
		c.report.First = 0
	}
	return c.report
}
