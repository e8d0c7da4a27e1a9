package mutate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/cache"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// IDTokenSettings are the settings of the mutator id_token.
type IDTokenSettings struct {
	// IssuerURL is the claim iss.
	IssuerURL string `json:"issuer_url"`
	// JWKSURL is where Oathkeeper reads its private keys. Here this server's own sign, so it is not needed, and a URL of another
	// host or a file is refused.
	JWKSURL string `json:"jwks_url"`
	// TTL is how long the token is good. Default: 15m.
	TTL string `json:"ttl"`
	// Claims is the template of a JSON object with further claims.
	Claims string `json:"claims"`
	// Cache says whether tokens are kept and given out again. Default: they are.
	Cache IDTokenCache `json:"cache"`
}

// IDTokenCache says whether tokens are kept.
type IDTokenCache struct {
	// Enabled keeps them. Where it is false, each request has a token of its own.
	Enabled bool `json:"enabled"`
	// MaxCost is Oathkeeper's bound of its memory. Here one bound holds for all rules together, which the configuration sets.
	MaxCost int `json:"max_cost"`
}

// idTokens makes the mutators, which share the tokens that they keep.
type idTokens struct {
	o    Options
	made *cache.Cache[*idToken]
}

// idToken is a signed token.
type idToken struct {
	field   []string // the value of Authorization
	kid     string
	expires time.Time
}

// longestTTL bounds how long a token may be good, and so how long it is kept.
const longestTTL = 24 * time.Hour

func newIDTokens(o Options) *idTokens {
	return &idTokens{o: o, made: cache.New[*idToken](cache.Options{Name: "access_id_token", Max: o.CacheSize, TTL: longestTTL, Now: o.Now})}
}

// signer makes id tokens.
type signer struct {
	*idTokens
	issuer string
	ttl    time.Duration
	claims *access.Template // nil without further claims
	head   string           // what the token depends on besides who asks
	keep   bool
}

func (t *idTokens) make(from access.Settings) (access.Mutator, error) {
	s := IDTokenSettings{TTL: "15m", Cache: IDTokenCache{Enabled: true}}
	if err := from.Decode(&s); err != nil {
		return nil, err
	}
	if t.o.Keys == nil {
		return nil, errors.New("this server has no signing keys")
	}
	if s.IssuerURL == "" {
		return nil, errors.New("issuer_url: is missing: the claim iss of the tokens")
	}
	if s.JWKSURL != "" && !strings.HasSuffix(s.JWKSURL, "/.well-known/jwks.json") {
		return nil, errors.New("jwks_url: tokens are signed with this server's own keys: leave it out; upstreams find the public ones at /.well-known/jwks.json")
	}
	m := &signer{idTokens: t, issuer: s.IssuerURL, keep: s.Cache.Enabled}
	var err error
	if m.ttl, err = time.ParseDuration(s.TTL); err != nil || m.ttl < time.Second || m.ttl > longestTTL {
		return nil, fmt.Errorf("ttl: %q is not between 1s and 24h", s.TTL)
	}
	if strings.TrimSpace(s.Claims) != "" {
		if m.claims, err = access.NewJSONTemplate(s.Claims); err != nil {
			return nil, fmt.Errorf("claims: %w", err)
		}
	}
	m.head = s.IssuerURL + "\x00" + m.ttl.String() + "\x00"
	return m, nil
}

// Mutate sets Authorization to a token about who asks. It is kept for the same subject and claims until a tenth of its life is
// left, and not beyond a change of the key that signs.
func (m *signer) Mutate(ctx context.Context, _ *access.Request, p *access.Principal) error {
	kid, err := m.o.Keys.SigningKey(ctx, m.o.KeySet)
	if err != nil {
		return err
	}
	var further string
	if m.claims != nil {
		if further, err = m.claims.Execute(p); err != nil {
			return fmt.Errorf("claims: %w", err)
		}
	}
	now := m.o.Now()
	sum := sha256.Sum256([]byte(m.head + p.Subject + "\x00" + further))
	key := string(sum[:])
	var made *idToken
	kept := false
	if m.keep {
		made, kept = m.made.Get(ctx, key)
	}
	if !kept || made.kid != kid || !now.Before(made.expires.Add(-m.ttl/10)) {
		if made, err = m.sign(ctx, kid, p.Subject, further, now); err != nil {
			return err
		}
		if m.keep {
			m.made.Set(ctx, key, made, made.expires.Sub(now))
		}
	}
	if p.Header == nil {
		p.Header = make(access.Header, 1)
	}
	p.Header["Authorization"] = made.field[:1:1]
	return nil
}

// SetsHeaders implements access.HeaderSetter.
func (*signer) SetsHeaders() []string { return []string{"Authorization"} }

// sign makes a token. The claims that say what the token is are ours, whatever the template says.
func (m *signer) sign(ctx context.Context, kid, subject, further string, now time.Time) (*idToken, error) {
	claims := map[string]any{}
	if further != "" {
		d := json.NewDecoder(bytes.NewReader([]byte(further)))
		d.UseNumber()
		if err := d.Decode(&claims); err != nil || claims == nil || d.More() {
			return nil, errors.New("the template claims did not make a JSON object: quote values with {{ toJson … }}")
		}
	}
	now = now.Truncate(time.Second)
	expires := now.Add(m.ttl)
	claims["iss"], claims["sub"], claims["jti"] = m.issuer, subject, secret.NewID()
	claims["iat"], claims["nbf"], claims["exp"] = now.Unix(), now.Unix(), expires.Unix()
	text, err := json.Marshal(claims)
	if err != nil {
		return nil, err
	}
	token, err := m.o.Keys.Sign(ctx, m.o.KeySet, "JWT", text)
	if err != nil {
		return nil, err
	}
	return &idToken{field: []string{"Bearer " + token}, kid: kid, expires: expires}, nil
}
