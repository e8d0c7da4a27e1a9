package ruleset

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// When a kind of resource goes, all of that kind go, and that is no wish to be without rules. So what goes counts as there until its kind is
// known to stay.

const (
	// settles is how late a cluster may say that it loses a kind, where its definition may not be read.
	settles = 3 * time.Second
	// returns is how long after a definition is made anew what went with the one before may come back: it is brought by whoever mends that,
	// and seen when a watch is tried again, which is tried ever less often.
	returns = 2 * time.Minute
	// askWithin bounds how long others wait for a list while the cluster is asked.
	askWithin = 5 * time.Second
)

var (
	errBegins  = errors.New("a kind of resource is not listed yet")
	errReturns = fmt.Errorf("what went with the definition of a kind of resource, which is there again, has %s to come back", returns)
)

// settlesError is why nothing is taken away yet, for a moment.
type settlesError struct{ left time.Duration }

func (e settlesError) Error() string {
	return fmt.Sprintf("whether a kind of resource goes is known %s after one of it is gone", settles)
}

// inventory has the objects of one source.
type inventory struct {
	mu    sync.Mutex
	since time.Time // when they were listed first
	known map[client.ObjectKey]client.Object
	gone  map[client.ObjectKey]time.Time // those of known that are not there any more, and since when that is known
}

// list gives the objects of a source that are there, and apart from them those that are gone and may have gone with their kind, as doubt says.
func (o *inventory) list(ctx context.Context, s *Sets, source int) (there, gone []client.Object, doubt, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if there, err = s.Sources[source].Objects(ctx); err != nil {
		return nil, nil, nil, err
	}
	o.update(there, s.Now())
	if len(o.gone) == 0 {
		return there, nil, nil, nil
	}
	stays := s.stays(ctx, source) // after they were listed: whatever went by then went before this is asked
	for key, since := range o.gone {
		if why := stays(since, o.known[key].GetCreationTimestamp().Time); why != nil {
			gone, doubt = append(gone, o.known[key]), sooner(doubt, why)
			continue
		}
		delete(o.gone, key)
		delete(o.known, key)
	}
	return there, gone, doubt, nil
}

// update takes note of which objects are there.
func (o *inventory) update(there []client.Object, now time.Time) {
	if o.since.IsZero() {
		o.since = now
	}
	known, gone := make(map[client.ObjectKey]client.Object, len(there)), map[client.ObjectKey]time.Time{}
	for _, object := range there {
		known[client.ObjectKeyFromObject(object)] = object
	}
	for key, object := range o.known {
		if known[key] != nil {
			continue
		}
		known[key], gone[key] = object, now
		if since, before := o.gone[key]; before {
			gone[key] = since
		}
	}
	o.known, o.gone = known, gone
}

// stays asks for the kind of a source. The answer says why what was created and went by such times may have gone with it; nil where it did
// not.
func (s *Sets) stays(ctx context.Context, source int) func(gone, created time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	asked := s.Now()
	made, err := s.Serves(ctx, s.Sources[source].Kind())
	return func(gone, created time.Time) error {
		switch left := settles - asked.Sub(gone); {
		case err != nil:
			return err
		case made.IsZero() && left > 0:
			return settlesError{left}
		case created.Before(made) && asked.Sub(made) < returns:
			return errReturns
		}
		return nil
	}
}

func settling(doubt error) bool {
	_, is := errors.AsType[settlesError](doubt)
	return is
}

// waits is when to look again at what may not be taken away.
func waits(doubt error) time.Duration {
	if settling, is := errors.AsType[settlesError](doubt); is {
		return settling.left
	}
	return holdFor
}

// sooner gives that of two reasons, if any, which may end first.
func sooner(a, b error) error {
	if a == nil || b != nil && waits(b) < waits(a) {
		return b
	}
	return a
}

// hold tells why rules are not taken away, unless that is soon known to be right, and says when to look again.
func (s *Sets) hold(tenant string, doubt error) time.Duration {
	if !settling(doubt) {
		s.Log.Warn("access rules are left as they are", "tenant", tenant, "reason", doubt)
	}
	return waits(doubt)
}

// mayShrink says why rules may not be taken away now that whoever led before sent: what went before this process listed what is there is
// known by nothing else.
func (s *Sets) mayShrink(ctx context.Context, tenant string, h *held, kept []*item) error {
	if err := s.inherit(ctx, tenant, h); err != nil || h.before == nil {
		return err
	}
	there := make(map[string]bool, len(kept))
	for _, i := range kept {
		there[i.Rule.ID] = true
	}
	var gone []int // sources of rules that would go
	for id, source := range h.before {
		if !there[id] && !slices.Contains(gone, source) {
			gone = append(gone, source)
		}
	}
	var doubt error
	for _, n := range gone {
		doubt = sooner(doubt, s.absent(ctx, n))
	}
	if doubt != nil {
		return postponedError{doubt}
	}
	return nil
}

// inherit asks what whoever led before sent. That matters only where some of it may not be taken away.
func (s *Sets) inherit(ctx context.Context, tenant string, h *held) error {
	if h.sent != nil || h.before != nil || h.seen.Rules == 0 {
		return nil
	}
	all := true
	for n := range s.Sources {
		all = all && s.absent(ctx, n) == nil
	}
	if all {
		return nil
	}
	ids, err := s.API.IDs(ctx, tenant)
	if err != nil {
		return err
	}
	h.before = make(map[string]int, len(ids))
	for _, id := range ids {
		if n := slices.IndexFunc(s.Sources, func(source Source) bool { return source.Owns(id) }); n >= 0 {
			h.before[id] = n
		}
	}
	return nil
}

// absent says why the objects of a source may not be all that there were when whoever led before ended.
func (s *Sets) absent(ctx context.Context, source int) error {
	var listed time.Time
	if o := s.inventory(source); o != nil {
		o.mu.Lock()
		listed = o.since
		o.mu.Unlock()
	}
	if err := s.stays(ctx, source)(listed, s.Now()); err != nil || !listed.IsZero() {
		return err
	}
	return errBegins
}
