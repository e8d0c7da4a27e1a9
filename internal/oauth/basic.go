package oauth

import (
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
)

// maxBasic is how long the credentials of the scheme Basic may be as they are sent, in bytes.
const maxBasic = 8 << 10

// ErrNotBasic says that an Authorization header is of another scheme than Basic, or empty.
var ErrNotBasic = errors.New("the scheme is not Basic")

// FormatBasic returns the Authorization header of a client (RFC 6749 §2.3.1): both are form-encoded before Basic's own encoding,
// which other uses of Basic do not know.
func FormatBasic(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))
}

// ParseBasic reads what FormatBasic writes. The scheme may be in any case, with one space behind it or more (RFC 9110 §11.4); the
// id is never empty. ErrNotBasic leaves the header to who knows its scheme; other errors say what is wrong with the credentials,
// without repeating them.
func ParseBasic(header string) (id, secret string, err error) {
	scheme, encoded, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "basic") {
		return "", "", ErrNotBasic
	}
	if len(encoded) > maxBasic {
		return "", "", errors.New("what follows Basic is too long")
	}
	plain, err := base64.StdEncoding.DecodeString(strings.TrimLeft(encoded, " "))
	if err != nil {
		return "", "", errors.New("what follows Basic is not base64")
	}
	id, secret, found := strings.Cut(string(plain), ":")
	if !found {
		return "", "", errors.New("what follows Basic has no colon")
	}
	if id, err = url.QueryUnescape(id); err == nil {
		secret, err = url.QueryUnescape(secret)
	}
	switch {
	case err != nil:
		return "", "", errors.New("the client id or secret is not form-encoded")
	case id == "":
		return "", "", errors.New("the client id is empty")
	}
	return id, secret, nil
}
