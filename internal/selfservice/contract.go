package selfservice

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/courier"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// Method is one way to prove who one is or to change oneself: "password", "code", "link", "profile". What it can do is told
// by which of the interfaces below it has. app gives them to the Handler in the order in which their nodes are shown.
type Method interface {
	// ID is the word in the `method` field of submissions and the group of the method's nodes.
	ID() string
}

// LoginMethod signs people in.
//
// Of the protection, the core limits by the client's address; a method that takes guesses asks limit.Limits.Locked for the
// identifier that it was given, and tells Failed.
type LoginMethod interface {
	Method
	// LoginNodes returns what to show for the flow, nil where the method has nothing to offer in it (another assurance level
	// is asked for, say). With Style identifier_first it is asked twice: with f.Identifier empty for the first step, where only
	// methods that need no identifier answer, and with it in the second.
	LoginNodes(ctx context.Context, f *Flow) ([]*ui.Node, error)
	// Login finds out who it is. *ui.Invalid becomes messages of the flow; ErrShowAgain shows the flow as the method left it.
	Login(ctx context.Context, f *Flow, in *Submission) (*Identified, error)
}

// RegistrationMethod gives new identities a credential.
type RegistrationMethod interface {
	Method
	// RegistrationNodes returns the nodes of the method alone; those of the traits belong to the core.
	RegistrationNodes(ctx context.Context, f *Flow, s *identity.Schema) ([]*ui.Node, error)
	// Register puts the credential on the draft, whose schema and traits are set and validated. It writes nothing: the core
	// creates the identity.
	Register(ctx context.Context, f *Flow, in *Submission, draft *identity.Identity) (*Registered, error)
}

// TraitsMethod is a RegistrationMethod that learns traits elsewhere. In two steps, it is offered beside the first one.
type TraitsMethod interface {
	RegistrationMethod
	// Complete puts traits on the draft before they are validated. Those that the person typed are there already, and stay.
	Complete(ctx context.Context, f *Flow, in *Submission, draft *identity.Identity) error
}

// LinkingMethod gives somebody who signs in a credential that was proven before: see Turn.
type LinkingMethod interface {
	Method
	// Named is the name of the provider at which the flow has proven something, as people know it.
	Named(f *Flow) string
	// Link puts the credential that the flow remembers on who, whose other credentials are there.
	Link(ctx context.Context, f *Flow, who *identity.Identity) error
}

// SettingsMethod changes who is signed in.
type SettingsMethod interface {
	Method
	SettingsNodes(ctx context.Context, f *Flow, who *identity.Identity) ([]*ui.Node, error)
	// Settings changes who, which the core then validates and saves.
	Settings(ctx context.Context, f *Flow, in *Submission, who *identity.Identity) error
	// Privileged reports whether the submission may only be made soon after signing in.
	Privileged(ctx context.Context, in *Submission) bool
}

// RecoveryMethod proves by an address that an account is one's own.
type RecoveryMethod interface {
	Method
	RecoveryNodes(ctx context.Context, f *Flow) ([]*ui.Node, error)
	// Recover either sends something and returns ErrShowAgain, or tells whose account it is.
	Recover(ctx context.Context, f *Flow, in *Submission) (*Recovered, error)
}

// VerificationMethod proves that an address is one's own.
type VerificationMethod interface {
	Method
	VerificationNodes(ctx context.Context, f *Flow) ([]*ui.Node, error)
	// Verify either sends something and returns ErrShowAgain, or tells which address was proven.
	Verify(ctx context.Context, f *Flow, in *Submission) (*Verified, error)
	// BeginVerification makes f, a verification flow that nobody asked for yet, one that has sent its message to the address:
	// state, nodes, code, and the message by f.Send. Nothing is written. ErrUnreachable says that no channel leads there.
	BeginVerification(ctx context.Context, f *Flow, who *identity.Identity, a identity.VerifiableAddress, lang string) error
}

// Identified is who signed in, and how.
type Identified struct {
	// Identity is who, with the credential that was used.
	Identity *identity.Identity
	// Method goes into the session.
	Method session.AuthMethod
	// Verified are addresses of the identity that the login has proven, because a code was sent to them.
	Verified []Verified
	// Upgrade, where it is set, runs after the login succeeded, to store the credential in today's form. Its failure is logged.
	Upgrade func(ctx context.Context) error
}

// Unproven is what a LoginMethod returns for a credential that is right but signs nobody in before an address is verified: see
// identity.Identity.Unproven. The person is told what Said says, as if it were wrong, and a message to the address says the rest.
type Unproven struct {
	// Who has the credential.
	Who *identity.Identity
	// Said is the error for a wrong credential.
	Said error
}

