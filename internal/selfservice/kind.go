package selfservice

import (
	"context"
	"encoding/json"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// flowKind is what one kind of flow brings to the machinery that all share: routes, CSRF, expiry, storing, answering.
// (*Handler).recovery and verification stand beside login, registration and settings; each returns a flowKind.
//
// What else the kinds do for each other: beginVerification makes the verification flows of addresses that are not verified yet
// (after a registration or a change of settings); settingsAfterRecovery makes the settings flow in which a password is chosen.
type flowKind struct {
	kind    Kind
	enabled bool
	// uiURL is the page that shows the flow; it gets ?flow=<id>.
	uiURL    string
	lifespan time.Duration
	// before are the hooks that run when a flow is begun.
	before []HookConfig
	// showAgain is the status for JSON clients when a method returned ErrShowAgain: 400 for login and registration, 200 for
	// recovery and verification.
	showAgain int
	// begin fills in a new flow: nodes, state. The csrf_token node, action and method are there already. Values of in are the query.
	// A *Redirect sends the browser elsewhere instead; a fault refuses.
	begin func(ctx context.Context, f *Flow, in *Submission) error
	// submit handles a submission. *ui.Invalid becomes messages of the flow, ErrShowAgain saves and shows it; other errors end it.
	// It writes what it has to by h.store.Finish (or Save) itself: the Flow must be part of that transaction.
	submit func(ctx context.Context, f *Flow, in *Submission) (*Answer, error)
	// arrive handles GET on the submit path where that means something (links in mails); nil shows the flow's page.
	arrive func(ctx context.Context, f *Flow, in *Submission) (*Answer, error)
	// mayFetch refuses to show the flow to somebody; nil shows it to every holder of its id and CSRF cookie.
	mayFetch func(ctx context.Context, f *Flow, in *Submission) error
}

// statusUnfinished is the status of logins and registrations that go on: their clients take 200 for the end.
const statusUnfinished = 400

// Answer is the end of a submission.
type Answer struct {
	// Flow, where it is set, is shown as body with 200 (JSON) or on its page (forms). Recovery and verification end so, and settings.
	Flow *Flow
	// Body is what JSON clients get with 200 where Flow is nil.
	Body any
	// Session and Token are put into the cookie of browsers.
	Session *session.Session
	Token   string
	// Location is where the browser goes: 303 for forms.
	Location string
	// Moved says that scripts too must be sent to Location: 422 browser_location_change_required instead of Body.
	Moved bool

	returnTo    string // where the browser would go, were there nothing to verify
	verifyFirst bool   // Location is a verification
}

// Redirect is returned as an error by begin (and may be by submit): the browser goes to Location instead. JSON clients get
// Fault, or 422 browser_location_change_required where that is nil.
type Redirect struct {
	Location string
	Fault    error
	// Save stores the flow as it is now.
	Save bool
}

// Error tells the log where to.
func (r *Redirect) Error() string { return "the browser is sent elsewhere" }

// Unwrap gives the fault that JSON clients get.
func (r *Redirect) Unwrap() error { return r.Fault }

// Writes is what the end of a flow changes, in one transaction of the management database. Zero fields are left out.
type Writes struct {
	// Flow is saved under its version; Spend ends it, so that nobody can submit it again.
	Flow  *Flow
	Spend bool
	// Create and Update are identities; Update is guarded by its version.
	Create, Update *identity.Identity
	// Insert is a new session; Change an old one with new rights (its token was rotated).
	Insert, Change *session.Session
	// RevokeAll ends every session of the identity, but for RevokeBut and the one inserted.
	RevokeAll, RevokeBut string
	// Disown takes from the identity what it holds in other databases: it is somebody else's from now on.
	Disown string
	// Exchange lets the app that holds the flow's exchange codes have the session that is inserted.
	Exchange bool
	// Hand gives the exchange of the flow, which is spent, to the flow of this id.
	Hand string
	// Verified are addresses of existing identities that were proven.
	Verified []Verified
	// More are further flows to insert, with their messages.
	More []*Flow

	told []json.RawMessage // events, for the activity log
}

// continuing is what a submission leaves to be done elsewhere: more flows to insert, and how the client is told.
type continuing struct {
	flows []*Flow
	with  []ui.ContinueWith
}
