package activity

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/spell"
)

// Filter says which lines a list holds.
type Filter struct {
	// Actor and Subject are ids, compared exactly in their first 191 characters; empty is any.
	Actor, Subject string
	// Action is one of the actions, or what it is about ("client" for client.created, client.updated …); empty is any.
	Action string
	// From and To bound when it happened: from From on, before To; zero is no bound.
	From, To time.Time
	// After is the number of the line behind which a list goes on, in its direction; 0 begins at the end or the beginning.
	After int64
	// Forward lists the oldest first; else it is the newest.
	Forward bool
	// Limit is how many lines at most.
	Limit int
}

var errFilterTime = errors.New("write a time like 2026-01-31T15:04:05Z or 2026-01-31")

// ParseTime reads the time of a filter: RFC 3339, or a day, which is its first moment in UTC. Empty is the zero time.
func ParseTime(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		t, err := time.Parse(layout, s)
		if err == nil && t.Year() >= 1970 && t.Year() <= 9999 {
			return t.UTC(), nil
		}
	}
	return time.Time{}, errFilterTime
}

// ParseKnown reads a line that was noted, "<number>:<hash>". Empty is none.
func ParseKnown(s string) (Known, error) {
	if s == "" {
		return Known{}, nil
	}
	number, hash, ok := strings.Cut(s, ":")
	seq, err := strconv.ParseInt(number, 10, 64)
	if !ok || err != nil || seq < 1 || hash == "" || len(hash) > 64 {
		return Known{}, errors.New("a noted line is its number and its hash, like 42:Zm9v…, as verify prints them")
	}
	return Known{seq, hash}, nil
}

// actions returns the actions that a filter's word means; none where there is no such word.
func actions(word string) []string {
	var all []string
	for _, a := range Actions() {
		if string(a) == word || strings.HasPrefix(string(a), word+".") {
			all = append(all, string(a))
		}
	}
	return all
}

// check refuses what no line can match because it is misspelt.
func (f Filter) check() error {
	if f.Action != "" && len(actions(f.Action)) == 0 {
		return fmt.Errorf("%q is no action; actions are about %s", spell.Short(f.Action, 100), strings.Join(things(), ", "))
	}
	if !f.From.IsZero() && !f.To.IsZero() && !f.From.Before(f.To) {
		return errors.New("from must be before to")
	}
	return nil
}

// things are the first words of all actions.
func things() []string {
	var all []string
	for _, a := range Actions() {
		thing, _, _ := strings.Cut(string(a), ".")
		all = append(all, thing)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
