package link

import (
	"context"
	"crypto/subtle"
	"errors"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/courier"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/selfservice"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// Method sends links and takes their tokens back. Its fields are set once, by app, which leaves the method out where it is not
// enabled.
type Method struct {
	selfservice.Sending

	Config Config
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

	fieldEmail = "email"
	fieldToken = "token"

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
	return m.AddressNodes(id, ""), nil
}

// VerificationNodes asks for the address.
func (m *Method) VerificationNodes(context.Context, *selfservice.Flow) ([]*ui.Node, error) {
	return m.AddressNodes(id, ""), nil
}

// Recover sends a link to the address that was typed, or takes the token of one back.
func (m *Method) Recover(ctx context.Context, f *selfservice.Flow, in *selfservice.Submission) (*selfservice.Recovered, error) {
	if in.Has(fieldToken) {
		c, err := m.take(f, in)
		if err != nil {
			return nil, err
		}
		who, err := m.Identities.WithCredentials(ctx, c.IdentityID)
		if errors.Is(err, identity.ErrNotFound) { // it was deleted meanwhile
			return nil, ui.Reject(ui.LinkInvalid(f.Kind))
		}
		if err != nil {
			return nil, err
		}
		proof := session.AuthMethod{Method: proofRecovery, AAL: session.AAL1, CompletedAt: m.Now()}
		return &selfservice.Recovered{Identity: who, Method: proof, Via: c.Via, Value: c.SentTo}, nil
	}
	to, err := m.To(ctx, f, in, fieldEmail, identity.Recover)
	if err != nil {
		return nil, err
	}
	m.send(f, to, courier.RecoveryValid, "recovery_url")
	m.NotifyUnknown(f, to, courier.RecoveryInvalid, m.Lifespan())
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
	to, err := m.To(ctx, f, in, fieldEmail, identity.Verify)
	if err != nil {
		return nil, err
	}
	m.send(f, to, courier.VerificationValid, "verification_url")
	m.NotifyUnknown(f, to, courier.VerificationInvalid, m.Lifespan())
	m.shown(f, to, ui.VerificationLinkSent())
	if err := m.NoteSent(ctx, to); err != nil {
		return nil, err
	}
	return nil, selfservice.ErrShowAgain
}

// BeginVerification sends a link to an address of somebody who is known.
func (m *Method) BeginVerification(_ context.Context, f *selfservice.Flow, who *identity.Identity, a identity.VerifiableAddress, lang string) error {
	if a.Via == identity.ViaSMS && !m.SMS {
		return selfservice.ErrUnreachable
	}
	f.Lang = lang
	to := selfservice.Recipient{Via: a.Via, Value: a.Value, Who: who}
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
	f.Form.Add(m.AddressNodes(id, "")...)
	return token, nil
}

// send puts a new token into the flow, in the place of the one before, and has its link sent; key is what templates call it.
func (m *Method) send(f *selfservice.Flow, to selfservice.Recipient, template, key string) {
	token := secret.Random(tokenBytes)
	m.Expect(f, to, id, secret.Digest(token), m.Lifespan())
	f.SendTo(to, template, m.Lifespan(), map[string]any{key: f.With(fieldToken, token)})
}

// shown says that a link was sent; the form sends another one.
func (m *Method) shown(f *selfservice.Flow, to selfservice.Recipient, said ui.Text) {
	f.Keep()
	f.State = ui.StateSentEmail
	f.Form.Add(m.AddressNodes(id, to.Value)...)
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
