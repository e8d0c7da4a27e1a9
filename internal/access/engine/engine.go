package engine

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// Options are what an engine is made of.
type Options struct {
	// Kinds are the handlers that rules can name.
	Kinds access.Kinds
	// Config says how patterns are read, which handlers may be used and how they are set.
	Config Config
	// API bounds what rules of the admin API can do.
	API APIConfig
	// Reach says where the proxy connects. Nil means everywhere but to metadata services of clouds.
	Reach *Reach
	// Now is the clock.
	Now func() time.Time
	// Log takes what was loaded. Nil means nowhere.
	Log *slog.Logger
}

// Engine decides about requests by the rules that were loaded last. All its methods may be called at the same time; a
// decision takes no lock and sees one set of rules from its beginning to its end.
type Engine struct {
	options Options
	removed []string // the header fields that doors take off
	loaded  atomic.Pointer[ruleSet]
	loading sync.Mutex // so that two loads do not close each other's handlers
	noted   []string   // what the log was told of the rules in force
	// preparing keeps those who only look from taking all of the machine at once; whoever loads does not wait for them.
	preparing sync.Mutex
}

// ruleSet is everything that follows from one list of rules. Nothing in it changes once it is in force.
type ruleSet struct {
	rules    []compiled
	methods  []string // those that rules are for
	index    *index
	handlers handlers
	now      func() time.Time
	// errors are the error handlers where no rule matched.
	errors *access.ErrorHandlers
}

// New makes an engine without rules: it turns everything away with ErrNoRule.
func New(o Options) *Engine {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	e := &Engine{options: o, removed: o.Config.removed()}
	errors, err := access.NewErrorHandlers(o.Config.Errors, nil)
	if err != nil { // Config.Validate says so before anything starts
		errors = nil // which answer with JSON
	}
	e.loaded.Store(&ruleSet{index: newIndex(), errors: errors})
	return e
}

// Load compiles the rules of all tenants and, where nothing is wrong with any of them, replaces those that are there. The
// error is a Faults with all that is wrong; the rules that were there stay. The lists are put together in their order, and nobody may
// change them any more: the engine has no rules of its own.
func (e *Engine) Load(ctx context.Context, lists ...[]access.Rule) (*Report, error) {
	return e.Enforce(ctx, nil, lists...)
}

// Enforce is Load for who has prepared what is to be loaded: where p is of these very lists, and nothing was loaded since it was made,
// there is nothing left to compile. Where it is not, or is nil, Enforce is nothing but Load.
func (e *Engine) Enforce(ctx context.Context, p *Prepared, lists ...[]access.Rule) (*Report, error) {
	e.loading.Lock()
	defer e.loading.Unlock()
	before := e.loaded.Load()
	if !p.fits(before, lists) {
		var err error
		if p, err = e.prepare(context.WithoutCancel(ctx), before, lists); err != nil { // half a load would be a refusal
			return nil, err
		}
	}
	e.loaded.Store(p.set)
	before.handlers.closeWithout(p.set.handlers)
	e.options.Log.Log(ctx, NewsOf(len(before.rules), len(p.set.rules)), "access rules are in force",
		"rules", len(p.set.rules), "conflicts", len(p.Report.Conflicts), "undecided", len(p.Report.Undecided))
	p.set = nil
	if notes := p.Report.notes(); !slices.Equal(notes, e.noted) {
		if e.noted = notes; len(notes) > 0 {
			e.options.Log.WarnContext(ctx, "access rules cost every request something, or may not do what they were written for",
				"number", len(notes), "notes", strings.Join(notes[:min(len(notes), maxNotes)], "; "))
		}
	}
	return p.Report, nil
}

// maxNotes is how much of that the log is told.
const maxNotes = 20

// NewsOf is how much it matters that so many rules took the place of others: that there are none still, as on servers that have no
// doors, is no news.
func NewsOf(before, after int) slog.Level {
	if before == 0 && after == 0 {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// Check says what Load would say, and changes nothing. It ends with the context's error soon after the context does: among many
// rules, to look for some that match one request can take seconds.
func (e *Engine) Check(ctx context.Context, lists ...[]access.Rule) (*Report, error) {
	p, err := e.Prepare(ctx, lists...)
	if err != nil {
		return nil, err
	}
	p.Close()
	return p.Report, nil
}

// Patience is how long a decision may take.
func (e *Engine) Patience() time.Duration { return e.options.Config.patience() }

// MatchingStrategy is how the patterns of rules are read: regexp or glob.
func (e *Engine) MatchingStrategy() string {
	return cmp.Or(e.options.Config.MatchingStrategy, "regexp")
}

// Reach says where the proxy connects.
func (e *Engine) Reach() Reach { return e.options.reach() }

// Rules are the rules in force, in the order in which they were loaded. Nobody may change them.
func (e *Engine) Rules() []*access.Rule {
	set := e.loaded.Load()
	list := make([]*access.Rule, len(set.rules))
	for i := range set.rules {
		list[i] = set.rules[i].rule
	}
	return list
}

// Decide finds the rule for the request and asks its handlers. It never returns nil, and any error on the way turns the
// request away.
func (e *Engine) Decide(ctx context.Context, r *access.Request) *access.Decision {
	return e.loaded.Load().decide(ctx, r, nil)
}

// Strip takes the fields off the request that only this server may set, for its Decision's Taken: their names. Doors call it before
// they ask.
func (e *Engine) Strip(r *access.Request) (taken []string) { return r.Header.Take(e.removed) }

// Refuse turns a request away that no rule is asked about: it leaves as the fallback of the configuration has it.
func (e *Engine) Refuse(r *access.Request, err error) *access.Decision {
	d := &access.Decision{Errors: e.loaded.Load().errors}
	d.TurnAway(r, err)
	return d
}

// Explain is Decide that also says in Steps what was decided on the way: which rules were looked at, and why not those that
// did not match. Where the context names a tenant, it says nothing of other tenants' rules that did not match.
func (e *Engine) Explain(ctx context.Context, r *access.Request) *access.Decision {
	set := e.loaded.Load()
	x := &explanation{now: e.options.Now}
	x.asker, _ = tenant.From(ctx)
	ctx, cancel := context.WithTimeout(ctx, e.options.Config.patience())
	defer cancel()
	d := set.decide(ctx, r, x)
	if d.Rule == nil {
		x.whyNone(set, r)
	}
	if d.Answer != nil {
		x.steps = append(x.steps, access.Step{Stage: "error", Handler: d.Answer.Handler, Outcome: access.Passed, Reason: d.Err.Message})
	}
	d.Steps = x.steps
	return d
}
