package selfservice

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/session"
)

// meanwhile answers who submits a flow although somebody is signed in by now. Whether that is enough for an OAuth client is
// looked at anew: where the session came from and how old it is, the flow does not know.
func (h *Handler) meanwhile(ctx context.Context, f *Flow) error {
	if f.LoginChallenge != "" {
		return &Redirect{Location: h.loginURL(ctx, "login_challenge", f.LoginChallenge)}
	}
	to := f.ReturnTo
	if to == "" {
		to = h.absolute(ctx, h.Config.DefaultBrowserReturnURL)
	}
	return &Redirect{Location: to, Fault: errSignedIn}
}

// signedIn answers who begins to sign in and is signed in.
func (h *Handler) signedIn(ctx context.Context, f *Flow, in *Submission) error {
	if f.LoginChallenge == "" {
		return h.meanwhile(ctx, f)
	}
	location, err := h.acceptOAuth(ctx, f.LoginChallenge, in.Session)
	if err != nil {
		return err
	}
	return &Redirect{Location: location}
}

// askOAuth finds out what the OAuth client wants of the login.
func (h *Handler) askOAuth(ctx context.Context, f *Flow, in *Submission) (*OAuthLogin, error) {
	if h.OAuth == nil || f.API() {
		return nil, errNoOAuth
	}
	asked, err := h.OAuth.LoginRequest(ctx, f.LoginChallenge)
	if err != nil {
		return nil, err
	}
	if f.OAuthRequest, err = json.Marshal(asked.Document); err != nil {
		return nil, err
	}
	if in.Session == nil {
		if slices.Contains(asked.Prompt, "none") {
			to, err := h.OAuth.RejectLogin(ctx, f.LoginChallenge, "login_required", "Nobody is signed in, and the request asks for no page to be shown.")
			if err != nil {
				return nil, err
			}
			return nil, &Redirect{Location: to}
		}
		return asked, nil
	}
	// As the OAuth server counts: parts of seconds matter, and 0 always asks anew (OpenID Connect Core §3.1.2.1).
	age := h.Now().Sub(in.Session.AuthenticatedAt).Seconds()
	if asked.MaxAge >= 0 && age >= float64(asked.MaxAge) || slices.Contains(asked.Prompt, "login") {
		f.Refresh = true
	}
	enough := h.Sessions.Satisfied(ctx, in.Session, h.Sessions.Config.Whoami.RequiredAAL) == nil
	if slices.Contains(asked.ACRValues, session.AAL2) && identity.AvailableAAL(in.Session.Identity) == identity.AAL2 {
		enough = enough && in.Session.AAL == session.AAL2
	}
	if !enough {
		f.AAL = session.AAL2
	}
	return asked, nil
}

// acceptOAuth tells the OAuth server who has signed in, and returns where the browser goes on.
func (h *Handler) acceptOAuth(ctx context.Context, challenge string, s *session.Session) (string, error) {
	if h.OAuth == nil {
		return "", errNoOAuth
	}
	a := AcceptedLogin{Subject: s.IdentityID, SessionID: s.ID, ACR: s.AAL, Remember: true, Identity: s.Identity, AuthenticatedAt: s.AuthenticatedAt}
	a.RememberFor = max(1, int(s.ExpiresAt.Sub(h.Now()).Seconds()))
	for _, m := range s.Methods {
		if !slices.Contains(a.AMR, m.Method) {
			a.AMR = append(a.AMR, m.Method)
		}
	}
	return h.OAuth.AcceptLogin(ctx, challenge, a)
}
