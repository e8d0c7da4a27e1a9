package selfservice

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// maxIssued is for how long a code or link that an administrator hands out may be good.
const maxIssued = 90 * 24 * time.Hour

var errIssue = fault.New(fault.Invalid, "invalid_request", "No recovery can be made from this request.")

// MountAdmin registers the routes by which administrators help somebody back into an account.
func (h *Handler) MountAdmin(m *web.Mux) {
	m = m.With(web.KratosErrors)
	m.Handle("POST /admin/recovery/code", web.Call(h.issueCode))
	m.Handle("POST /admin/recovery/link", web.Call(h.issueLink))
}

type issueIn struct {
	ReturnTo string    `query:"return_to"`
	Body     issueBody `body:"json,lenient"`
}

// issueBody is what an administrator asks for.
type issueBody struct {
	// IdentityID is who is to be recovered.
	IdentityID string `json:"identity_id"`
	// ExpiresIn is for how long the proof is good, such as 1h; empty means the method's lifespan.
	ExpiresIn string `json:"expires_in"`
	// FlowType is browser (also when empty) or api; for codes alone.
	FlowType string `json:"flow_type"`
}

// issued is a proof that an administrator hands to a person.
type issued struct {
	// RecoveryLink opens the page on which the code is entered, or is the proof itself.
	RecoveryLink string `json:"recovery_link"`
	// RecoveryCode is the code; links have none.
	RecoveryCode string `json:"recovery_code,omitempty"`
	// ExpiresAt is when it is good no more.
	ExpiresAt time.Time `json:"expires_at"`
}

func (h *Handler) issueCode(ctx context.Context, in issueIn) (web.Reply[issued], error) {
	f, code, err := h.issue(ctx, methodCode, in)
	if err != nil {
		return web.Reply[issued]{}, err
	}
	return web.Reply[issued]{Status: http.StatusCreated, Body: issued{
		RecoveryLink: h.page(ctx, h.recovery(), f), RecoveryCode: code, ExpiresAt: f.ExpiresAt,
	}}, nil
}

func (h *Handler) issueLink(ctx context.Context, in issueIn) (issued, error) {
	in.Body.FlowType = ui.TypeBrowser
	f, token, err := h.issue(ctx, methodLink, in)
	if err != nil {
		return issued{}, err
	}
	link := f.With(fieldToken, token)
	return issued{RecoveryLink: link, ExpiresAt: f.ExpiresAt}, nil
}

// issue stores a recovery that waits for a proof which only the administrator knows. It belongs to no browser yet.
func (h *Handler) issue(ctx context.Context, method string, in issueIn) (*Flow, string, error) {
	k := h.recovery()
	m := find[RecoveryIssuer](h.Methods, method)
	if m == nil || !k.enabled {
		return nil, "", errFlowDisabled.Withf("Recovery by %s is switched off: see selfservice.methods.%s and selfservice.flows.recovery.", method, method)
	}
	lifespan, err := in.Body.lifespan(m.Lifespan())
	if err != nil {
		return nil, "", err
	}
	switch in.Body.FlowType {
	case "", ui.TypeBrowser, ui.TypeAPI:
	default:
		return nil, "", errIssue.With("flow_type must be browser or api.")
	}
	f := h.blank(ctx, k, &Submission{Browser: in.Body.FlowType != ui.TypeAPI}, h.Base.Join(ctx, "/self-service/recovery/browser"), "")
	f.ExpiresAt, f.Internal.CSRF = f.IssuedAt.Add(lifespan), ""
	if in.ReturnTo != "" {
		if f.ReturnTo, err = h.returns(ctx).check(in.ReturnTo); err != nil {
			return nil, "", err
		}
	}
	who, err := h.Identities.Get(ctx, in.Body.IdentityID)
	if errors.Is(err, identity.ErrNotFound) {
		return nil, "", identity.ErrNotFound.With("There is no identity of this identity_id.").Because(err)
	}
	if err != nil {
		return nil, "", err
	}
	proof, err := m.IssueRecovery(ctx, f, who.ID)
	if err != nil {
		return nil, "", err
	}
	f.Note(activity.Event{
		Action: activity.RecoveryIssued, Subject: activity.Identity(who.ID),
		Detail: map[string]string{"method": method, "expires_at": f.ExpiresAt.Format(time.RFC3339)},
	})
	return f, proof, h.Store.issue(ctx, f)
}

func (b issueBody) lifespan(fallback time.Duration) (time.Duration, error) {
	if b.ExpiresIn == "" {
		return fallback, nil
	}
	d, err := time.ParseDuration(b.ExpiresIn)
	if err != nil {
		return 0, errIssue.With("expires_in must be a duration like 30m, 12h or 1h30m.")
	}
	if d <= 0 || d > maxIssued {
		return 0, errIssue.Withf("expires_in must be more than nothing and at most %dh.", int(maxIssued.Hours()))
	}
	return d, nil
}
