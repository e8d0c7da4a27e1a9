package authorize

import (
	"net/url"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/oauth"
)

// Param is one parameter of an answer.
type Param struct{ Name, Value string }

// Answer is what goes back to the client through the browser (RFC 6749 §4.1.2, §4.2.2).
type Answer struct {
	RedirectURI string
	Mode        string // query, fragment or form_post
	Params      []Param
}

// newAnswer begins an answer with what every one has: the state as it came, and who answers (RFC 9207).
func newAnswer(t target, issuer string) *Answer {
	a := &Answer{RedirectURI: t.RedirectURI, Mode: t.Mode, Params: make([]Param, 0, 8)}
	a.add("iss", issuer)
	a.add("state", t.State)
	return a
}

func (a *Answer) add(name, value string) {
	if value != "" {
		a.Params = append(a.Params, Param{name, value})
	}
}

// failed is the answer that tells an error (RFC 6749 §4.1.2.1). What is not our doing to tell, an internal error, keeps
// its cause to itself.
func failed(t target, issuer string, err error) *Answer {
	e := fault.From(err)
	code := e.Code
	switch e.Kind {
	case fault.Internal:
		code = oauth.ErrServerError.Code
	case fault.Unavailable, fault.Limited:
		code = oauth.ErrTemporarilyUnavailable.Code
	}
	a := newAnswer(t, issuer)
	a.add("error", errorText(code))
	a.add("error_description", errorText(e.Message))
	return a
}

// errorText keeps to the characters that RFC 6749 §4.1.2.1 allows in error and error_description.
func errorText(s string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == '"':
			return '\''
		case c == '\\':
			return '/'
		case c == '\n' || c == '\t':
			return ' '
		case c < 0x20 || c > 0x7e:
			return -1
		}
		return c
	}, s)
}

// Location is the URL that carries the answer in its query or fragment. A query that the redirect URI has already is
// kept (RFC 6749 §3.1.2).
func (a *Answer) Location() string {
	var b strings.Builder
	b.Grow(len(a.RedirectURI) + 256)
	b.WriteString(a.RedirectURI)
	separator := byte('#')
	if a.Mode == oauth.ModeQuery {
		separator = '?'
		if i := strings.IndexByte(a.RedirectURI, '?'); i >= 0 {
			separator = '&'
			if i == len(a.RedirectURI)-1 || strings.HasSuffix(a.RedirectURI, "&") {
				separator = 0
			}
		}
	}
	for _, p := range a.Params {
		if separator != 0 {
			b.WriteByte(separator)
		}
		separator = '&'
		b.WriteString(p.Name)
		b.WriteByte('=')
		b.WriteString(url.QueryEscape(p.Value))
	}
	return b.String()
}
