package authorize

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"

	"github.com/google/uuid"

	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

const (
	pathAdmin           = "/admin/oauth2/auth"
	pathConsentSessions = pathAdmin + "/sessions/consent"
)

// MountAdmin adds the challenge protocol and the revocation of consents and login sessions, as Ory has them.
func (h *Handler) MountAdmin(m *web.Mux) {
	m = m.With(web.HydraErrors)
	m.Handle("GET "+pathAdmin+"/requests/login", web.Call(h.getLogin))
	m.Handle("PUT "+pathAdmin+"/requests/login/accept", web.Call(h.acceptLogin))
	m.Handle("PUT "+pathAdmin+"/requests/login/reject", web.Call(h.rejectLogin))
	m.Handle("GET "+pathAdmin+"/requests/consent", web.Call(h.getConsent))
	m.Handle("PUT "+pathAdmin+"/requests/consent/accept", web.Call(h.acceptConsent))
	m.Handle("PUT "+pathAdmin+"/requests/consent/reject", web.Call(h.rejectConsent))
	m.Handle("GET "+pathConsentSessions, web.Call(h.listConsents))
	m.Handle("DELETE "+pathConsentSessions, web.Call(h.revokeConsents))
	m.Handle("DELETE "+pathAdmin+"/sessions/login", web.Call(h.revokeLogins))
}

// RedirectTo is Ory's oAuth2RedirectTo.
type RedirectTo struct {
	RedirectTo string `json:"redirect_to"`
}

type loginIn struct {
	Challenge string `query:"login_challenge"`
	Legacy    string `query:"challenge"`
}

type consentIn struct {
	Challenge string `query:"consent_challenge"`
	Legacy    string `query:"challenge"`
}

// given gives the challenge under its name or under the one that older SDKs have.
func given(challenge, legacy, name string) (string, error) {
	switch {
	case challenge != "":
		return challenge, nil
	case legacy != "":
		return legacy, nil
	}
	return "", oauth.ErrInvalidRequest.Withf("The query parameter %s is missing.", name)
}

func (in loginIn) challenge() (string, error) {
	return given(in.Challenge, in.Legacy, "login_challenge")
}

func (in consentIn) challenge() (string, error) {
	return given(in.Challenge, in.Legacy, "consent_challenge")
}

func (h *Handler) getLogin(ctx context.Context, in loginIn) (*LoginRequest, error) {
	challenge, err := in.challenge()
	if err != nil {
		return nil, err
	}
	return h.Flows.LoginRequest(ctx, challenge)
}

type acceptLoginIn struct {
	Challenge string      `query:"login_challenge"`
	Legacy    string      `query:"challenge"`
	Body      LoginAccept `body:"json"`
}

func (h *Handler) acceptLogin(ctx context.Context, in acceptLoginIn) (RedirectTo, error) {
	challenge, err := loginIn{in.Challenge, in.Legacy}.challenge()
	if err != nil {
		return RedirectTo{}, err
	}
	in.Body.Elsewhere = true
	to, err := h.Flows.AcceptLogin(ctx, challenge, in.Body)
	return RedirectTo{to}, err
}

type rejectLoginIn struct {
	Challenge string  `query:"login_challenge"`
	Legacy    string  `query:"challenge"`
	Body      Refusal `body:"json,optional"`
}

func (h *Handler) rejectLogin(ctx context.Context, in rejectLoginIn) (RedirectTo, error) {
	challenge, err := loginIn{in.Challenge, in.Legacy}.challenge()
	if err != nil {
		return RedirectTo{}, err
	}
	to, err := h.Flows.RejectLogin(ctx, challenge, in.Body)
	return RedirectTo{to}, err
}

func (h *Handler) getConsent(ctx context.Context, in consentIn) (*ConsentRequest, error) {
	challenge, err := in.challenge()
	if err != nil {
		return nil, err
	}
	return h.Flows.ConsentRequest(ctx, challenge)
}

type acceptConsentIn struct {
	Challenge string        `query:"consent_challenge"`
	Legacy    string        `query:"challenge"`
	Body      ConsentAccept `body:"json"`
}

func (h *Handler) acceptConsent(ctx context.Context, in acceptConsentIn) (RedirectTo, error) {
	challenge, err := consentIn{in.Challenge, in.Legacy}.challenge()
	if err != nil {
		return RedirectTo{}, err
	}
	to, err := h.Flows.AcceptConsent(ctx, challenge, in.Body)
	return RedirectTo{to}, err
}

