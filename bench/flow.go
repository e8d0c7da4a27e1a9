package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// A browser for one flow: it remembers cookies by name and follows no redirect by itself.
type browser struct {
	t       *target
	cookies map[string]string
}

// get sends the browser somewhere and gives back where it is sent on to.
func (b *browser) get(ctx context.Context, address string) (*url.URL, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	var cookies strings.Builder
	for name, value := range b.cookies {
		if cookies.Len() > 0 {
			cookies.WriteString("; ")
		}
		cookies.WriteString(name + "=" + value)
	}
	if cookies.Len() > 0 {
		req.Header.Set("Cookie", cookies.String())
	}
	resp, err := b.t.http.Do(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return nil, err
	}
	for _, c := range resp.Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
			continue
		}
		b.cookies[c.Name] = c.Value
	}
	location := resp.Header.Get("Location")
	if location == "" {
		return nil, fmt.Errorf("GET %s: HTTP %d without a Location: %.300s", req.URL.Path, resp.StatusCode, body)
	}
	return url.Parse(location)
}

// accept answers a challenge as a login app does and gives back where the browser goes on to.
func (t *target) accept(ctx context.Context, kind, challenge, body string) (string, error) {
	if challenge == "" {
		return "", fmt.Errorf("no %s challenge", kind)
	}
	var to struct {
		RedirectTo string `json:"redirect_to"`
	}
	address := t.admin + "/admin/oauth2/auth/requests/" + kind + "/accept?" + kind + "_challenge=" + url.QueryEscape(challenge)
	err := t.call(ctx, http.MethodPut, address, body, http.StatusOK, &to)
	return to.RedirectTo, err
}

func random() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// codeFlow is a whole login: authorization request with PKCE, login and consent accepted over the admin API, code
// redeemed for access and refresh token, and an ID token where the scope has openid.
func (t *target) codeFlow(ctx context.Context, scope string) (tokens, error) {
	b := &browser{t: t, cookies: map[string]string{}}
	verifier := random()
	challenge := sha256.Sum256([]byte(verifier))
	state := random()
	q := url.Values{
		"client_id": {t.flow.id}, "response_type": {"code"}, "scope": {scope}, "redirect_uri": {redirectURI},
		"state": {state}, "nonce": {random()}, "code_challenge_method": {"S256"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])},
	}
	login, err := b.get(ctx, t.public+"/oauth2/auth?"+q.Encode())
	if err != nil {
		return tokens{}, err
	}
	next, err := t.accept(ctx, "login", login.Query().Get("login_challenge"), `{"subject":"`+random()+`"}`)
	if err != nil {
		return tokens{}, err
	}
	consent, err := b.get(ctx, next)
	if err != nil {
		return tokens{}, err
	}
	next, err = t.accept(ctx, "consent", consent.Query().Get("consent_challenge"), `{"grant_scope":["`+strings.ReplaceAll(scope, " ", `","`)+`"]}`)
	if err != nil {
		return tokens{}, err
	}
	back, err := b.get(ctx, next)
	if err != nil {
		return tokens{}, err
	}
	if back.Query().Get("state") != state {
		return tokens{}, fmt.Errorf("came back without the state: %s", back.Query().Get("error_description"))
	}
	form := url.Values{"grant_type": {"authorization_code"}, "code": {back.Query().Get("code")},
		"redirect_uri": {redirectURI}, "code_verifier": {verifier}}
	var got tokens
	err = t.form(ctx, t.public+"/oauth2/token", t.flow, form.Encode(), &got)
	return got, err
}
