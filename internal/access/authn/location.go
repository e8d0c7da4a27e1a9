package authn

import (
	"errors"
	"net/textproto"
	"net/url"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/access"
)

// TokenFrom says where a request carries its token. Without one of them it is Authorization.
type TokenFrom struct {
	// Header is the name of a header that has the token and nothing else; for Authorization with its scheme.
	Header string `json:"header"`
	// QueryParameter is the name of a query parameter. Addresses end up in logs: prefer the others.
	QueryParameter string `json:"query_parameter"`
	// Cookie is the name of a cookie.
	Cookie string `json:"cookie"`
}

// location is where tokens are read, with canonical names.
type location struct {
	header, query, cookie string
	prefix                string
}

const (
	authorization = "Authorization"
	contentType   = "Content-Type"
	cookieHeader  = "Cookie"
)

func newLocation(from *TokenFrom, prefix string) (location, error) {
	l := location{header: authorization, prefix: prefix}
	if from == nil || *from == (TokenFrom{}) {
		return l, nil
	}
	set := 0
	for _, name := range []string{from.Header, from.QueryParameter, from.Cookie} {
		if name != "" {
			set++
		}
	}
	if set != 1 {
		return l, errors.New("token_from: has more than one place: write header, query_parameter or cookie")
	}
	l.header = textproto.CanonicalMIMEHeaderKey(from.Header)
	l.query, l.cookie = from.QueryParameter, from.Cookie
	return l, nil
}

// credential is a token as a request presents it.
type credential struct {
	token string
	dpop  bool // by the scheme DPoP (RFC 9449 §7.1)
}

// maxToken is the longest token that is looked at, in bytes.
const maxToken = 16 << 10

// find reads the request's token; ErrNotResponsible where there is none, or none with the prefix.
func (l *location) find(r *access.Request) (credential, error) {
	var c credential
	var err error
	switch {
	case l.query != "":
		c.token, err = queryValue(r.Target.RawQuery, l.query)
	case l.cookie != "":
		c.token, _ = firstCookie(r.Header[cookieHeader], l.cookie)
	case l.header == authorization:
		c, err = authorizationToken(r.Header[authorization])
	default:
		c.token, err = single(r.Header[l.header])
	}
	if err != nil {
		return credential{}, access.ErrUnauthorized.Because(err)
	}
	if c.token == "" || !strings.HasPrefix(c.token, l.prefix) {
		return credential{}, access.ErrNotResponsible
	}
	if len(c.token) > maxToken {
		return credential{}, access.ErrUnauthorized.Because(errTooLong)
	}
	if strings.ContainsFunc(c.token, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return credential{}, access.ErrUnauthorized.Because(errCharacters)
	}
	return c, nil
}

var (
	errTwice      = errors.New("the credential is there more than once")
	errTooLong    = errors.New("the token is too long")
	errCharacters = errors.New("the token has characters that no token has")
)

// single returns the value of a field that may be there once. Of two, nobody knows which one the upstream will read.
func single(values []string) (string, error) {
	if len(values) > 1 {
		return "", errTwice
	}
	if len(values) == 0 {
		return "", nil
	}
	return strings.TrimSpace(values[0]), nil
}

// authorizationToken reads the schemes Bearer (RFC 6750 §2.1) and DPoP (RFC 9449 §7.1); others are none of ours.
func authorizationToken(values []string) (credential, error) {
	value, err := single(values)
	if err != nil {
		return credential{}, err
	}
	scheme, token, found := strings.Cut(value, " ")
	if !found {
		return credential{}, nil
	}
	token = strings.TrimLeft(token, " ")
	switch {
	case strings.EqualFold(scheme, "bearer"):
		return credential{token: token}, nil
	case strings.EqualFold(scheme, "dpop"):
		return credential{token: token, dpop: true}, nil
	}
	return credential{}, nil
}

// queryValue returns the parameter of a query; one that is there twice is refused.
func queryValue(query, name string) (string, error) {
	if !strings.Contains(query, "=") {
		return "", nil
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return "", errors.New("the query cannot be parsed")
	}
	return single(values[name])
}

// firstCookie returns the value of the first cookie of that name (RFC 6265 §5.4).
func firstCookie(fields []string, name string) (string, bool) {
	for value := range cookies(fields, name) {
		return value, true
	}
	return "", false
}

// cookies goes through the values of the cookies of a name.
func cookies(fields []string, name string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for _, field := range fields {
			for field != "" {
				var one string
				one, field, _ = strings.Cut(field, ";")
				got, value, ok := strings.Cut(strings.TrimSpace(one), "=")
				if ok && got == name && !yield(strings.Trim(value, `"`)) {
					return
				}
			}
		}
	}
}

// anyCookie reports whether there is any cookie at all.
func anyCookie(fields []string) bool {
	for _, field := range fields {
		if strings.Contains(field, "=") {
			return true
		}
	}
	return false
}