type rejectConsentIn struct {
	Challenge string  `query:"consent_challenge"`
	Legacy    string  `query:"challenge"`
	Body      Refusal `body:"json,optional"`
}

func (h *Handler) rejectConsent(ctx context.Context, in rejectConsentIn) (RedirectTo, error) {
	challenge, err := consentIn{in.Challenge, in.Legacy}.challenge()
	if err != nil {
		return RedirectTo{}, err
	}
	to, err := h.Flows.RejectConsent(ctx, challenge, in.Body)
	return RedirectTo{to}, err
}

// The sizes of a page of consents, as Ory has them.
const (
	defaultPage = 250
	maxPage     = 500
)

type listConsentsIn struct {
	Subject   string `query:"subject"`
	SessionID string `query:"login_session_id"`
	PageSize  int    `query:"page_size"`
	PageToken string `query:"page_token"`
}

func (h *Handler) listConsents(ctx context.Context, in listConsentsIn) (web.Reply[[]ConsentSessionItem], error) {
	var none web.Reply[[]ConsentSessionItem]
	if in.Subject == "" {
		return none, oauth.ErrInvalidRequest.With("The query parameter subject is missing.")
	}
	size := in.PageSize
	switch {
	case size == 0:
		size = defaultPage
	case size < 0:
		return none, oauth.ErrInvalidRequest.Withf("page_size must be from 1 to %d.", maxPage)
	}
	size = min(size, maxPage)
	below, err := readPageToken(in.PageToken)
	if err != nil {
		return none, err
	}
	items, next, err := h.Flows.Consents(ctx, in.Subject, in.SessionID, below, size)
	if err != nil {
		return none, err
	}
	links := web.PageLinks(ctx, pathConsentSessions, size, url.Values{"subject": {in.Subject}, "login_session_id": {in.SessionID}},
		base64.RawURLEncoding.EncodeToString([]byte(next)))
	return web.Reply[[]ConsentSessionItem]{Header: http.Header{"Link": {links}}, Body: items}, nil
}

// readPageToken reads the id below which a page begins.
func readPageToken(token string) (string, error) {
	if token == "" {
		return "", nil
	}
	id, err := base64.RawURLEncoding.DecodeString(token)
	if err == nil {
		_, err = uuid.ParseBytes(id)
	}
	if err != nil {
		return "", oauth.ErrInvalidRequest.With("The page_token is not one that this server gave. Take it from the Link header of the page before.")
	}
	return string(id), nil
}

// Consents lists a subject's consents, the newest first, below an id. next is the id to go on from, "" at the end.
func (f *Flows) Consents(ctx context.Context, subject, session, below string, size int) (items []ConsentSessionItem, next string, err error) {
	rows, err := f.Store.consents(ctx, subject, session, below, size+1)
	if err != nil {
		return nil, "", err
	}
	if len(rows) > size {
		rows = rows[:size]
		next = rows[size-1].ID
	}
	items = make([]ConsentSessionItem, 0, len(rows))
	for i := range rows {
		c, err := f.client(ctx, rows[i].ClientID)
		if err != nil && !isUnknownClient(err) {
			return nil, "", err
		}
		if c == nil {
			c = &client.Client{ID: rows[i].ClientID} // deleted since
		}
		items = append(items, rows[i].item(c))
	}
	return items, next, nil
}

type revokeConsentsIn struct {
	Subject   string `query:"subject"`
	Client    string `query:"client"`
	RequestID string `query:"consent_request_id"`
	All       bool   `query:"all"`
}

func (h *Handler) revokeConsents(ctx context.Context, in revokeConsentsIn) (web.NoContent, error) {
	return web.NoContent{}, h.Flows.RevokeConsents(ctx, in.Subject, in.Client, in.RequestID, in.All)
}

type revokeLoginsIn struct {
	Subject   string `query:"subject"`
	SessionID string `query:"sid"`
}

// revokeLogins ends login sessions. Tokens stay valid, as Ory has it.
func (h *Handler) revokeLogins(ctx context.Context, in revokeLoginsIn) (web.NoContent, error) {
	switch {
	case in.SessionID != "":
		return web.NoContent{}, h.Flows.EndLogin(ctx, in.SessionID)
	case in.Subject != "":
		return web.NoContent{}, h.Flows.EndLogins(ctx, in.Subject)
	}
	return web.NoContent{}, oauth.ErrInvalidRequest.With("Either the query parameter subject or sid must be set.")
}
