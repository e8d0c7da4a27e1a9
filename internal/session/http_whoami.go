package session

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// identityHeader tells a proxy that asks on behalf of an application who is signed in.
const identityHeader = "X-Kratos-Authenticated-Identity-Id"

// cacheHeader tells a proxy for how many seconds it may keep the answer.
const cacheHeader = "Ory-Session-Cache-For"

// strangersFor is how long a proxy may believe that a request without credentials is nobody's.
const strangersFor = time.Minute

func (h *Handler) whoami(w http.ResponseWriter, r *http.Request) error {
	k, c, err := h.kept(r)
	if err != nil {
		if c.token == "" && h.Config.Whoami.CacheableSessions {
			cacheFor(w, strangersFor)
		}
		return err
	}
	s := k.session
	if err := h.Satisfied(r.Context(), s, h.Config.Whoami.RequiredAAL); err != nil {
		return err
	}
	body, err := h.document(r, k, w)
	if err != nil {
		return err
	}
	if c.cookie && c.expires.Before(s.ExpiresAt.Truncate(time.Second)) {
		// It was extended since the browser was told, by an administrator or by use.
		if err := h.SetCookie(w, r, s, c.token); err != nil {
			return err
		}
	}
	w.Header()[identityHeader] = []string{s.IdentityID}
	return web.WriteRawJSON(w, http.StatusOK, body)
}

// document returns the session's JSON, with a JWT where one is asked for.
func (h *Handler) document(r *http.Request, k *kept, w http.ResponseWriter) ([]byte, error) {
	name := ""
	if r.URL.RawQuery != "" {
		name = r.URL.Query().Get("tokenize_as")
	}
	if name == "" {
		if h.Config.Whoami.CacheableSessions {
			life := k.session.ExpiresAt.Sub(h.Now())
			if most := h.Config.Whoami.CacheableSessionsMaxAge; most > 0 {
				life = min(life, most)
			}
			cacheFor(w, life)
		}
		return k.document()
	}
	s := k.session.own()
	var err error
	if s.Tokenized, err = h.Tokenizer.Tokenize(r.Context(), name, s); err != nil {
		return nil, err
	}
	return (&kept{session: s}).document()
}

func cacheFor(w http.ResponseWriter, d time.Duration) {
	w.Header().Set(cacheHeader, strconv.FormatInt(int64(d/time.Second), 10))
}

// exchanged is the answer of the token exchange.
type exchanged struct {
	Token   string   `json:"session_token,omitempty"`
	Session *Session `json:"session"`
}

func (h *Handler) exchange(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	initCode, returnToCode := query.Get("init_code"), query.Get("return_to_code")
	if initCode == "" || returnToCode == "" {
		return errInvalid.With("The parameters init_code and return_to_code must both be there.")
	}
	if h.Exchanges == nil {
		return ErrNoExchange
	}
	got, token, err := h.Exchanges.Exchange(r.Context(), initCode, returnToCode)
	if pending, ok := errors.AsType[*Pending](err); ok && h.Flow != nil {
		flow, err := h.pending(r.Context(), pending.FlowID)
		if err != nil {
			return err
		}
		return web.WriteJSON(w, http.StatusUnprocessableEntity, flow)
	}
	if err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, exchanged{token, got})
}

// pending returns the flow, with its messages, that has not ended in a session.
func (h *Handler) pending(ctx context.Context, id string) (any, error) {
	flow, err := h.Flow(ctx, id)
	if err != nil {
		return nil, ErrNoExchange.Because(err)
	}
	return flow, nil
}
