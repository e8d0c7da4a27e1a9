package code

import (
	"context"
	"errors"

	"github.com/gatehouse-iam/gatehouse/internal/courier"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/selfservice"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

const fieldIdentifier = "identifier"

// maxIdentifier bounds what is taken for an identifier, in bytes.
const maxIdentifier = 1024

// LoginNodes offers to send a code to sign in with. As a second factor codes are not offered: who has the mailbox would have
// both factors.
func (m *Method) LoginNodes(_ context.Context, f *selfservice.Flow) ([]*ui.Node, error) {
	if !m.Config.PasswordlessEnabled || f.AAL == session.AAL2 {
		return nil, nil
	}
	nodes := []*ui.Node{ui.Submit(ui.GroupCode, fieldMethod, id, ui.SendLoginCode())}
	if f.Form.Node(fieldIdentifier) == nil {
		nodes = append(nodes, ui.Input(ui.GroupDefault, fieldIdentifier, ui.KindText, ui.WithRequired(),
			ui.WithAutocomplete("username"), ui.WithLabel(ui.LabelID())))
	}
	return nodes, nil
}

// Login sends a code to the identifier, or takes the code back.
func (m *Method) Login(ctx context.Context, f *selfservice.Flow, in *selfservice.Submission) (*selfservice.Identified, error) {
	if !m.Config.PasswordlessEnabled || f.AAL == session.AAL2 {
		return nil, ui.Reject(ui.NoMethod(selfservice.KindLogin))
	}
	if f.State != ui.StateSentEmail || in.Has(fieldResend) {
		return nil, m.sendLogin(ctx, f, in)
	}
	return m.takeLogin(ctx, f, in)
}

// sendLogin sends a code to sign in with. Whether somebody has the identifier shows in nothing.
func (m *Method) sendLogin(ctx context.Context, f *selfservice.Flow, in *selfservice.Submission) error {
	typed := in.String(fieldIdentifier)
	if typed == "" && f.Internal.Code != nil {
		typed = f.Internal.Code.SentTo
	}
	if typed == "" {
		return ui.RejectField(fieldIdentifier, ui.Required(fieldIdentifier))
	}
	if len(typed) > maxIdentifier {
		return ui.RejectField(fieldIdentifier, ui.MaxLength(maxIdentifier, len(typed)))
	}
	to := selfservice.Recipient{Via: identity.ViaEmail, Value: identity.NormalizeIdentifier(typed)}
	if err := f.MaySend(ctx, m.Limits, in, to.Value); err != nil {
		return err
	}
	who, err := m.Identities.ByIdentifier(ctx, identity.Code, typed)
	switch {
	case err == nil:
		to = m.reached(ctx, who, to)
	case !errors.Is(err, identity.ErrNotFound):
		return err
	}
	f.SendTo(to, courier.LoginCodeValid, m.Lifespan(), map[string]any{"login_code": m.issue(f, to)})
	ask(f, ui.Submit(ui.GroupCode, fieldResend, id, ui.ResendCode()), ui.LoginCodeSent())
	f.Form.Add(ui.Hidden(ui.GroupDefault, fieldIdentifier, typed))
	return selfservice.ErrShowAgain
}

// reached says how a code reaches somebody by the identifier; nobody is reached by one that takes no codes.
func (m *Method) reached(ctx context.Context, who *identity.Identity, to selfservice.Recipient) selfservice.Recipient {
	s, err := m.Schemas.Get(ctx, who.SchemaID)
	if err != nil {
		return to
	}
	via, ok := s.Extract(who.Traits).CodeVia[to.Value]
	if !ok || via == identity.ViaSMS && !m.SMS {
		return to
	}
	return selfservice.Recipient{Via: via, Value: to.Value, Who: who}
}

// takeLogin takes a code back. It verifies the address, because only who reads its messages knows the code.
func (m *Method) takeLogin(ctx context.Context, f *selfservice.Flow, in *selfservice.Submission) (*selfservice.Identified, error) {
	if in.String(fieldCode) == "" {
		return nil, ui.RejectField(fieldCode, ui.Required(fieldCode))
	}
	c, err := m.take(ctx, f, in)
	if err != nil {
		return nil, refused(f, err)
	}
	who, err := m.Identities.Get(ctx, c.IdentityID)
	if errors.Is(err, identity.ErrNotFound) {
		return nil, ui.Reject(ui.CodeInvalid(f.Kind)) // it was deleted meanwhile
	}
	if err != nil {
		return nil, err
	}
	if m.reached(ctx, who, selfservice.Recipient{Via: c.Via, Value: c.SentTo}).Who == nil {
		return nil, ui.Reject(ui.CodeInvalid(f.Kind)) // the person has another address now, and who reads this one is somebody else
	}
	f.Internal.Code = nil
	return &selfservice.Identified{
		Identity: who, Method: m.proof(id), Verified: []selfservice.Verified{{Via: c.Via, Value: c.SentTo}},
	}, nil
}

// refused says why a code of a login or registration was not taken. One that was tried too often is void; the form has the
// button for another.
func refused(f *selfservice.Flow, err error) error {
	switch {
	case errors.Is(err, errWrong):
		return ui.Reject(ui.CodeInvalid(f.Kind))
	case errors.Is(err, selfservice.ErrTriedTooOften):
		return ui.Reject(ui.CodeTriedTooOften())
	}
	return err
}
