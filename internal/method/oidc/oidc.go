package oidc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/selfservice"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// Options are what a Method needs.
type Options struct {
	Config     Config
	Identities *identity.Store
	Schemas    *identity.Schemas
	// Join is the address of a path on the public listener: providers send browsers back there.
	Join func(ctx context.Context, path string) string
	// CodeSignsIn says that a one-time code is enough to sign in: it counts as a way in when a link is taken back.
	CodeSignsIn bool
	// PublicOnly refuses providers that only this machine or this network can reach.
	PublicOnly bool
	// Jsonnet runs the programs that map claims.
	Jsonnet func(ctx context.Context, name, program string, external map[string]string) (string, error)
	Now     func() time.Time
	// Log hears what went wrong at a provider; nil hears nothing.
	Log *slog.Logger
}

// Method signs people in with accounts at other providers. Make it with New.
type Method struct {
	Options

	providers []*provider
	jsonnet   func(ctx context.Context, name, program string, external map[string]string) (string, error)
}

var (
	_ selfservice.LoginMethod    = (*Method)(nil)
	_ selfservice.TraitsMethod   = (*Method)(nil)
	_ selfservice.SettingsMethod = (*Method)(nil)
	_ selfservice.LinkingMethod  = (*Method)(nil)
)

const (
	id            = identity.OIDC
	fieldProvider = "provider"
	fieldLink     = "link"
	fieldUnlink   = "unlink"
	maxProgram    = 128 << 10
	maxLogged     = 512 // bytes of an error
)

var (
	errNativeExchange = fault.New(fault.Invalid, "invalid_request", "A native app that signs people in at another provider begins its flow with "+
		"return_session_token_exchange_code=true, and trades the code for the session when the browser comes back.")
	errNativeSettings = fault.New(fault.Invalid, "invalid_request", "An account at another provider is linked in a browser: begin the settings at …/browser.")
)

// New reads the programs of the providers.
func New(o Options) (*Method, error) {
	m := &Method{Options: o, jsonnet: o.Jsonnet}
	client := caller(o.PublicOnly)
	for i, c := range o.Config.Config.Providers {
		p := &provider{c: c, client: client, now: o.Now}
		if c.ClientSecretFile != "" {
			var err error
			if p.c.ClientSecret, err = secret.FromFile(c.ClientSecretFile); err != nil {
				return nil, fmt.Errorf("selfservice.methods.oidc.config.providers[%d].client_secret_file: %w", i, err)
			}
		}
		if c.MapperURL != "" {
			program, err := fetch.ReadLocal(c.MapperURL, maxProgram)
			if err != nil {
				return nil, fmt.Errorf("selfservice.methods.oidc.config.providers[%d].mapper_url: %w", i, err)
			}
			p.mapper = string(program)
		}
		m.providers = append(m.providers, p)
	}
	return m, nil
}

// ID is "oidc".
func (m *Method) ID() string { return id }

// provider returns the one of that id, or nil.
func (m *Method) provider(name string) *provider {
	i := slices.IndexFunc(m.providers, func(p *provider) bool { return p.c.ID == name })
	if i < 0 {
		return nil
	}
	return m.providers[i]
}

// redirectURI is where the provider sends browsers back to.
func (m *Method) redirectURI(ctx context.Context, p *provider) string {
	path := selfservice.CallbackPath(id, p.c.ID)
	if base := m.Config.Config.BaseRedirectURI; base != "" {
		return strings.TrimSuffix(base, "/") + path
	}
	return m.Join(ctx, path)
}

