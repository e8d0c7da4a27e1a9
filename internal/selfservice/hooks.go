package selfservice

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
	return h.tell(ctx, webHooks(hooks), in.Request, f, in, who, s)
}

// tell is call for hooks that are told more than others: what c already holds.
func (h *Handler) tell(ctx context.Context, list []hook.Config, c hook.Call, f *Flow, in *Submission, who *identity.Identity, s *session.Session) (*hook.Reply, error) {
	if len(list) == 0 {
		return nil, nil
	}
	if h.Hooks == nil {
		return nil, hook.ErrFailed
	}
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
	var out []hook.Config
	for _, l := range c.hookLists() {
		out = append(out, webHooks(l.hooks)...)
	}
	return out
}

// CheckPrograms compiles the programs of web hooks that can be read without the network, and returns what is wrong, each fault
// with the path of its field below `selfservice`.
func (c Config) CheckPrograms(j *hook.Jsonnet) (faults []error) {
	for _, l := range c.hookLists() {
		for i, one := range l.hooks {
			if one.Hook != hookWeb {
				continue
			}
			if err := j.Check(one.Config); err != nil {
				faults = append(faults, fmt.Errorf("%s[%d].config.%w", l.path, i, err))
			}
		}
	}
	return faults
}

// hookList are the hooks of one moment, and where the configuration has them.
type hookList struct {
	path  string
	hooks []HookConfig
}

func (c Config) hookLists() (all []hookList) {
	f := c.Flows
	for _, flow := range []struct {
		name   string
		before BeforeConfig
		after  AfterConfig
	}{
		{"login", f.Login.Before, f.Login.After.AfterConfig},
		{"registration", f.Registration.Before, f.Registration.After},
		{"settings", f.Settings.Before, f.Settings.After},
		{"recovery", f.Recovery.Before, f.Recovery.After},
		{"verification", f.Verification.Before, f.Verification.After},
	} {
		at := "flows." + flow.name
		all = append(all, hookList{at + ".before.hooks", flow.before.Hooks}, hookList{at + ".after.hooks", flow.after.Hooks})
		for _, m := range afterMethods {
			all = append(all, hookList{at + ".after." + m + ".hooks", flow.after.method(m).Hooks})
		}
	}
	return append(all, hookList{"flows.login.after.failed.hooks", f.Login.After.Failed.Hooks})
}
