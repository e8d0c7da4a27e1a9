package code

import (
	"context"

	"github.com/gatehouse-iam/gatehouse/internal/courier"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/selfservice"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// VerificationNodes asks for the address.
func (m *Method) VerificationNodes(context.Context, *selfservice.Flow) ([]*ui.Node, error) {
	return m.AddressNodes(id, ""), nil
}

// Verify sends a code to the address that was typed, or takes the code back.
func (m *Method) Verify(ctx context.Context, f *selfservice.Flow, in *selfservice.Submission) (*selfservice.Verified, error) {
	if in.String(fieldEmail) == "" && f.State == ui.StateSentEmail {
		return m.takeVerification(ctx, f, in)
	}
	to, err := m.To(ctx, f, in, fieldEmail, identity.Verify)
	if err != nil {
		return nil, err
	}
	m.sendVerification(f, to)
	m.NotifyUnknown(f, to, courier.VerificationCodeInvalid, m.Lifespan())
	if err := m.NoteSent(ctx, to); err != nil {
		return nil, err
	}
	return nil, selfservice.ErrShowAgain
}

// BeginVerification sends a code to an address of somebody who is known.
func (m *Method) BeginVerification(_ context.Context, f *selfservice.Flow, who *identity.Identity, a identity.VerifiableAddress, lang string) error {
	if a.Via == identity.ViaSMS && !m.SMS {
		return selfservice.ErrUnreachable
	}
	f.Lang = lang
	m.sendVerification(f, selfservice.Recipient{Via: a.Via, Value: a.Value, Who: who})
	return nil
}

// sendVerification sends a code and a link that brings it along, and asks for it.
func (m *Method) sendVerification(f *selfservice.Flow, to selfservice.Recipient) {
	code := m.issue(f, to)
	f.SendTo(to, courier.VerificationCodeValid, m.Lifespan(), map[string]any{
		"verification_code": code, "verification_url": f.With(fieldCode, code),
	})
	said := ui.VerificationSent()
	if to.Via == identity.ViaSMS {
		said = ui.VerificationSentBySMS()
	}
	ask(f, ui.Submit(ui.GroupCode, fieldEmail, to.Value, ui.ResendCode()), said)
}

// takeVerification takes a code back.
func (m *Method) takeVerification(ctx context.Context, f *selfservice.Flow, in *selfservice.Submission) (*selfservice.Verified, error) {
	c, err := m.takeShown(ctx, f, in)
	if err != nil {
		return nil, err
	}
	return &selfservice.Verified{IdentityID: c.IdentityID, Via: c.Via, Value: c.SentTo}, nil
}
