package selfservice

import (
	"log/slog"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/hook"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/limit"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// Handler serves the flows. Its fields are set once, by app.
type Handler struct {
	Config     Config
	Store      *Store
	Identities *identity.Store
	Schemas    *identity.Schemas
	Sessions   *session.Handler
	// SessionStore makes and changes the sessions.
	SessionStore *session.Store
	// Exchanges trade the end of a native app's browser flow for its session token; nil offers none.
	Exchanges *session.Exchanges
	// Methods in the order in which their nodes are shown.
	Methods []Method
	// Hooks call out; nil refuses every web_hook.
	Hooks *hook.Hooks
	// Limits bound how often an address may try; nil bounds nothing.
	Limits *limit.Limits
	// OAuth is the server whose logins end here; nil where there is none.
	OAuth OAuth
	// Ring signs logout tokens. Give it one of its own purpose.
	Ring *secret.Ring
	// Cookies keep who has signed in with a browser. Give them a ring of their own purpose.
	Cookies web.Cookies
	// Base is the public listener's base URL.
	Base web.BaseURLs
	Now  func() time.Time
	Log  *slog.Logger
}
