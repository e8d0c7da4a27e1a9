package authorize

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gatehouse-iam/gatehouse/internal/oauth"
)

// maxRequest is how long an authorization request may be, in characters of query and form together.
const maxRequest = 16 << 10

// understood are the parameters that mean something here. Others are ignored (RFC 6749 §3.1). None may be repeated but
// audience, of which each occurrence is one value.
var understood = [...]string{
	"response_type", "client_id", "redirect_uri", "scope", "state", "response_mode", "nonce", "display", "prompt",
	"max_age", "ui_locales", "claims_locales", "id_token_hint", "login_hint", "acr_values", "claims", "audience",
	"code_challenge", "code_challenge_method", "request", "request_uri", "registration",
}

// params are the parameters of an authorization request, from the query of a GET or from query and form of a POST.
type params struct {
	values   url.Values
	repeated string // the first known parameter that was given more than once; empty: none
}

// readParams takes the values of a request. What is repeated has no value that could be trusted.
func readParams(values url.Values) params {
	p := params{values: values}
	for _, name := range understood {
		if v := values[name]; len(v) > 1 && name != "audience" {
			p.repeated = name
			break
		}
	}
	return p
}

// get gives a parameter; one without a value counts as absent (RFC 6749 §3.1).
func (p params) get(name string) string {
	if v := p.values[name]; len(v) == 1 {
		return v[0]
	}
	return ""
}

// doubled tells whether one of the parameters that decide where an answer goes was given twice: then there is no
// trusting any of its values.
func (p params) doubled(name string) bool { return len(p.values[name]) > 1 }

// clean refuses parameters that no client means to send: control characters, and what is not UTF-8, which could not come
// back as it was sent. The claims parameter may hold line ends, as JSON does.
func (p params) clean() error {
	for _, name := range understood {
		for _, v := range p.values[name] {
			if !utf8.ValidString(v) || name != "claims" && strings.ContainsFunc(v, unicode.IsControl) {
				return oauth.ErrInvalidRequest.Withf("The parameter %s contains control characters or is not UTF-8.", name)
			}
		}
	}
	return nil
}

// single refuses repeated parameters (RFC 6749 §3.1).
func (p params) single() error {
	if p.repeated != "" {
		return oauth.ErrInvalidRequest.Withf("The parameter %s was sent more than once.", p.repeated)
	}
	return nil
}
