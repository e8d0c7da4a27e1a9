package code

import (
	"context"
	"errors"

	"github.com/gatehouse-iam/gatehouse/internal/courier"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/selfservice"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// proofRecovery is the method that a session names which a code has recovered.
const proofRecovery = "code_recovery"

// RecoveryNodes asks for the address.
func (m *Method) RecoveryNodes(_ context.Context, f *selfservice.Flow) ([]*ui.Node, error) {
	if m.Config.Config.ChooseRecoveryAddress {
		return addressNodes(f), nil
	}
	return m.emailNodes(), nil
}

// emailNodes ask for an address, and for a telephone number too where text messages can be sent.
func (m *Method) emailNodes() []*ui.Node {
	kind, label, complete := ui.KindEmail, ui.LabelEmail(), "email"
	if m.SMS {
		kind, label, complete = ui.KindText, ui.LabelEmailOrPhone(), "username"
	}
	return []*ui.Node{
		ui.Input(ui.GroupCode, fieldEmail, kind, ui.WithRequired(), ui.WithAutocomplete(complete), ui.WithLabel(label)),
		ui.Submit(ui.GroupCode, fieldMethod, id, ui.LabelContinue()),
	}
}

// Recover sends a code to the address that was typed, or takes the code back.
func (m *Method) Recover(ctx context.Context, f *selfservice.Flow, in *selfservice.Submission) (*selfservice.Recovered, error) {
	if choosing(f) {
		return m.recoverChosen(ctx, f, in)
	}
	if in.String(fieldEmail) == "" && f.State == ui.StateSentEmail {
		return m.takeRecovery(ctx, f, in)
	}
	via, value, err := selfservice.TypedAddress(in, fieldEmail, m.SMS)
	if err != nil {
		return nil, err
	}
	if err := m.sendRecovery(ctx, f, via, value); err != nil {
		return nil, err
	}
	said := ui.RecoverySent()
	if via == identity.ViaSMS {
		said = ui.RecoverySentTo(mask(value))
	}
	ask(f, ui.Submit(ui.GroupCode, fieldEmail, value, ui.ResendCode()), said)
	return nil, selfservice.ErrShowAgain
}

// sendRecovery sends a code to the address, if an account can be recovered by it.
func (m *Method) sendRecovery(ctx context.Context, f *selfservice.Flow, via, value string) error {
	if err := f.MaySend(ctx, m.Limits, value); err != nil {
		return err
	}
	who, err := m.Identities.ByAddress(ctx, identity.Recover, via, value)
	if err != nil && !errors.Is(err, identity.ErrNotFound) {
		return err
	}
	to := recipient{via, value, who}
	m.send(f, to, courier.RecoveryCodeValid, "recovery_code", nil)
	if m.Flows.Recovery.NotifyUnknownRecipients {
		m.notify(f, to, courier.RecoveryCodeInvalid)
	}
	return nil
}

// takeRecovery takes a code back.
func (m *Method) takeRecovery(ctx context.Context, f *selfservice.Flow, in *selfservice.Submission) (*selfservice.Recovered, error) {
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
	who, err := m.Identities.Get(ctx, c.IdentityID)
	if errors.Is(err, identity.ErrNotFound) { // it was deleted meanwhile
		wrong(f)
		return nil, selfservice.ErrShowAgain
	}
	if err != nil {
		return nil, err
	}
	return &selfservice.Recovered{Identity: who, Method: m.proof(proofRecovery), Via: c.Via, Value: c.SentTo}, nil
}

// IssueRecovery makes a code that an administrator hands over. It proves no address.
func (m *Method) IssueRecovery(_ context.Context, f *selfservice.Flow, identityID string) (string, error) {
	code := generate()
	f.Active, f.State = id, ui.StateSentEmail
	f.Internal.Code = &selfservice.Code{Digest: m.digest(f, code), SentAt: m.Now(), ExpiresAt: f.ExpiresAt, IdentityID: identityID}
	f.Form.Add(
		selfservice.CodeNode(f.Kind),
		ui.Hidden(ui.GroupCode, fieldMethod, id),
		ui.Submit(ui.GroupCode, fieldMethod, id, ui.LabelContinue()),
	)
	return code, nil
}