// prove finds out who somebody is at the provider that the submission names: of what the flow remembers, of what the browser brings
// back, of an ID token that an app has, or by sending the browser there, which is a *selfservice.Redirect.
func (m *Method) prove(ctx context.Context, f *selfservice.Flow, in *selfservice.Submission, name string) (*proven, *provider, error) {
	p := m.provider(name)
	if p == nil {
		return nil, nil, ui.Reject(ui.NoMethod(f.Kind))
	}
	var before proven
	if f.Recall(id, &before) && before.Provider == p.c.ID {
		return &before, p, nil
	}
	var a asked
	var found *proven
	var err error
	raw := in.String("id_token")
	switch {
	case in.Returned != nil && in.Returned.Said != nil:
		return in.Returned.Said.(*proven), p, nil
	case in.Returned != nil:
		if err := in.Returned.Recall(&a); err != nil {
			return nil, p, err
		}
		found, err = p.answered(ctx, m.redirectURI(ctx, p), in.Returned.Query, &a)
	case raw != "" && f.Kind != selfservice.KindSettings:
		if a.Nonce = in.String("id_token_nonce"); f.Refresh {
			a.Since = f.IssuedAt.Unix()
		}
		found, err = p.brought(ctx, raw, &a)
	default:
		return nil, p, m.depart(ctx, f, in, p)
	}
	if err != nil {
		return nil, p, m.failed(ctx, p, err)
	}
	if found.Traits = a.Traits; in.Returned != nil {
		in.Returned.Said = found
	}
	return found, p, nil
}

// failed says that nothing came of it, to the log in full.
func (m *Method) failed(ctx context.Context, p *provider, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if r, ok := errors.AsType[refused](err); ok && r.denied() {
		return ui.Reject(ui.ProviderDenied(p.c.label()))
	}
	if m.Log != nil {
		m.Log.WarnContext(ctx, "nobody could sign in at a provider", "provider", p.c.ID, "error", brief(fetch.WithoutURL(err)))
	}
	return ui.Reject(ui.ProviderFailed(p.c.label()))
}

// brief is what is logged of an error: some repeat all that a provider has answered.
func brief(err error) string {
	text := err.Error()
	if len(text) > maxLogged {
		text = strings.ToValidUTF8(text[:maxLogged], "") + "…"
	}
	return text
}

// passedOn are the parameters of a submission that a provider may be asked with, as Kratos' clients name them.
var passedOn = []string{"login_hint", "hd", "prompt", "acr_values"}

// depart sends the browser to the provider.
func (m *Method) depart(ctx context.Context, f *selfservice.Flow, in *selfservice.Submission, p *provider) error {
	switch {
	case f.API() && f.Kind == selfservice.KindSettings:
		return errNativeSettings
	case f.API() && f.ExchangeCode == "":
		return errNativeExchange
	}
	u, err := p.discover(ctx)
	if err != nil {
		return m.failed(ctx, p, err)
	}
	a := p.question(u)
	if a.Traits = in.Traits(); a.Traits == nil {
		a.Traits = f.Internal.Traits
	}
	if f.Refresh { // who is to prove it once more must not be waved through
		a.Since = m.Now().Unix()
	}
	state, err := f.Depart(id, p.c.ID, a)
	if err != nil {
		return err
	}
	extra := map[string]string{}
	for _, name := range passedOn {
		if value := in.String("upstream_parameters." + name); value != "" {
			extra[name] = value
		}
	}
	if a.Since > 0 {
		extra["prompt"] = "login"
	}
	f.Form.Clear()
	return &selfservice.Redirect{Location: p.authorize(u, m.redirectURI(ctx, p), state, a, extra), Save: true}
}

// proof is what the session remembers.
func (m *Method) proof(found *proven) session.AuthMethod {
	return session.AuthMethod{
		Method: id, AAL: session.AAL1, Provider: found.Provider, UpstreamACR: found.ACR, UpstreamAMR: found.AMR, CompletedAt: m.Now(),
	}
}

// link is the credential.
func (found *proven) link() identity.Link {
	return identity.Link{
		Provider: found.Provider, Subject: found.Subject, IDToken: found.IDToken, AccessToken: found.Access, RefreshToken: found.Refresh,
	}
}

// buttons are one node for each of the providers that are wanted.
func (m *Method) buttons(field string, label func(c ProviderConfig) ui.Text, wanted func(c ProviderConfig) bool) []*ui.Node {
	var nodes []*ui.Node
	for _, p := range m.providers {
		if wanted == nil || wanted(p.c) {
			nodes = append(nodes, ui.Submit(ui.GroupOIDC, field, p.c.ID, label(p.c)))
		}
	}
	return nodes
}
