package password

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/limit"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/selfservice"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// Method signs in with a password, and has one chosen. Its fields are set once, by app.
type Method struct {
	Config     Config
	Identities *identity.Store
	Schemas    *identity.Schemas
	Hasher     *secret.Hasher
	// Limits locks identifiers that are guessed at; nil locks nothing.
	Limits *limit.Limits
	// Breaches knows stolen passwords; nil knows none.
	Breaches *Breaches
	// Migrate asks the system that knew somebody's password before; nil knows nobody's.
	Migrate func(ctx context.Context, identifier, password string) (match bool, err error)
	Now     func() time.Time
}

var (
	_ selfservice.LoginMethod        = (*Method)(nil)
	_ selfservice.RegistrationMethod = (*Method)(nil)
	_ selfservice.SettingsMethod     = (*Method)(nil)
)

// errBusy says that more people sign in than there is memory for.
var errBusy = fault.New(fault.Unavailable, "busy", "Too many people are signing in just now. Try again in a moment.").After(time.Second)

// ID is "password".
func (m *Method) ID() string { return identity.Password }

// document is the credential's config.
type document struct {
	Hash    string `json:"hashed_password,omitempty"`
	Migrate bool   `json:"use_password_migration_hook,omitempty"`
}

// documentOf reads the credential of an identity; it is empty where there is none.
func documentOf(who *identity.Identity) (d document, err error) {
	c, ok := who.Credentials[identity.Password]
	if !ok || len(c.Config) == 0 {
		return d, nil
	}
	err = json.Unmarshal(c.Config, &d)
	return d, err
}

// hash makes the credential's config of a password.
func (m *Method) hash(ctx context.Context, password string) (json.RawMessage, error) {
	encoded, err := m.Hasher.Hash(ctx, password)
	if err != nil {
		return nil, busy(err)
	}
	return json.Marshal(document{Hash: encoded})
}

// busy is what somebody is told whose password could not be hashed.
func busy(err error) error {
	if errors.Is(err, secret.ErrBusy) {
		return errBusy.Because(err)
	}
	return err
}

// passwordNode asks for a password; autocomplete is current-password or new-password.
func passwordNode(autocomplete string) *ui.Node {
	return ui.Input(ui.GroupPassword, field, ui.KindPassword, ui.WithRequired(), ui.WithAutocomplete(autocomplete), ui.WithLabel(ui.LabelPassword()))
}

func submitNode(label ui.Text) *ui.Node {
	return ui.Submit(ui.GroupPassword, "method", identity.Password, label)
}

// identifierLabel is the title of the one trait that people sign in with, or "ID" where there are several.
func identifierLabel(s *identity.Schema) ui.Text {
	var only *identity.Field
	for _, f := range s.Fields() {
		if len(f.Identifies) == 0 {
			continue
		}
		if only != nil {
			return ui.LabelID()
		}
		only = &f
	}
	if only == nil || only.Title == "" {
		return ui.LabelID()
	}
	return ui.Label(only.Title, only.Name)
}

func (m *Method) proof() session.AuthMethod {
	return session.AuthMethod{Method: identity.Password, AAL: session.AAL1, CompletedAt: m.Now()}
}
