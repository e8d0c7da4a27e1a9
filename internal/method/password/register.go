package password

import (
	"context"
	"errors"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/selfservice"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// RegistrationNodes asks for a new password.
func (m *Method) RegistrationNodes(context.Context, *selfservice.Flow, *identity.Schema) ([]*ui.Node, error) {
	return []*ui.Node{passwordNode("new-password"), submitNode(ui.SignUp())}, nil
}

// Register puts the password on the draft.
func (m *Method) Register(ctx context.Context, _ *selfservice.Flow, in *selfservice.Submission, draft *identity.Identity) (*selfservice.Registered, error) {
	if err := m.choose(ctx, in.String(field), draft); err != nil {
		return nil, err
	}
	return &selfservice.Registered{Method: m.proof()}, nil
}

// SettingsNodes asks for another password.
func (m *Method) SettingsNodes(context.Context, *selfservice.Flow, *identity.Identity) ([]*ui.Node, error) {
	return []*ui.Node{passwordNode("new-password"), submitNode(ui.LabelSave())}, nil
}

// Privileged is true: whoever finds an unlocked computer must not be able to take the account over.
func (m *Method) Privileged(context.Context, *selfservice.Submission) bool { return true }

// Settings puts another password on who. It has to be another one: somebody whose password was stolen and who sets the same
// again would believe to be safe.
func (m *Method) Settings(ctx context.Context, _ *selfservice.Flow, in *selfservice.Submission, who *identity.Identity) error {
	password := in.String(field)
	if password != "" {
		old, err := documentOf(who)
		if err != nil {
			return err
		}
		if same, err := m.same(ctx, old, password); err != nil {
			return err
		} else if same {
			return ui.RejectField(field, ui.PasswordUnchanged())
		}
	}
	return m.choose(ctx, password, who)
}

// same tells whether the password is the one of the credential. A hash that nobody can verify is nobody's password.
func (m *Method) same(ctx context.Context, old document, password string) (bool, error) {
	if old.Hash == "" {
		return false, nil
	}
	same, _, err := m.Hasher.VerifyPassword(ctx, old.Hash, password)
	if errors.Is(err, secret.ErrFormat) {
		return false, nil
	}
	return same, busy(err)
}

// choose checks a password and makes it that of who, whose traits say what they sign in with.
func (m *Method) choose(ctx context.Context, password string, who *identity.Identity) error {
	if password == "" {
		return ui.RejectField(field, ui.Required(field))
	}
	s, err := m.Schemas.Get(ctx, who.SchemaID)
	if err != nil {
		return err
	}
	identifiers := s.Extract(who.Traits).Identifiers[identity.Password]
	if len(identifiers) == 0 {
		return ui.Reject(ui.IdentifierMissing())
	}
	if err := m.check(ctx, password, identifiers); err != nil {
		return err
	}
	config, err := m.hash(ctx, password)
	if err != nil {
		return err
	}
	who.SetCredential(identity.Credential{Type: identity.Password, Identifiers: identifiers, Config: config})
	return nil
}
