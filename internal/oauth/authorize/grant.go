package authorize

import (
	"context"
	"errors"
	"strconv"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/token"
)

// ConsentRequest is what the consent app gets to know about a consent that it shall ask for.
func (f *Flows) ConsentRequest(ctx context.Context, challenge string) (*ConsentRequest, error) {
	flow, err := f.open(ctx, ConsentChallenge, challenge, isSignedIn)
	if err != nil {
		return nil, err
	}
	if flow.SignedIn == nil {
		return nil, errNotFound
	}
	if flow.Consent != nil {
		return nil, used(flow)
	}
	r, s := flow.request(), flow.SignedIn
	c, err := f.client(ctx, r.ClientID)
	if err != nil {
		return nil, err
	}
	return &ConsentRequest{Challenge: challenge, RequestedScope: orEmpty(r.Scope), RequestedAudience: orEmpty(r.Audience),
		Skip: s.SkipConsent, Subject: s.Subject, OIDC: r.oidc(), Client: c, RequestURL: r.URL,
		LoginChallenge: f.Challenges.Make(LoginChallenge, here(ctx), flow.ID), LoginSessionID: s.SessionID,
		ConsentRequestID: flow.ID, ACR: s.ACR, AMR: orEmpty(s.AMR), Context: flow.Login.Context}, nil
}

// AcceptConsent takes the consent app's word for what was granted, and says where to send the browser.
func (f *Flows) AcceptConsent(ctx context.Context, challenge string, a ConsentAccept) (to string, err error) {
	flow, err := f.open(ctx, ConsentChallenge, challenge, isSignedIn)
	if err != nil {
		return "", err
	}
	if err := checkConsent(flow.request(), &a); err != nil {
		return "", err
	}
	return f.answerConsent(ctx, flow, &ConsentAnswer{ConsentAccept: a, At: f.Now()})
}

// RejectConsent takes the consent app's refusal, and says where to send the browser.
func (f *Flows) RejectConsent(ctx context.Context, challenge string, why Refusal) (to string, err error) {
	flow, err := f.open(ctx, ConsentChallenge, challenge, isSignedIn)
	if err != nil {
		return "", err
	}
	return f.answerConsent(ctx, flow, &ConsentAnswer{At: f.Now(), Refused: &why})
}

// answerConsent stores the first answer, as answerLogin does.
func (f *Flows) answerConsent(ctx context.Context, flow *Flow, a *ConsentAnswer) (to string, err error) {
	if flow.SignedIn == nil {
		return "", errNotFound
	}
	if flow, err = f.answer(ctx, flow, stepConsent, a, isAnswered); err != nil {
		return "", err
	}
	if flow.Consent == nil || !flow.Consent.same(a) {
		return "", used(flow)
	}
	return f.Public(ctx, pathAuth+"?consent_verifier="+f.Challenges.Make(ConsentVerifier, here(ctx), flow.ID)), nil
}

// ResumeConsent takes the browser that comes back from the consent app, and sends it to the client with the answer.
func (f *Flows) ResumeConsent(ctx context.Context, verifier string, bound func(flow string) bool) (*Next, error) {
	flow, err := f.open(ctx, ConsentVerifier, verifier, isAnswered)
	if err != nil {
		return nil, err
	}
	if !bound(flow.ID) {
		return nil, errNotBound.WithDetail(detailRestart, flow.request().URL)
	}
	if flow.Consent == nil {
		return nil, errNotFound // we gave this verifier to nobody
	}
	c, err := f.clientOf(ctx, flow)
	if err != nil {
		return nil, err
	}
	t := flow.request().target()
	if flow.Consent.Refused != nil {
		next := f.fail(ctx, t, flow.Consent.Refused.fault())
		next.Release = flow.ID
		return next, nil
	}
	if k := flow.Begun.Known; k != nil && k.SessionID == flow.SignedIn.SessionID {
		// Who has signed out in the meantime may have left the computer to another.
		if over, err := f.sessionOver(ctx, flow); err != nil || over {
			return &Next{Location: flow.request().URL, Release: flow.ID}, err
		}
	}
	answer, err := f.grant(ctx, flow, c)
	switch {
	case errors.Is(err, errTaken):
		return nil, errCompleted
	case err != nil:
		return f.fail(ctx, t, err), nil
	}
	return &Next{Answer: answer, Release: flow.ID}, nil
}

// grant ends the flow and mints what the client asked for.
func (f *Flows) grant(ctx context.Context, flow *Flow, c *client.Client) (*Answer, error) {
	r := flow.request()
	if wants(r.ResponseType, "id_token") && !oauth.Scope(flow.Consent.GrantScope).Has(oauth.ScopeOpenID) {
		return nil, oauth.ErrAccessDenied.With("The person did not grant the scope openid, without which there is no ID token.")
	}
	if err := stillAllowed(r, flow.Consent, c, f.Policy); err != nil {
		return nil, err
	}
	g := newGrant(flow)
	var forCode *token.Grant
	if wants(r.ResponseType, "code") {
		forCode = &g
	} else {
		g.GrantType = oauth.GrantImplicit
	}
	code, err := f.Store.finish(ctx, newConsent(flow, f.Now()), forCode)
	if err != nil {
		return nil, err
	}
	a := newAnswer(r.target(), f.Issuer.URL(ctx))
	a.add("code", code)
	if r.ResponseType == oauth.ResponseCode {
		return a, nil
	}
	return a, f.frontChannel(ctx, c, r, g, code, a)
}

// stillAllowed holds what was granted against the client's registration as it is now: what was taken from that while the
// person was signing in, the client cannot have any more.
func stillAllowed(r *Request, a *ConsentAnswer, c *client.Client, policy Policy) error {
	if err := allowedResponse(r.ResponseType, c, policy); err != nil {
		return err
	}
	if err := c.AllowedScope(policy.ScopeStrategy, a.GrantScope); err != nil {
		return err
	}
	return c.AllowedAudience(a.GrantAudience)
}

// frontChannel adds access token and ID token to an answer (RFC 6749 §4.2.2, OpenID Connect Core §3.2.2.5, §3.3.2.5).
func (f *Flows) frontChannel(ctx context.Context, c *client.Client, r *Request, g token.Grant, code string, a *Answer) error {
	accessToken := ""
	if wants(r.ResponseType, "token") {
		at, err := f.Issuer.AccessToken(ctx, c, g)
		if err != nil {
			return err
		}
		accessToken = at.Token
		a.add("access_token", at.Token)
		a.add("token_type", at.Type)
		a.add("expires_in", strconv.FormatInt(at.ExpiresIn, 10))
		a.add("scope", oauth.Scope(g.Scope).String())
	}
	if wants(r.ResponseType, "id_token") {
		idToken, err := f.Issuer.IDToken(ctx, c, g, accessToken, code)
		if err != nil {
			return err
		}
		a.add("id_token", idToken)
	}
	return nil
}

// fault is the refusal as the client gets it. What the app calls debug stays here.
func (w *Refusal) fault() *fault.Error {
	code, text := w.Error, w.Description
	if code == "" {
		code = "request_denied"
	}
	if text == "" {
		text = "The request was denied."
	}
	if w.Hint != "" {
		text += " " + w.Hint
	}
	return fault.New(fault.Forbidden, code, text)
}
