package admin

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/actor"
	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// Tokens finds the access tokens of the context's tenant that may be used now.
type Tokens interface {
	// Active returns the token with a text, and ErrNoToken where there is none that is active.
	Active(ctx context.Context, text string) (*Token, error)
}

var (
	// ErrNoToken says that a text is no active access token.
	ErrNoToken = errors.New("admin: there is no such token")

	errNoCredential = fault.New(fault.Unauthenticated, "request_unauthorized",
		"The admin API asks for a credential: send an admin key as `Authorization: Bearer …`, or show a client certificate. `gatehouse admin keys create` makes a key.")
	errWrong = errNoCredential.With("This credential does not open the admin API. `gatehouse admin keys list` shows the keys that there are, and `gatehouse admin keys create` makes one.")
	errOver  = errNoCredential.With("This admin key has expired or was revoked. `gatehouse admin keys create` makes a new one.")

	errRole       = fault.New(fault.Forbidden, "access_denied", "This needs another role.")
	errArea       = errRole.With("This admin key is confined to other parts of the admin API: ask an administrator for one that reaches this.")
	errEverywhere = errRole.With("This concerns the whole installation, and the credential is for one tenant: ask an administrator for one that is for all (`gatehouse admin keys create --tenant '*'`).").
			WithDetail("required_tenant", string(All))
	errConfined = errRole.With("This admin key is confined to parts of the admin API, and what it would get here could do more than that: ask an administrator for a key without areas.")
	errTenant   = errRole.With("This credential is for another tenant than the one at this address: ask at an address of its own tenant.")
)

const (
	refusedEvery = time.Minute
	refusedMost  = 60
)

// Guard asks every request of the admin listener who sends it, and whether he may. Make it with NewGuard.
type Guard struct {
	o          GuardOptions
	configured []configured
	refusals   *activity.Damper
}

// GuardOptions are what a Guard needs.
type GuardOptions struct {
	// Store has the admin keys.
	Store *Store
	// Keys are those of the configuration, which open everything. They are named by a fingerprint that Ring makes.
	Keys []secret.String
	Ring *secret.Ring
	// Certificates and OAuth say who else may, Tokens finds access tokens; it may be nil where OAuth is not enabled.
	Certificates []CertificateConfig
	OAuth        OAuthConfig
	Tokens       Tokens
	// Open lets everybody in who shows no credential, as an administrator: for the development profile.
	Open bool
	// Slow counts a wrong credential from an address, and fails where there were too many; nil counts none.
	Slow func(ctx context.Context, address string) error
	// Now is the clock, Log gets what could not be written down.
	Now func() time.Time
	Log *slog.Logger
}

// configured is a key of the configuration. The digests are of equal length whatever the keys' are, so that the time of a
// comparison says nothing.
type configured struct {
	sum [sha256.Size]byte
	who actor.Actor
}

// NewGuard returns a guard.
func NewGuard(o GuardOptions) *Guard {
	g := &Guard{o: o, refusals: &activity.Damper{Every: refusedEvery, Most: refusedMost, Now: o.Now}}
	for i, k := range o.Keys {
		name := base64.RawURLEncoding.EncodeToString(o.Ring.MAC([]byte(k.Reveal())))[:8]
		g.configured = append(g.configured, configured{
			sum: sha256.Sum256([]byte(k.Reveal())),
			who: actor.Actor{Kind: actor.AdminKey, ID: "secrets.admin/" + name, Name: "secrets.admin[" + strconv.Itoa(i) + "]"},
		})
	}
	return g
}

// Check is web.Options.Guard.
func (g *Guard) Check(w http.ResponseWriter, r *http.Request) error {
	who, err := g.authenticate(r)
	if err != nil {
		return g.turnAway(w, r, err)
	}
	web.ActAs(r.Context(), who.who)
	if err := g.permit(r.Context(), who); err != nil {
		w.Header().Set("WWW-Authenticate", challenge+`, error="insufficient_scope"`) // RFC 6750 §3.1
		return err
	}
	return nil
}

