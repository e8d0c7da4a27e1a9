package code

import (
	"context"
	"errors"

	"github.com/gatehouse-iam/gatehouse/internal/courier"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/selfservice"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// VerificationNodes asks for the address.
func (m *Method) VerificationNodes(context.Context, *selfservice.Flow) ([]*ui.Node, error) {
	return m.emailNodes(), nil
}

// Verify sends a code to the address that was typed, or takes the code back.
func (m *Method) Verify(ctx context.Context, f *selfservice.Flow, in *selfservice.Submission) (*selfservice.Verified, error) {
	if in.String(fieldEmail) == "" && f.State == ui.StateSentEmail {
		return m.takeVerification(ctx, f, in)
	}
	via, value, err := selfservice.TypedAddress(in, fieldEmail, m.SMS)
	if err != nil {
		return nil, err
	}
	if err := f.MaySend(ctx, m.Limits, value); err != nil {
		return nil, err
	}
	who, err := m.Identities.ByAddress(ctx, identity.Verify, via, value)
	if err != nil && !errors.Is(err, identity.ErrNotFound) {
		return nil, err
	}
	m.sendVerification(f, recipient{via, value, who})
	if m.Flows.Verification.NotifyUnknownRecipients {
		m.notify(f, recipient{via, value, who}, courier.VerificationCodeInvalid)
	}
	if who != nil && selfservice.NeverSent(who, via, value) {
		// Who changes the identity at the same time goes first: the state is but a note.
		if err := m.Identities.MarkSent(ctx, who.ID, via, value); err != nil && !errors.Is(err, identity.ErrChanged) {
			return nil, err
		}
	}
	return nil, selfservice.ErrShowAgain
}

// BeginVerification sends a code to an address of somebody who is known.
func (m *Method) BeginVerification(_ context.Context, f *selfservice.Flow, who *identity.Identity, a identity.VerifiableAddress, lang string) error {
	if a.Via == identity.ViaSMS && !m.SMS {
		return selfservice.ErrUnreachable
	}
	f.Lang = lang
	m.sendVerification(f, recipient{a.Via, a.Value, who})
	return nil
}

// sendVerification sends a code and a link that brings it along, and asks for it.
func (m *Method) sendVerification(f *selfservice.Flow, to recipient) {
	code := m.issue(f, to)
	if to.who != nil {
		data := f.MessageData(to.value, to.who, m.Lifespan())
		data["verification_code"] = code
		data["verification_url"] = f.With(fieldCode, code)
		f.Send(courier.Message{
			Channel: to.via, Recipient: to.value, Template: courier.VerificationCodeValid, Data: data, Lang: f.Lang,
			ExpiresAt: f.Internal.Code.ExpiresAt,
		})
	}
	said := ui.VerificationSent()
	if to.via == identity.ViaSMS {
		said = ui.VerificationSentBySMS()
	}
	ask(f, ui.Submit(ui.GroupCode, fieldEmail, to.value, ui.ResendCode()), said)
}

// takeVerification takes a code back.
func (m *Method) takeVerification(ctx context.Context, f *selfservice.Flow, in *selfservice.Submission) (*selfservice.Verified, error) {
	if in.String(fieldCode) == "" {
		return nil, ui.RejectField(fieldCode, ui.Required(fieldCode))
	}
	c, err := m.take(ctx, f, in)
	if errors.Is(err, errWrong) {
		wrong(f)
		return nil, selfservice.ErrShowAgain
	}
	if err != nil {
		return nil, err
	}
	return &selfservice.Verified{IdentityID: c.IdentityID, Via: c.Via, Value: c.SentTo}, nil
}