// Error is that of Said.
func (u *Unproven) Error() string { return u.Said.Error() }

// Unwrap returns Said.
func (u *Unproven) Unwrap() error { return u.Said }

// Turn is returned as an error by a LoginMethod for somebody who has proven who they are and has no account yet, and by a
// RegistrationMethod for somebody who has one: what was begun as the one goes on as the other, in a flow of its own. The method is
// asked for the same submission again, and finds there what it remembers.
type Turn struct {
	// To is KindLogin or KindRegistration.
	To Kind
	// Proven is what the method remembers of the proof, under its own id.
	Proven any
	// said is what the person is told on the page that follows; link says that the proof becomes a credential of who signs in.
	said []ui.Text
	link string
}

// Error is for the log.
func (t *Turn) Error() string { return "the flow goes on as a " + string(t.To) }

// Registered is how the new identity has proven itself.
type Registered struct {
	// Method goes into the session, where the registration opens one.
	Method session.AuthMethod
	// Verified are the addresses that the registration has proven, because a code was sent to them.
	Verified []Verified
}

// Recovered is whose account it is.
type Recovered struct {
	// Identity is who, with all credentials.
	Identity *identity.Identity
	Method   session.AuthMethod
	// Via and Value are the address that proved it; recovering an account verifies its address too.
	Via, Value string
}

// Verified is an address that was proven.
type Verified struct {
	// IdentityID is whose it is; empty in a login or registration.
	IdentityID string
	// Via is "email" or "sms", Value the address.
	Via, Value string
}

// ErrShowAgain says that a method changed the flow, because it sent a code for example, and that the flow is to be saved and
// shown as it is now. It is no failure.
var ErrShowAgain = errors.New("show the flow again")

// ErrWrong is ErrShowAgain of a method that was given a wrong proof. The flow as it is now says so.
var ErrWrong = fmt.Errorf("%w: the proof is wrong", ErrShowAgain)

// OAuth is what the flows need of an OAuth server whose logins end here. It may be nil: then a login_challenge is refused.
type OAuth interface {
	// LoginRequest tells what the challenge is about; a fault of kind NotFound or Gone when there is none (any more).
	LoginRequest(ctx context.Context, challenge string) (*OAuthLogin, error)
	// AcceptLogin answers the challenge and tells where the browser goes on.
	AcceptLogin(ctx context.Context, challenge string, a AcceptedLogin) (redirectTo string, err error)
	// RejectLogin refuses the challenge with an OAuth error code and tells where the browser goes on.
	RejectLogin(ctx context.Context, challenge, code, description string) (redirectTo string, err error)
	// EndSession ends what was remembered at the OAuth server because of the session.
	EndSession(ctx context.Context, sessionID string) error
}

// OAuthLogin is a login that an OAuth client asks for.
type OAuthLogin struct {
	// Document is the whole request as Hydra's admin API shows it; it becomes oauth2_login_request of the flow.
	Document any
	// Skip says that the OAuth server knows the subject already; Subject is who.
	Skip    bool
	Subject string
	// Prompt are the words of the prompt parameter; "login" asks for a fresh proof, "none" for no page.
	Prompt []string
	// MaxAge is the most seconds since the proof, -1 where the client does not say.
	MaxAge int
	// LoginHint is what the client believes the identifier to be.
	LoginHint string
	// UILocales are the languages the client asks for, best first.
	UILocales []string
	// ACRValues are the assurance levels the client asks for.
	ACRValues []string
	// RequestURL is the authorization request.
	RequestURL string
}

// AcceptedLogin answers an OAuthLogin.
type AcceptedLogin struct {
	// Subject is the identity's id.
	Subject string
	// SessionID is the session's id; the OAuth server tells it back as session_id and at logout.
	SessionID string
	// ACR is the assurance level, AMR the methods.
	ACR string
	AMR []string
	// AuthenticatedAt is when the person last proved who they are.
	AuthenticatedAt time.Time
	// Remember keeps the login for RememberFor seconds.
	Remember    bool
	RememberFor int
	// Identity is who it is, for the context of the consent.
	Identity *identity.Identity
}

// Send has the message queued in the transaction that saves the flow.
func (f *Flow) Send(m courier.Message) { f.outbox = append(f.outbox, m) }

// Sent returns the messages that wait for the flow to be saved.
func (f *Flow) Sent() []courier.Message { return f.outbox }