// Trusts is web.Options.Trusts. A wrong credential counts here as it does elsewhere, though nobody is turned away: what is open to
// everybody must be no place to try them unseen.
func (g *Guard) Trusts(r *http.Request) bool {
	who, err := g.authenticate(r)
	if d, ok := errors.AsType[*denied](err); ok && d.answer != errNoCredential {
		_ = g.count(r.Context(), d) // the answer is the same
	}
	return err == nil && who.who.Everywhere && len(who.only) == 0
}

const challenge = `Bearer realm="gatehouse admin"`

// denied is a credential that opens nothing, and why; the reason is for the activity log.
type denied struct {
	answer *fault.Error
	reason string
	key    *Key // the key that is over
}

// Error gives the reason.
func (d *denied) Error() string { return d.reason }

// authenticate finds out who sends a request. A bearer credential that is shown counts, also beside a certificate.
func (g *Guard) authenticate(r *http.Request) (grant, error) {
	text, shown, ok := bearer(r.Header["Authorization"])
	if shown {
		who, err := grant{}, error(&denied{answer: errWrong, reason: "malformed"})
		if ok {
			who, err = g.byText(r.Context(), text)
		}
		// Where nobody needs a credential, one that is somebody else's does no harm. A key of ours counts there, too.
		if g.o.Open && err != nil && !g.o.Store.shaped(text) {
			return local, nil
		}
		return who, err
	}
	if state, verified := web.ClientCertificate(r); verified && len(state.PeerCertificates) > 0 {
		leaf := state.PeerCertificates[0]
		if who, ok := certificate(g.o.Certificates, leaf); ok {
			return who, nil
		}
		if !g.o.Open {
			return grant{}, &denied{answer: errWrong, reason: "the certificate " + nameOf(leaf) + " is not in serve.admin.certificates"}
		}
	}
	if g.o.Open {
		return local, nil
	}
	return grant{}, &denied{answer: errNoCredential, reason: "no credential"}
}

// local is whoever works on the machine of a development server.
var local = granted(actor.Actor{Kind: actor.Operator, ID: "local"}, actor.RoleAdmin, All)

// byText finds whose bearer credential a text is.
func (g *Guard) byText(ctx context.Context, text string) (grant, error) {
	if g.o.Store.shaped(text) {
		return g.byKey(ctx, text)
	}
	sum := sha256.Sum256([]byte(text))
	at := -1
	for i := range g.configured {
		at = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(sum[:], g.configured[i].sum[:]), i, at)
	}
	if at >= 0 {
		return granted(g.configured[at].who, actor.RoleAdmin, All), nil
	}
	if !g.o.OAuth.Enabled() {
		return grant{}, &denied{answer: errWrong, reason: "unknown credential"}
	}
	t, err := g.o.Tokens.Active(tenant.With(ctx, g.o.OAuth.Tenant), text)
	if errors.Is(err, ErrNoToken) {
		return grant{}, &denied{answer: errWrong, reason: "unknown credential"}
	}
	if err != nil {
		return grant{}, err
	}
	who, reason := g.o.OAuth.token(t)
	if reason != "" {
		return grant{}, &denied{answer: errWrong, reason: reason}
	}
	return who, nil
}

// byKey finds whose admin key a text is.
func (g *Guard) byKey(ctx context.Context, text string) (grant, error) {
	k, err := g.o.Store.find(ctx, text)
	if errors.Is(err, ErrNotFound) {
		return grant{}, &denied{answer: errWrong, reason: "unknown credential"}
	}
	if err != nil {
		return grant{}, err
	}
	if state := k.at(g.o.Now()); state != Active {
		return grant{}, &denied{answer: errOver, reason: "the key is " + string(state), key: k}
	}
	who := granted(actor.Actor{Kind: actor.AdminKey, ID: k.ID, Name: k.Name}, k.Role, k.Tenant, k.Only...)
	if err := g.o.Store.used(actor.With(ctx, who.who), k); err != nil {
		g.o.Log.WarnContext(ctx, "it could not be written down that an admin key is in use", "key", k.ID, "error", err)
	}
	return who, nil
}

