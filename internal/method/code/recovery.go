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
	return m.AddressNodes(id, ""), nil
}

// Recover sends a code to the address that was typed, or takes the code back.
func (m *Method) Recover(ctx context.Context, f *selfservice.Flow, in *selfservice.Submission) (*selfservice.Recovered, error) {
	if choosing(f) {
		return m.recoverChosen(ctx, f, in)
	}
	if in.String(fieldEmail) == "" && f.State == ui.StateSentEmail {
		return m.takeRecovery(ctx, f, in)
	}
	to, err := m.To(ctx, f, in, fieldEmail, identity.Recover)
	if err != nil {
		return nil, err
	}
	m.sendRecovery(f, to)
	said := ui.RecoverySent()
	if to.Via == identity.ViaSMS {
		said = ui.RecoverySentTo(mask(to.Value))
	}
	ask(f, ui.Submit(ui.GroupCode, fieldEmail, to.Value, ui.ResendCode()), said)
	return nil, selfservice.ErrShowAgain
}

// sendRecovery sends a code to the address, if an account can be recovered by it.
func (m *Method) sendRecovery(f *selfservice.Flow, to selfservice.Recipient) {
	f.SendTo(to, courier.RecoveryCodeValid, m.Lifespan(), map[string]any{"recovery_code": m.issue(f, to)})
	m.NotifyUnknown(f, to, courier.RecoveryCodeInvalid, m.Lifespan())
}

// takeRecovery takes a code back.
func (m *Method) takeRecovery(ctx context.Context, f *selfservice.Flow, in *selfservice.Submission) (*selfservice.Recovered, error) {
	c, err := m.takeShown(ctx, f, in)
	if err != nil {
		return nil, err
	}
	who, err := m.Identities.WithCredentials(ctx, c.IdentityID)
	if errors.Is(err, identity.ErrNotFound) { // it was deleted meanwhile
		return nil, wrong(f)
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
