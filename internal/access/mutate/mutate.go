package mutate

import (
	"context"
	"errors"
	"fmt"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/fetch"
)

// Keys sign tokens for the context's tenant. Package keys has the real ones.
type Keys interface {
	// Sign returns the compact JWS of marshalled claims by the active key of a set; typ is its header of that name.
	Sign(ctx context.Context, set, typ string, claims []byte) (string, error)
	// SigningKey returns the id of the key that Sign uses now. It must be cheap: it is asked for every request.
	SigningKey(ctx context.Context, set string) (kid string, err error)
}

// Options are what the mutators work with.
type Options struct {
	// Keys sign id tokens; nil refuses the kind id_token.
	Keys Keys
	// KeySet is the name of the key set that signs id tokens.
	KeySet string
	// Ask makes the calls that settings name.
	Ask *fetch.Asker
	// CacheSize bounds how many id tokens, and how many answers of hydrators, are kept. Default: 10,000 each.
	CacheSize int
	// Now is the clock.
	Now func() time.Time
}

// Kinds returns the mutators by name. They share what they keep, so call it once.
func Kinds(o Options) map[string]access.Kind[access.Mutator] {
	if o.CacheSize <= 0 {
		o.CacheSize = 10_000
	}
	return map[string]access.Kind[access.Mutator]{
		"noop":     newNoop,
		"header":   newHeader,
		"cookie":   newCookie,
		"id_token": newIDTokens(o).make,
		"hydrator": newHydrators(o).make,
	}
}

// noop tells nothing.
type noop struct{}

func newNoop(s access.Settings) (access.Mutator, error) { return noop{}, s.Decode(&struct{}{}) }

func (noop) Mutate(context.Context, *access.Request, *access.Principal) error { return nil }

// named is a template for the value of a field or cookie.
type named struct {
	name string
	text *access.Template
}

// HeaderSettings are the settings of the mutator header.
type HeaderSettings struct {
	// Headers are the fields by name; the values are templates.
	Headers map[string]string `json:"headers"`
}

// header sets header fields.
type header []named

func newHeader(from access.Settings) (access.Mutator, error) {
	var s HeaderSettings
	if err := from.Decode(&s); err != nil {
		return nil, err
	}
	if s.Headers == nil {
		return nil, errors.New("headers: is missing")
	}
	var h header
	for name, text := range s.Headers {
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		if !fetch.IsToken(name) || access.HopByHop(canonical) {
			return nil, fmt.Errorf("headers.%s: is no name of a header that can be set", name)
		}
		compiled, err := access.NewTemplate(text)
		if err != nil {
			return nil, fmt.Errorf("headers.%s: %w", name, err)
		}
		h = append(h, named{canonical, compiled})
	}
	slices.SortFunc(h, func(a, b named) int { return strings.Compare(a.name, b.name) })
	return h, nil
}

// Mutate sets the fields. One whose template gives nothing is taken away.
func (h header) Mutate(_ context.Context, _ *access.Request, p *access.Principal) error {
	for _, n := range h {
		value, err := n.text.Execute(p)
		if err != nil {
			return fmt.Errorf("headers.%s: %w", n.name, err)
		}
		if unsendable(value) {
			return fmt.Errorf("headers.%s: the value has characters that a header cannot have", n.name)
		}
		setHeader(p, n.name, value)
	}
	return nil
}

// unsendable reports whether a value has characters that a field cannot have: what would end it would also begin another one (RFC 9110
// §5.5).
func unsendable(value string) bool {
	return strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

// SetsHeaders implements access.HeaderSetter.
func (h header) SetsHeaders() []string { return names(h) }

func names(list []named) []string {
	all := make([]string, len(list))
	for i := range list {
		all[i] = list[i].name
	}
	return all
}

func setHeader(p *access.Principal, name, value string) {
	if p.Header == nil {
		p.Header = access.Header{}
	}
	if value == "" {
		p.Header[name] = nil
		return
	}
	p.Header[name] = []string{value}
}

// CookieSettings are the settings of the mutator cookie.
type CookieSettings struct {
	// Cookies are the cookies by name; the values are templates.
	Cookies map[string]string `json:"cookies"`
}

// cookie sets cookies.
type cookie []named

func newCookie(from access.Settings) (access.Mutator, error) {
	var s CookieSettings
	if err := from.Decode(&s); err != nil {
		return nil, err
	}
	if s.Cookies == nil {
		return nil, errors.New("cookies: is missing")
	}
	var c cookie
	for name, text := range s.Cookies {
		if !fetch.IsToken(name) {
			return nil, fmt.Errorf("cookies.%s: is no name of a cookie", name)
		}
		compiled, err := access.NewTemplate(text)
		if err != nil {
			return nil, fmt.Errorf("cookies.%s: %w", name, err)
		}
		c = append(c, named{name, compiled})
	}
	slices.SortFunc(c, func(a, b named) int { return strings.Compare(a.name, b.name) })
	return c, nil
}

// Mutate sets the cookies.
func (c cookie) Mutate(_ context.Context, _ *access.Request, p *access.Principal) error {
	for _, n := range c {
		value, err := n.text.Execute(p)
		if err != nil {
			return fmt.Errorf("cookies.%s: %w", n.name, err)
		}
		// RFC 6265 §4.1.1: what would end the value would also begin another cookie.
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r >= 0x7f || strings.ContainsRune(`";\,`, r) }) {
			return fmt.Errorf("cookies.%s: the value has characters that a cookie cannot have", n.name)
		}
		if p.Cookies == nil {
			p.Cookies = make(map[string]string, len(c))
		}
		p.Cookies[n.name] = value
	}
	return nil
}

// SetsCookies implements access.CookieSetter.
func (c cookie) SetsCookies() []string { return names(c) }
