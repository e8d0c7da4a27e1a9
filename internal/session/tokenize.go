package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// Jsonnet runs a program, which gets the external variables as JSON, and returns the JSON that it evaluates to. It bounds
// time and output and imports nothing.
type Jsonnet func(ctx context.Context, name, program string, external map[string]string) (string, error)

// KeySets signs with this server's own signing keys: it returns the compact JWS of the marshalled claims.
type KeySets interface {
	Sign(ctx context.Context, set, typ string, claims []byte) (string, error)
}

// TokenizerOptions are what a Tokenizer needs.
type TokenizerOptions struct {
	// Config has the templates.
	Config TokenizerConfig
	// Issuer gives the claim iss for the context's tenant: its public base URL.
	Issuer func(ctx context.Context) string
	// Keys are this server's own; needed by templates with a key_set.
	Keys KeySets
	// Jsonnet runs claims mappers; needed by templates with a claims_mapper_url.
	Jsonnet Jsonnet
	// Now is the clock.
	Now func() time.Time
}

// Tokenizer turns sessions into JWTs (RFC 7519), by templates. Make it with NewTokenizer.
type Tokenizer struct {
	o         TokenizerOptions
	templates map[string]*template
}

// template is a TemplateConfig that was read.
type template struct {
	name   string
	config TemplateConfig
	mapper string // the Jsonnet program
	claims map[string]claim
	sign   func(ctx context.Context, claims []byte) (string, error)
}

const (
	defaultTTL = time.Minute
	typeJWT    = "JWT"
)

// NewTokenizer reads the templates' keys and programs, and says which cannot be read.
func NewTokenizer(o TokenizerOptions) (*Tokenizer, error) {
	t := &Tokenizer{o: o, templates: make(map[string]*template, len(o.Config.Templates))}
	for name, config := range o.Config.Templates {
		made, err := t.prepare(name, config)
		if err != nil {
			return nil, fmt.Errorf("session.whoami.tokenizer.templates.%s.%w", name, err)
		}
		t.templates[name] = made
	}
	return t, nil
}

func (t *Tokenizer) prepare(name string, config TemplateConfig) (*template, error) {
	if config.TTL == 0 {
		config.TTL = defaultTTL
	}
	made := &template{name: name, config: config, claims: make(map[string]claim, len(config.Claims))}
	for key, text := range config.Claims {
		c, err := parseClaim(text)
		if err != nil {
			return nil, fmt.Errorf("claims.%s: %w", key, err)
		}
		made.claims[key] = c
	}
	if config.ClaimsMapperURL != "" {
		program, err := fetch.ReadLocal(config.ClaimsMapperURL, maxDocument)
		if err != nil {
			return nil, fmt.Errorf("claims_mapper_url: %w", err)
		}
		if t.o.Jsonnet == nil {
			return nil, errors.New("claims_mapper_url: this server runs no Jsonnet")
		}
		made.mapper = string(program)
	}
	var err error
	if made.sign, err = t.signer(config); err != nil {
		return nil, err
	}
	return made, nil
}

func (t *Tokenizer) signer(config TemplateConfig) (func(context.Context, []byte) (string, error), error) {
	if config.KeySet != "" {
		if t.o.Keys == nil {
			return nil, errors.New("key_set: this server has no signing keys")
		}
		return func(ctx context.Context, claims []byte) (string, error) {
			return t.o.Keys.Sign(ctx, config.KeySet, typeJWT, claims)
		}, nil
	}
	document, err := fetch.ReadLocal(config.JWKSURL.Reveal(), maxDocument)
	if err == nil {
		var sign func([]byte) (string, error)
		if sign, err = signWith(document); err == nil {
			return func(_ context.Context, claims []byte) (string, error) { return sign(claims) }, nil
		}
	}
	return nil, fmt.Errorf("jwks_url: %w", err)
}

// Tokenize returns the session as a JWT by the template of that name; ErrNoTemplate when there is none.
func (t *Tokenizer) Tokenize(ctx context.Context, name string, s *Session) (string, error) {
	var found *template
	if t != nil {
		found = t.templates[name]
	}
	if found == nil {
		return "", ErrNoTemplate
	}
	subject, err := found.subject(s)
	if err != nil {
		return "", err
	}
	now := t.o.Now()
	claims := map[string]any{
		"jti": secret.NewID(), "iss": t.o.Issuer(ctx), "sid": s.ID, "sub": subject,
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(found.config.TTL).Unix(),
	}
	if err := t.addClaims(ctx, found, s, claims); err != nil {
		return "", errMapping.Because(err)
	}
	claims["sub"] = subject // whatever a mapper says: a JWT in another's name is worse than none
	raw, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	return found.sign(ctx, raw)
}

var (
	errMapping    = fault.New(fault.Invalid, "invalid_request", "The claims mapper of the tokenizer template failed. The server's log says why.")
	errNoExternal = fault.New(fault.Invalid, "invalid_request", "The session's identity has no external id, which the tokenizer template uses as subject.")
)

func (t *template) subject(s *Session) (string, error) {
	if t.config.SubjectSource != "external_id" {
		return s.IdentityID, nil
	}
	if s.Identity == nil || s.Identity.ExternalID == "" {
		return "", errNoExternal
	}
	return s.Identity.ExternalID, nil
}

// addClaims adds what the template maps. Mappers see the session as the person may: without metadata_admin.
func (t *Tokenizer) addClaims(ctx context.Context, by *template, s *Session, claims map[string]any) error {
	if len(by.claims) == 0 && by.mapper == "" {
		return nil
	}
	document, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if len(by.claims) > 0 {
		var tree any
		if err := json.Unmarshal(document, &tree); err != nil {
			return err
		}
		for name, c := range by.claims {
			value, ok, err := c.value(tree)
			if err != nil {
				return fmt.Errorf("claim %s: %w", name, err)
			}
			if ok {
				claims[name] = value
			}
		}
	}
	if by.mapper == "" {
		return nil
	}
	return t.runMapper(ctx, by, document, claims)
}

// runMapper adds, and replaces, claims by what the Jsonnet program returns.
func (t *Tokenizer) runMapper(ctx context.Context, by *template, document []byte, claims map[string]any) error {
	given, err := json.Marshal(claims)
	if err != nil {
		return err
	}
	out, err := t.o.Jsonnet(ctx, by.name, by.mapper, map[string]string{"session": string(document), "claims": string(given)})
	if err != nil {
		return err
	}
	var result struct {
		Claims map[string]json.RawMessage `json:"claims"`
	}
	if err := json.Unmarshal([]byte(out), &result); err != nil || result.Claims == nil {
		return errors.New("the program must return an object with an object in its member claims")
	}
	for name, value := range result.Claims {
		claims[name] = value
	}
	return nil
}
