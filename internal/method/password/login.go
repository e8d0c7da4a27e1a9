package password

import (
	"context"
	"errors"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/selfservice"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// The names of the identifier in submissions; the second is what old clients of Kratos send.
const (
	fieldIdentifier    = "identifier"
	fieldOldIdentifier = "password_identifier"
)

// maxIdentifier bounds what is looked up, in bytes.
const maxIdentifier = 1024

// LoginNodes asks for identifier and password. A password is no second factor. Somebody who is to sign in anew is asked for
// a password only where there is one; nobody else's credentials are looked at, for the page would tell of them.
func (m *Method) LoginNodes(ctx context.Context, f *selfservice.Flow) ([]*ui.Node, error) {
	if f.AAL == session.AAL2 {
		return nil, nil
	}
	if f.Refresh {
		if has, err := m.has(ctx, f.Identifier); err != nil || !has {
			return nil, err
		}
		return []*ui.Node{
			ui.Hidden(ui.GroupDefault, fieldIdentifier, f.Identifier),
			passwordNode("current-password"), submitNode(ui.SignIn()),
		}, nil
	}
	s, err := m.Schemas.Get(ctx, "")
	if err != nil {
		return nil, err
	}
	return []*ui.Node{
		ui.Input(ui.GroupDefault, fieldIdentifier, ui.KindText, ui.WithValue(""), ui.WithRequired(), ui.WithAutocomplete("username"), ui.WithLabel(identifierLabel(s))),
		passwordNode("current-password"), submitNode(ui.SignInPassword()),
	}, nil
}

// has tells whether the person with the identifier has a password.
func (m *Method) has(ctx context.Context, identifier string) (bool, error) {
	who, err := m.Identities.ByIdentifier(ctx, identity.Password, identifier)
	if errors.Is(err, identity.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	d, err := documentOf(who)
	return d.Hash != "" || d.Migrate, err
}

// Login finds out whose identifier and password these are. Whatever does not fit gets the same answer after the same
// statements and the same hash.
func (m *Method) Login(ctx context.Context, f *selfservice.Flow, in *selfservice.Submission) (*selfservice.Identified, error) {
	if f.AAL == session.AAL2 {
		return nil, ui.Reject(ui.NoMethod(ui.Login))
	}
	identifier, password, err := submitted(f, in)
	if err != nil {
		return nil, err
	}
	name := selfservice.PasswordName(identity.NormalizeIdentifier(identifier))
	from := in.From(name)
	if err := m.Limits.Locked(ctx, name, from); err != nil {
		return nil, err
	}
	found, err := m.prove(ctx, f, identifier, password)
	var said error = ui.Reject(ui.InvalidCredentials())
	if err == nil && found.Identity.Unproven && (in.Session == nil || in.Session.IdentityID != found.Identity.ID) {
		said, err = &selfservice.Unproven{Who: found.Identity, Said: said}, errWrong
	}
	if err == nil || errors.Is(err, errWrong) {
		if err := m.Limits.Overtaken(ctx, name, from); err != nil {
			return nil, err
		}
	}
	if errors.Is(err, errWrong) {
		if err := m.Limits.Failed(ctx, name, from); err != nil {
			return nil, err
		}
		f.OnBeat()
		return nil, said
	}
	if err != nil {
		return nil, err
	}
	return found, m.Limits.Succeeded(ctx, name, from)
}

// submitted reads the fields, and says which are missing.
func submitted(f *selfservice.Flow, in *selfservice.Submission) (identifier, password string, err error) {
	identifier, password = in.String(fieldIdentifier), in.String(field)
	if identifier == "" {
		identifier = in.String(fieldOldIdentifier)
	}
	if identifier == "" {
		identifier = f.Identifier
	}
	missing := &ui.Invalid{}
	if identifier == "" {
		missing.Add(fieldIdentifier, ui.Required(fieldIdentifier))
	}
	if password == "" {
		missing.Add(field, ui.Required(field))
	}
	if len(missing.Texts) > 0 {
		return "", "", missing
	}
	return identifier[:min(len(identifier), maxIdentifier)], password, nil
}

// errWrong says that identifier and password do not belong together.
var errWrong = errors.New("wrong identifier or password")

// prove finds who has the identifier and whether the password is theirs.
func (m *Method) prove(ctx context.Context, f *selfservice.Flow, identifier, password string) (*selfservice.Identified, error) {
	who, err := m.Identities.ByIdentifier(ctx, identity.Password, identifier)
	if errors.Is(err, identity.ErrNotFound) {
		return nil, m.pretend(ctx, password)
	}
	if err != nil {
		return nil, err
	}
	f.About(who.ID)
	d, err := documentOf(who)
	if err != nil {
		return nil, err
	}
	var ok, stale bool
	switch {
	case d.Hash != "":
		ok, stale, err = m.Hasher.VerifyPassword(ctx, d.Hash, password)
	case d.Migrate && m.Migrate != nil:
		if ok, err = m.Migrate(ctx, identifier, password); err == nil && !ok {
			return nil, m.pretend(ctx, password)
		}
		stale = ok
	default:
		return nil, m.pretend(ctx, password)
	}
	if err != nil {
		return nil, busy(err)
	}
	if !ok {
		return nil, errWrong
	}
	found := &selfservice.Identified{Identity: who, Method: m.proof()}
	if stale {
		found.Upgrade = func(ctx context.Context) error { return m.upgrade(ctx, who, password) }
	}
	return found, nil
}

// pretend hashes the password as for somebody, and says errWrong.
func (m *Method) pretend(ctx context.Context, password string) error {
	if err := m.Hasher.Pretend(ctx, password); err != nil {
		return busy(err)
	}
	return errWrong
}

// upgrade stores the password as one that was chosen today would be, unless it was changed meanwhile. A password that is
// longer than today's algorithm takes stays as it is.
func (m *Method) upgrade(ctx context.Context, who *identity.Identity, password string) error {
	if len(password) > m.Hasher.Longest() {
		return nil
	}
	c := who.Credentials[identity.Password]
	var err error
	if c.Config, err = m.hash(ctx, password); err != nil {
		return err
	}
	return m.Identities.Rehash(ctx, who.ID, c)
}