// permit asks whether somebody may call the route of a request. Where there is none, whoever has a credential is told so.
func (g *Guard) permit(ctx context.Context, who grant) error {
	route, found := web.RouteOf(ctx)
	if !found {
		return nil
	}
	if of, _ := tenant.From(ctx); who.tenant != All && who.tenant != of {
		g.refused(ctx, activity.Event{Detail: map[string]string{"reason": "the credential is for the tenant " + string(who.tenant)}})
		return errTenant
	}
	if !reaches(who.only, route.Pattern) {
		g.refused(ctx, activity.Event{Detail: map[string]string{"reason": "the key is confined to other areas"}})
		return errArea
	}
	return web.Require(ctx, route.Need)
}

// Refuse is web.Options.Refuse: it says which role is needed, and how one gets it.
func (g *Guard) Refuse(ctx context.Context, need web.Need) error {
	who := actor.From(ctx)
	detail, answer := map[string]string{"reason": "role", "needs": string(need.Role), "has": string(who.Role)}, errEverywhere
	switch {
	case !who.Role.Covers(need.Role):
		answer = errRole.Withf("This needs the role %s, and the credential has the role %s: ask an administrator for one with that role (`gatehouse admin keys create --role %s`).",
			need.Role, who.Role, need.Role).WithDetail("required_role", string(need.Role))
	case who.Confined && need.Unconfined:
		detail, answer = map[string]string{"reason": "the key is confined"}, errConfined
	}
	g.refused(ctx, activity.Event{Detail: detail})
	return answer
}

// turnAway answers who could not be let in. An address that shows wrong credentials again and again is told to wait; whoever has a
// right one is let in from there all the same, so that nobody can lock administrators out by guessing.
func (g *Guard) turnAway(w http.ResponseWriter, r *http.Request, err error) error {
	d, ok := errors.AsType[*denied](err)
	if !ok {
		return err // nobody could find out: nobody is let in
	}
	if err := g.count(r.Context(), d); err != nil {
		return err
	}
	if d.answer == errNoCredential {
		w.Header().Set("WWW-Authenticate", challenge) // RFC 6750 §3.1: who showed nothing is told the scheme, not an error
		return d.answer
	}
	w.Header().Set("WWW-Authenticate", challenge+`, error="invalid_token"`)
	return d.answer
}

// count tells the activity log who could not be let in, and fails where an address has shown too many wrong credentials.
func (g *Guard) count(ctx context.Context, d *denied) error {
	e := activity.Event{Detail: map[string]string{"reason": d.reason}}
	if d.key != nil {
		e.Subject = activity.Party{Kind: string(actor.AdminKey), ID: d.key.ID, Name: d.key.Name}
	}
	g.refused(ctx, e)
	if d.answer == errNoCredential || g.o.Slow == nil {
		return nil
	}
	return g.o.Slow(ctx, web.ClientIP(ctx).String())
}

// refused tells the activity log of a refusal: of each kind, address and actor once a minute at most, and of sixty in all, for anybody
// may try as often as he likes.
func (g *Guard) refused(ctx context.Context, e activity.Event) {
	of, _ := tenant.From(ctx)
	who := actor.From(ctx)
	more, ok := g.refusals.Tell(string(of) + " " + actor.OriginOf(ctx).Address.String() + " " + string(who.Kind) + who.ID + " " + e.Detail["reason"])
	if !ok {
		return
	}
	e.Action = activity.AdminRefused
	if route, found := web.RouteOf(ctx); found {
		e.Detail["route"] = route.Pattern
	}
	if more > 0 {
		e.Detail["more"] = strconv.Itoa(more)
	}
	if err := g.o.Store.record(ctx, e); err != nil {
		g.o.Log.ErrorContext(ctx, "an event could not be written down", "action", string(e.Action), "error", err)
	}
}
