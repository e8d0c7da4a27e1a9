package client

import (
	"net/http"

	"github.com/gatehouse-iam/gatehouse/internal/actor"
	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// Authenticate returns the client that the request proves to come from. The
// form must have been parsed into r.PostForm: credentials in the URL do not
// count (RFC 6749 §2.3.1).
func (a *Authenticator) Authenticate(r *http.Request) (*Client, error) {
	claimed, err := ReadCredentials(r)
	if err != nil {
		return nil, err
	}
	c, err := a.Verify(r.Context(), claimed)
	switch {
	case err == nil:
		web.ActAs(r.Context(), actor.Actor{Kind: actor.Client, ID: c.ID})
	case a.Failed != nil && fault.From(err).Kind == fault.Unauthenticated:
		a.Failed(r.Context(), claimed.ID, claimed.Method)
	}
	return c, err
}

// ReadCredentials finds the credentials in a request and by which method they
// are given. More than one method is refused (RFC 6749 §2.3), and so is a
// parameter given twice (§3.2). A parameter without a value counts as absent.
func ReadCredentials(r *http.Request) (Credentials, error) {
	var c Credentials
	var kind string
	for _, p := range [...]struct {
		name string
		into *string
	}{
		{"client_id", &c.ID},
		{"client_secret", &c.Secret},
		{"client_assertion", &c.Assertion},
		{"client_assertion_type", &kind},
	} {
		values := r.PostForm[p.name]
		if len(values) > 1 {
			return Credentials{}, oauth.ErrInvalidRequest.With("The parameter " + p.name + " was sent more than once.")
		}
		if len(values) == 1 {
			*p.into = values[0]
		}
	}
	headers := r.Header["Authorization"]
	switch {
	case len(headers) > 0:
		return basicCredentials(headers, c)
	case c.Assertion != "" || kind != "":
		return assertionCredentials(c, kind)
	case c.ID == "":
		return Credentials{}, refuse("the request holds no client credentials")
	case c.Secret != "":
		c.Method = oauth.AuthSecretPost
	default:
		c.Method = oauth.AuthNone
	}
	return c, nil
}

func assertionCredentials(c Credentials, kind string) (Credentials, error) {
	switch {
	case c.Secret != "":
		return Credentials{}, errTwoMethods()
	case c.Assertion == "":
		return Credentials{}, oauth.ErrInvalidRequest.With("The parameter client_assertion is missing.")
	case kind != oauth.AssertionTypeJWTBearer:
		return Credentials{}, oauth.ErrInvalidRequest.With("The parameter client_assertion_type must be " + oauth.AssertionTypeJWTBearer + ".")
	}
	c.Method = oauth.AuthPrivateKeyJWT
	return c, nil
}

func basicCredentials(headers []string, form Credentials) (Credentials, error) {
	if len(headers) > 1 || form.Secret != "" || form.Assertion != "" {
		return Credentials{}, errTwoMethods()
	}
	id, secret, err := oauth.ParseBasic(headers[0])
	if err != nil {
		return Credentials{}, refuse("the Authorization header must be 'Basic' with client id and secret, each form-url-encoded, joined by a colon and encoded in base64")
	}
	if form.ID != "" && form.ID != id {
		return Credentials{}, oauth.ErrInvalidRequest.With("The client_id parameter names another client than the Authorization header.")
	}
	return Credentials{Method: oauth.AuthSecretBasic, ID: id, Secret: secret}, nil
}

func errTwoMethods() error {
	return oauth.ErrInvalidRequest.With("The request authenticates the client in more than one way: use one method only.")
}
