package selfservice

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/gatehouse-iam/gatehouse/internal/hook"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// has reports whether one of the hooks is of the kind.
func has(hooks []HookConfig, kind string) bool {
	return slices.ContainsFunc(hooks, func(c HookConfig) bool { return c.Hook == kind })
}

// webHooks returns what the web hooks among the hooks call.
func webHooks(hooks []HookConfig) []hook.Config {
	var out []hook.Config
	for _, c := range hooks {
		if c.Hook == hookWeb {
			out = append(out, c.Config)
		}
	}
	return out
}

// runBefore runs the web hooks of a flow that begins; one of them may refuse it.
func (h *Handler) runBefore(ctx context.Context, hooks []HookConfig, f *Flow, in *Submission) error {
	_, err := h.call(ctx, hooks, f, in, nil, nil)
	var invalid *ui.Invalid
	if errors.As(err, &invalid) && len(invalid.Texts) > 0 {
		return errNotBegun.With(invalid.Texts[0].Text.Text).Because(err) // there is no form yet that could say it
	}
	return err
}

// call runs the web hooks among the hooks. *ui.Invalid are messages that a hook wants to be shown.
func (h *Handler) call(ctx context.Context, hooks []HookConfig, f *Flow, in *Submission, who *identity.Identity, s *session.Session) (*hook.Reply, error) {
	list := webHooks(hooks)
	if len(list) == 0 {
		return nil, nil
	}
	if h.Hooks == nil {
		return nil, hook.ErrFailed
	}
	c := in.Request
	c.Flow = h.document(f.copyForHook(), "", in)
	c.TransientPayload = f.TransientPayload
	if who != nil {
		told := who.Clone()
		told.Credentials = nil
		c.Identity = told
	}
	if s != nil {
		c.Session = s
	}
	return h.Hooks.Run(ctx, list, c)
}

// copyForHook is the flow without what a browser alone may know: its CSRF token, and the proof of a link that it has opened.
func (f *Flow) copyForHook() *Flow {
	c := *f
	c.Form.Nodes = slices.DeleteFunc(slices.Clone(f.Form.Nodes), func(n *ui.Node) bool {
		opened := n.Key() == fieldCode && n.Attributes.Value != nil && n.Attributes.Value != ""
		return opened || n.Key() == csrfField || n.Key() == fieldToken
	})
	return &c
}

// tellFailed tells the web hooks of failed logins, whose answers count for nothing.
func (h *Handler) tellFailed(ctx context.Context, f *Flow, in *Submission, who *identity.Identity) {
	if len(h.Config.Flows.Login.After.Failed.Hooks) == 0 {
		return
	}
	f.typed(in) // who they claimed to be
	if _, err := h.call(ctx, h.Config.Flows.Login.After.Failed.Hooks, f, in, who, nil); err != nil && h.Log != nil {
		h.Log.WarnContext(ctx, "a hook on failed logins failed", "error", err)
	}
}

// patch puts what a hook replied into an identity that is not stored yet.
func patch(who *identity.Identity, p *hook.Patch) error {
	for _, m := range []struct {
		from json.RawMessage
		to   *json.RawMessage
	}{
		{p.Traits, &who.Traits}, {p.MetadataPublic, &who.MetadataPublic}, {p.MetadataAdmin, &who.MetadataAdmin},
	} {
		if len(m.from) > 0 {
			*m.to = m.from
		}
	}
	if p.State != "" {
		who.State = p.State
	}
	if p.SchemaID != "" {
		who.SchemaID = p.SchemaID
	}
	if p.ExternalID != nil {
		who.ExternalID = *p.ExternalID
	}
	return errors.Join(replace(p.VerifiableAddresses, &who.VerifiableAddresses), replace(p.RecoveryAddresses, &who.RecoveryAddresses))
}

func replace[T any](raw json.RawMessage, into *[]T) error {
	if len(raw) == 0 {
		return nil
	}
	var list []T
	if err := json.Unmarshal(raw, &list); err != nil {
		return hook.ErrFailed.Because(err)
	}
	*into = list
	return nil
}

// WebHooks returns every web hook of the configuration: the server looks at their programs when it starts.
func (c Config) WebHooks() []hook.Config {
	f := c.Flows
	var out []hook.Config
	for _, b := range []BeforeConfig{
		f.Login.Before, f.Registration.Before, f.Settings.Before, f.Recovery.Before, f.Verification.Before, f.Login.After.Failed,
	} {
		out = append(out, webHooks(b.Hooks)...)
	}
	for _, a := range []AfterConfig{
		f.Login.After.AfterConfig, f.Registration.After, f.Settings.After, f.Recovery.After, f.Verification.After,
	} {
		for _, hooks := range [][]HookConfig{a.Hooks, a.Password.Hooks, a.Code.Hooks, a.Profile.Hooks} {
			out = append(out, webHooks(hooks)...)
		}
	}
	return out
}
