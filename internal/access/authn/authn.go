package authn

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/oauth"
)

// The answers of Sessions, Tokens and Clients to credentials that open nothing. Other errors end the decision as they are, so a
// fault such as "a second factor is needed" reaches the caller.
var (
	// ErrForeign says that the text is no credential of this kind at all: the rule's next authenticator is asked.
	ErrForeign = errors.New("authn: no credential of this kind")
	// ErrUnknown says that the credential is one of this kind and no good: made up, expired or revoked.
	ErrUnknown = errors.New("the credential is not known, or not good any more")
)

// Sessions are the sessions of this server's people, of the context's tenant.
type Sessions interface {
	// CookieName is the name of the session cookie.
	CookieName() string
	// ByCookie returns the active session of a cookie's value.
	ByCookie(ctx context.Context, value string) (*Session, error)
	// ByToken returns the active session of a session token.
	ByToken(ctx context.Context, token string) (*Session, error)
}

// Session is a person's session. It does not change. It remembers what was read of its document, so give out one and the same for
// as long as the kept session is the same.
type Session struct {
	// Expires is when it ends by itself.
	Expires time.Time
	// Document is the session's JSON as the person may see it, as Kratos answers at /sessions/whoami.
	Document json.RawMessage

	read atomic.Pointer[readSession]
}

// Tokens are the access tokens of this server, of the context's tenant.
type Tokens interface {
	// Active returns an access token that may be used now. It may be shared with other requests.
	Active(ctx context.Context, token string) (*Token, error)
}

// Clients are this server's OAuth clients, of the context's tenant.
type Clients interface {
	// Verify checks the secret of a client, and that it may have the scopes by the grant client_credentials.
	Verify(ctx context.Context, id, secret string, scopes []string) error
}

// Keys are the keys that this server signs with, of the context's tenant. Package keys has the real ones.
type Keys interface {
	Public(ctx context.Context) (jose.JSONWebKeySet, error)
}

// Options are what the authenticators work with.
type Options struct {
	// Sessions, Tokens, Clients and Keys are this server's own. Where one is nil, the kinds that need it refuse settings
	// without a URL.
	Sessions Sessions
	Tokens   Tokens
	Clients  Clients
	Keys     Keys
	// Issuer gives the `iss` of the context's tenant; JWTs signed with own keys must carry it. Nil does not look.
	Issuer func(ctx context.Context) string
	// Scopes says how scopes of own tokens answer for required ones where the settings do not say.
	Scopes oauth.ScopeStrategy
	// Ask makes the calls that settings name.
	Ask *fetch.Asker
	// ReadFile reads a key set that settings name as file://…; nil refuses such settings. Rules that come in over the API may
	// name files too.
	ReadFile func(path string) ([]byte, error)
	// CacheSize bounds how many answers of foreign services, and how many verified JWTs, are kept. Default: 10,000 each.
	CacheSize int
	// Now is the clock.
	Now func() time.Time
	// Log gets what goes wrong in the background. Nil drops it.
	Log *slog.Logger
}

// Kinds returns the authenticators by name. They share what they keep of tokens, so call it once.
func Kinds(o Options) map[string]access.Kind[access.Authenticator] {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.CacheSize <= 0 {
		o.CacheSize = 10_000
	}
	bound := &confirmer{now: o.Now, proofs: newReplays(maxProofs)}
	sessions := newSessions(o)
	return map[string]access.Kind[access.Authenticator]{
		"noop":                      newNoop,
		"anonymous":                 newAnonymous,
		"unauthorized":              newUnauthorized,
		"cookie_session":            sessions.cookie,
		"bearer_token":              sessions.bearer,
		"oauth2_introspection":      newIntrospections(o, bound).make,
		"oauth2_client_credentials": newCredentials(o).make,
		"jwt":                       newJWTs(o, bound).make,
	}
}
