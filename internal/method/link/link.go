package link

import (
	"context"
	"crypto/subtle"
	"errors"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/courier"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/limit"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/selfservice"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// Method sends links and takes their tokens back. Its fields are set once, by app, which leaves the method out where it is not
// enabled.
type Method struct {
	Config     Config
	Identities *identity.Store
	// Limits bounds what is sent to one address; nil bounds nothing.
	Limits *limit.Limits
	// Flows says whether strangers are told that nobody has their address.
	Flows selfservice.FlowsConfig
	// SMS says that text messages can be sent: then telephone numbers are taken for addresses.
	SMS bool
	Now func() time.Time
}

var (
	_ selfservice.RecoveryIssuer     = (*Method)(nil)
	_ selfservice.VerificationMethod = (*Method)(nil)
	_ selfservice.Linker             = (*Method)(nil)
)

const (
	id = "link"
	// proofRecovery is the method that a session names which a link has recovered.
	proofRecovery = "link_recovery"

	fieldEmail  = "email"
	fieldMethod = "method"
	fieldToken  = "token"

	// tokenBytes is the randomness of a token, above the 128 bits that are needed.
	tokenBytes = 32
)

// ID is "link".
func (m *Method) ID() string { return id }

// Lifespan is for how long a link works.
func (m *Method) Lifespan() time.Duration { return m.Config.Config.Lifespan }

// Confirms reports whether a link that is opened elsewhere waits for a button.
func (m *Method) Confirms() bool { return m.Config.Config.Confirm }

// RecoveryNodes asks for the address.
func (m *Method) RecoveryNodes(context.Context, *selfservice.Flow) ([]*ui.Node, error) {
	return m.nodes(""), nil
}

// VerificationNodes asks for the address.
func (m *Method) VerificationNodes(context.Context, *selfservice.Flow) ([]*ui.Node, error) {
	return m.nodes(""), nil
}

// nodes ask for an address; value is the one that was typed before.
func (m *Method) nodes(value string) []*ui.Node {
	kind, label, complete := ui.KindEmail, ui.LabelEmail(), "email"
	if m.SMS {
		kind, label, complete = ui.KindText, ui.LabelEmailOrPhone(), "username"
	}
	field := ui.Input(ui.GroupLink, fieldEmail, kind, ui.WithRequired(), ui.WithAutocomplete(complete), ui.WithLabel(label))
	if value != "" {
		field.Attributes.Value = value
	}
	return []*ui.Node{field, ui.Submit(ui.GroupLink, fieldMethod, id, ui.LabelContinue())}
}

// Recover sends a link to the address that was typed, or takes the token of one back.
func (m *Method) Recover(ctx context.Context, f *selfservice.Flow, in *selfservice.Submission) (*selfservice.Recovered, error) {
	if in.Has(fieldToken) {
		c, err := m.take(f, in)
		if err != nil {
			return nil, err
		}
		who, err := m.Identities.Get(ctx, c.IdentityID)
		if errors.Is(err, identity.ErrNotFound) { // it was deleted meanwhile
			return nil, ui.Reject(ui.LinkInvalid(f.Kind))
		}
		if err != nil {
			return nil, err
		}
		proof := session.AuthMethod{Method: proofRecovery, AAL: session.AAL1, CompletedAt: m.Now()}
		return &selfservice.Recovered{Identity: who, Method: proof, Via: c.Via, Value: c.SentTo}, nil
	}
	to, err := m.find(ctx, f, in, identity.Recover)
	if err != nil {
		return nil, err
	}
	m.send(f, to, courier.RecoveryValid, "recovery_url")
	if m.Flows.Recovery.NotifyUnknownRecipients {
		m.notify(f, to, courier.RecoveryInvalid)
	}
	m.shown(f, to, ui.RecoveryLinkSent())
	return nil, selfservice.ErrShowAgain
}

// Verify sends a link to the address that was typed, or takes the token of one back.
func (m *Method) Verify(ctx context.Context, f *selfservice.Flow, in *selfservice.Submission) (*selfservice.Verified, error) {
	if in.Has(fieldToken) {
		c, err := m.take(f, in)
		if err != nil {
			return nil, err
		}
		return &selfservice.Verified{IdentityID: c.IdentityID, Via: c.Via, Value: c.SentTo}, nil
	}
	to, err := m.find(ctx, f, in, identity.Verify)
	if err != nil {
		return nil, err
	}
	m.send(f, to, courier.VerificationValid, "verification_url")
	if m.Flows.Verification.NotifyUnknownRecipients {
		m.notify(f, to, courier.VerificationInvalid)
	}
	m.shown(f, to, ui.VerificationLinkSent())
	if to.who != nil && selfservice.NeverSent(to.who, to.via, to.value) {
		// Who changes the identity at the same time goes first: the state is but a note.
		if err := m.Identities.MarkSent(ctx, to.who.ID, to.via, to.value); err != nil && !errors.Is(err, identity.ErrChanged) {
			return nil, err
		}
	}
	return nil, selfservice.ErrShowAgain
}

// BeginVerification sends a link to an address of somebody who is known.
func (m *Method) BeginVerification(_ context.Context, f *selfservice.Flow, who *identity.Identity, a identity.VerifiableAddress, lang string) error {
	if a.Via == identity.ViaSMS && !m.SMS {
		return selfservice.ErrUnreachable
	}
	f.Lang = lang
	to := recipient{a.Via, a.Value, who}
	m.send(f, to, courier.VerificationValid, "verification_url")
	m.shown(f, to, ui.VerificationLinkSent())
	return nil
}

// IssueRecovery makes the token of a link that an administrator hands over. It proves no address.
func (m *Method) IssueRecovery(_ context.Context, f *selfservice.Flow, identityID string) (string, error) {
	token := secret.Random(tokenBytes)
	f.Active, f.State = id, ui.StateSentEmail
	f.Internal.Code = &selfservice.Code{
		Digest: secret.Digest(token), SentAt: m.Now(), ExpiresAt: f.ExpiresAt, IdentityID: identityID,
	}
	f.Form.Add(m.nodes("")...)
	return token, nil
}

// recipient is where a link goes: via "email" or "sms", and whose address that is, nil for nobody's.
type recipient struct {
	via, value string
	who        *identity.Identity
}

// find reads the address that was typed, and whose it is.
func (m *Method) find(ctx context.Context, f *selfservice.Flow, in *selfservice.Submission, purpose string) (to recipient, err error) {
	if to.via, to.value, err = selfservice.TypedAddress(in, fieldEmail, m.SMS); err != nil {
		return to, err
	}
	if err := f.MaySend(ctx, m.Limits, to.value); err != nil {
		return to, err
	}
	to.who, err = m.Identities.ByAddress(ctx, purpose, to.via, to.value)
	if errors.Is(err, identity.ErrNotFound) {
		err = nil
	}
	return to, err
}

// send puts a new token into the flow, in the place of the one before, and has its link sent in the transaction that saves the
// flow; to nobody where nobody has the address.
func (m *Method) send(f *selfservice.Flow, to recipient, template, key string) {
	now, token := m.Now(), secret.Random(tokenBytes)
	c := &selfservice.Code{
		Digest: secret.Digest(token), SentTo: to.value, Via: to.via, SentAt: now, ExpiresAt: now.Add(m.Lifespan()),
	}
	if f.ExpiresAt.Before(c.ExpiresAt) {
		c.ExpiresAt = f.ExpiresAt
	}
	f.Internal.Code, f.Active = c, id
	if to.who == nil {
		return
	}
	c.IdentityID = to.who.ID
	data := f.MessageData(to.value, to.who, m.Lifespan())
	data[key] = f.With(fieldToken, token)
	f.Send(courier.Message{Channel: to.via, Recipient: to.value, Template: template, Data: data, Lang: f.Lang, ExpiresAt: c.ExpiresAt})
}

// notify tells an unknown recipient that nobody has the address. Text messages cost money and are not sent to strangers.
func (m *Method) notify(f *selfservice.Flow, to recipient, template string) {
	if to.who != nil || to.via != identity.ViaEmail {
		return
	}
	f.Send(courier.Message{
		Channel: to.via, Recipient: to.value, Template: template, Data: f.MessageData(to.value, nil, m.Lifespan()), Lang: f.Lang,
		ExpiresAt: f.Internal.Code.ExpiresAt,
	})
}

// shown says that a link was sent; the form sends another one.
func (m *Method) shown(f *selfservice.Flow, to recipient, said ui.Text) {
	f.Keep()
	f.State = ui.StateSentEmail
	f.Form.Add(m.nodes(to.value)...)
	f.Form.Message(said)
}

// take compares the token that came with the one that was sent. Tries are not counted: nobody guesses 256 bits.
func (m *Method) take(f *selfservice.Flow, in *selfservice.Submission) (*selfservice.Code, error) {
	c := f.Internal.Code
	if c == nil || f.Active != id {
		return nil, ui.Reject(ui.LinkInvalid(f.Kind))
	}
	right := subtle.ConstantTimeCompare([]byte(secret.Digest(in.String(fieldToken))), []byte(c.Digest)) == 1
	if !right || c.IdentityID == "" || !m.Now().Before(c.ExpiresAt) {
		return nil, ui.Reject(ui.LinkInvalid(f.Kind))
	}
	return c, nil
}
