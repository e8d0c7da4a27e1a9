package token

import (
	"encoding/json"
	"time"
)

// stored writes the grant as its tags say, for the column grant_json. It is written by hand because every token has
// one, and reflection would be a fifth of the work on a token; a test holds it to what encoding/json reads.
func (g *Grant) stored() (string, error) {
	o := NewObject(256)
	o.Text("family", g.Family)
	o.String("client_id", g.ClientID)
	o.Text("sub", g.Subject)
	o.Text("real_sub", g.RealSubject)
	o.Text("sid", g.SessionID)
	o.Text("grant_type", g.GrantType)
	o.list("scope", g.Scope)
	o.list("aud", g.Audience)
	o.Text("redirect_uri", g.RedirectURI)
	o.Text("code_challenge", g.CodeChallenge)
	o.Text("nonce", g.Nonce)
	o.Text("acr", g.ACR)
	o.list("amr", g.AMR)
	o.moment("auth_time", g.AuthTime)
	o.moment("rat", g.RequestedAt)
	if err := o.claims("access_claims", g.AccessClaims); err != nil {
		return "", err
	}
	if err := o.claims("id_claims", g.IDClaims); err != nil {
		return "", err
	}
	if len(g.ClaimsRequest) > 0 {
		o.Raw("claims_request", g.ClaimsRequest)
	}
	o.Text("iss", g.Issuer)
	return string(o.Bytes()), nil
}

// list writes an array of strings unless there are none.
func (o *Object) list(name string, values []string) {
	if len(values) > 0 {
		o.Strings(name, values)
	}
}

// moment writes a point in time as encoding/json does, unless it is zero.
func (o *Object) moment(name string, t time.Time) {
	if t.IsZero() {
		return
	}
	o.name(name)
	o.buf = append(o.buf, '"')
	o.buf = t.AppendFormat(o.buf, time.RFC3339Nano)
	o.buf = append(o.buf, '"')
}

// claims writes what others decided on, unless there is nothing.
func (o *Object) claims(name string, c Claims) error {
	if len(c) == 0 {
		return nil
	}
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	o.Raw(name, text)
	return nil
}
