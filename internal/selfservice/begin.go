package selfservice

import (
	"bytes"
	"context"
	"encoding/json"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// maxTransient bounds the transient payload that is kept with a flow, in bytes.
const maxTransient = 32 << 10

// maxKept bounds what was typed into a field and is kept with the flow to be shown again, in bytes.
const maxKept = 4 << 10

// newFlow makes a flow that is not stored yet. token is the browser's CSRF token, "" for native apps.
func (h *Handler) newFlow(ctx context.Context, k flowKind, in *Submission, requestURL, token string) (*Flow, error) {
	if !k.enabled {
		return nil, errFlowDisabled
	}
	f := h.blank(ctx, k, in, requestURL, token)
	var err error
	if to := in.String("return_to"); to != "" {
		if f.ReturnTo, err = h.returns(ctx).check(to); err != nil {
			return nil, err
		}
	}
	f.OrganizationID = in.String("organization")
	if err := k.begin(ctx, f, in); err != nil {
		return nil, err
	}
	return f, h.runBefore(ctx, k.before, f, in)
}

// blank is a flow that asks nothing yet.
func (h *Handler) blank(ctx context.Context, k flowKind, in *Submission, requestURL, token string) *Flow {
	now := h.Now()
	f := &Flow{
		ID: secret.NewID(), Kind: k.kind, Type: ui.TypeAPI, IssuedAt: now, ExpiresAt: now.Add(k.lifespan),
		RequestURL: requestURL, State: ui.StateChooseMethod, Lang: in.Lang,
	}
	f.Form = ui.NewForm(h.action(ctx, k.kind, f.ID))
	// Clients of native apps look for the node too; it stays empty there.
	f.Form.Add(ui.CSRF(""))
	if in.Browser {
		f.Type = ui.TypeBrowser
		f.Internal.CSRF = csrfBound(token)
	}
	return f
}

// action is where a flow's form is sent.
func (h *Handler) action(ctx context.Context, kind Kind, id string) string {
	return h.Base.Join(ctx, "/self-service/"+string(kind)+"?flow="+id)
}

// take notes what every submission may carry.
func (f *Flow) take(in *Submission) error {
	if in.Lang != "" {
		f.Lang = in.Lang
	}
	payload := in.value("transient_payload")
	if payload == nil {
		return nil
	}
	raw := in.JSON("transient_payload")
	if text, ok := payload.(string); ok && in.Form {
		raw = json.RawMessage(text) // a form's field holds it as JSON
	}
	if len(raw) > maxTransient || !json.Valid(raw) || !bytes.HasPrefix(bytes.TrimSpace(raw), []byte("{")) {
		return errBadSubmission.With("transient_payload must be a JSON object of 32 KiB at most.")
	}
	f.TransientPayload = raw
	return nil
}

// fail puts what is wrong into the form, with what was typed; passwords and codes are typed anew. Whoever has recovered an account
// still has to choose a password, and goes on being told so.
func (f *Flow) fail(in *Submission, wrong *ui.Invalid) {
	before := f.Form.Messages
	f.Form.Clear()
	for _, t := range before {
		if t.ID == ui.RecoverySuccessful(f.ExpiresAt, f.ExpiresAt).ID {
			f.Form.Message(t)
		}
	}
	f.typed(in)
	if in.Method != "" {
		f.Active = in.Method
	}
	f.Form.Fail(wrong)
}

// typed keeps what was typed into visible fields.
func (f *Flow) typed(in *Submission) {
	for _, n := range f.Form.Nodes {
		a := n.Attributes
		if n.Type != ui.TypeInput || a.Type == ui.KindHidden || a.Type == ui.KindPassword || a.Type == ui.KindSubmit ||
			a.Type == ui.KindButton || a.Name == "code" {
			continue
		}
		switch v := in.value(a.Name).(type) {
		case string:
			if len(v) <= maxKept {
				f.Form.SetValue(a.Name, v)
			}
		case json.Number:
			if len(v) <= maxKept {
				f.Form.SetValue(a.Name, v)
			}
		case bool, float64:
			f.Form.SetValue(a.Name, v)
		}
	}
}

// returns are the rules for return_to.
func (h *Handler) returns(ctx context.Context) returnRules {
	return newReturnRules(h.Base.Of(ctx).String(), h.Config.AllowedReturnURLs)
}

// absolute completes a configured address that is a path on the public listener.
func (h *Handler) absolute(ctx context.Context, address string) string {
	if strings.HasPrefix(address, "/") {
		return h.Base.Join(ctx, address)
	}
	return address
}

// target is where the browser goes when the flow has ended by the method.
func (h *Handler) target(ctx context.Context, f *Flow, after AfterConfig, method string) string {
	if f.ReturnTo != "" {
		return f.ReturnTo
	}
	if to := after.returnTo(method); to != "" {
		return h.absolute(ctx, to)
	}
	return h.absolute(ctx, h.Config.DefaultBrowserReturnURL)
}

// address is what an address is counted under; nobody's counts for nobody.
func address(ip netip.Addr) string {
	if !ip.IsValid() {
		return ""
	}
	return ip.String()
}

func seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}
