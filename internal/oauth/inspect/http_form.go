package inspect

import (
	"bytes"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/token"
)

// question is what an introspection request asks.
type question struct {
	token string
	scope string // scopes that the token must have; "" when none is asked for
}

// scratch is what reading a question needs besides.
type scratch struct {
	body    bytes.Buffer
	limited io.LimitedReader
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

var errTooLong = fault.New(fault.TooLarge, "invalid_request", "The form is too large for an introspection request.")

// readQuestion reads the form of an introspection request. It is token.ReadForm without the map: here it pays.
func readQuestion(r *http.Request) (question, error) {
	if contentType := r.Header["Content-Type"]; len(contentType) != 1 || contentType[0] != formType {
		media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err != nil || media != formType {
			return question{}, oauth.ErrInvalidRequest.With("The body must have the Content-Type application/x-www-form-urlencoded.")
		}
	}
	s, _ := scratches.Get().(*scratch)
	defer func() {
		s.body.Reset()
		s.limited.R = nil
		scratches.Put(s)
	}()
	s.limited.R, s.limited.N = r.Body, token.MaxForm+1
	if _, err := s.body.ReadFrom(&s.limited); err != nil {
		return question{}, err
	}
	if s.body.Len() > token.MaxForm {
		return question{}, errTooLong
	}
	return parseQuestion(s.body.String())
}

const formType = "application/x-www-form-urlencoded"

// parseQuestion takes a form apart. Parameters that it does not know are passed over; those that it knows may come
// once (RFC 6749 §3.2).
func parseQuestion(form string) (q question, err error) {
	var seen [2]bool
	for form != "" {
		var pair string
		pair, form, _ = strings.Cut(form, "&")
		name, value, _ := strings.Cut(pair, "=")
		if name, err = unescape(name); err != nil {
			return question{}, err
		}
		i, dest := 0, &q.token
		switch name {
		case "token":
		case "scope":
			i, dest = 1, &q.scope
		default:
			continue
		}
		if seen[i] {
			return question{}, oauth.ErrInvalidRequest.Withf("The parameter %s is there more than once.", name)
		}
		seen[i] = true
		if *dest, err = unescape(value); err != nil {
			return question{}, err
		}
	}
	if q.token == "" {
		return question{}, errNoToken
	}
	return q, nil
}

// Unescape decodes a form value; most need none of it.
func unescape(s string) (string, error) {
	if !strings.ContainsAny(s, "%+;") {
		return s, nil
	}
	if strings.Contains(s, ";") {
		return "", oauth.ErrInvalidRequest.With("The body is not form-encoded: a semicolon must be written as %3B.")
	}
	v, err := url.QueryUnescape(s)
	if err != nil {
		return "", oauth.ErrInvalidRequest.With("The body is not form-encoded: a percent sign stands where it may not.").Because(err)
	}
	return v, nil
}
