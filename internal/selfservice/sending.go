package selfservice

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/courier"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/limit"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// Sending is the part of a method that sends codes or links to addresses which people type. Its fields are set once, by app.
type Sending struct {
	Identities *identity.Store
	// Limits bounds what is sent to one address; nil bounds nothing.
	Limits *limit.Limits
	// Flows says whether strangers are told that nobody has their address.
	Flows FlowsConfig
	// SMS says that text messages can be sent: then telephone numbers are taken for addresses.
	SMS bool
	// Now is the clock.
	Now func() time.Time
}

// Recipient is where a code or link goes.
type Recipient struct {
	// Via is "email" or "sms", Value the address.
	Via, Value string
	// Who has the address; nil where nobody has.
	Who *identity.Identity
}

const fieldEmail = "email"

// AddressNodes ask for an address, and for a telephone number too where text messages can be sent. They belong to the method's
// group; typed is what was typed before.
func (s *Sending) AddressNodes(method, typed string) []*ui.Node {
	kind, label, complete := ui.KindEmail, ui.LabelEmail(), "email"
	if s.SMS {
		kind, label, complete = ui.KindText, ui.LabelEmailOrPhone(), "username"
	}
	field := ui.Input(method, fieldEmail, kind, ui.WithRequired(), ui.WithAutocomplete(complete), ui.WithLabel(label))
	if typed != "" {
		field.Attributes.Value = typed
	}
	return []*ui.Node{field, ui.Submit(method, "method", method, ui.LabelContinue())}
}

// To reads the address that was typed into the field, counts a message to it, and finds who has it for the purpose
// (identity.Recover or identity.Verify).
func (s *Sending) To(ctx context.Context, f *Flow, in *Submission, field, purpose string) (to Recipient, err error) {
	if to.Via, to.Value, err = TypedAddress(in, field, s.SMS); err != nil {
		return to, err
	}
	if err := f.MaySend(ctx, s.Limits, in, to.Value); err != nil {
		return to, err
	}
	to.Who, err = s.Identities.ByAddress(ctx, purpose, to.Via, to.Value)
	if errors.Is(err, identity.ErrNotFound) {
		return Recipient{Via: to.Via, Value: to.Value}, nil
	}
	return to, err
}

// Expect puts the digest of a new code or token of the method into the flow, in the place of the one before. It is good for the
// lifespan, and no longer than the flow.
func (s *Sending) Expect(f *Flow, to Recipient, method, digest string, lifespan time.Duration) {
	now := s.Now()
	c := &Code{Digest: digest, SentTo: to.Value, Via: to.Via, SentAt: now, ExpiresAt: now.Add(lifespan)}
	if f.ExpiresAt.Before(c.ExpiresAt) {
		c.ExpiresAt = f.ExpiresAt
	}
	if to.Who != nil {
		c.IdentityID = to.Who.ID
	}
	f.Internal.Code, f.Active = c, method
}

// SendTo has a message queued, in the transaction that saves the flow, that brings the code or link which the flow expects; to
// nobody where nobody has the address. more is what the template sees besides what all messages tell.
func (f *Flow) SendTo(to Recipient, template string, lifespan time.Duration, more map[string]any) {
	if to.Who != nil {
		f.queue(to, template, lifespan, more)
	}
}

// NotifyUnknown tells an unknown recipient that nobody has the address, where that is configured for the kind of flow. Text
// messages cost money and are not sent to strangers.
func (s *Sending) NotifyUnknown(f *Flow, to Recipient, template string, lifespan time.Duration) {
	wanted := s.Flows.Recovery.NotifyUnknownRecipients
	if f.Kind == KindVerification {
		wanted = s.Flows.Verification.NotifyUnknownRecipients
	}
	if wanted && to.Who == nil && to.Via == identity.ViaEmail {
		f.queue(to, template, lifespan, nil)
	}
}

// queue tells the template, by Kratos' names, to whom, for whom and for how long the message is good.
func (f *Flow) queue(to Recipient, template string, lifespan time.Duration, more map[string]any) {
	data := map[string]any{"to": to.Value, "request_url": f.RequestURL, "expires_in_minutes": int(lifespan.Minutes())}
	if to.Who != nil {
		data["identity"] = to.Who.Public()
	}
	if len(f.TransientPayload) > 0 {
		data["transient_payload"] = f.TransientPayload
	}
	maps.Copy(data, more)
	f.Send(courier.Message{
		Channel: to.Via, Recipient: to.Value, Template: template, Data: data, Lang: f.Lang, ExpiresAt: f.Internal.Code.ExpiresAt,
	})
}

// NoteSent notes that something was sent to an address that waits to be verified, the first time.
func (s *Sending) NoteSent(ctx context.Context, to Recipient) error {
	waits := func(a identity.VerifiableAddress) bool {
		return a.Via == to.Via && a.Value == to.Value && !a.Verified && a.Status != identity.AddressSent
	}
	if to.Who == nil || !slices.ContainsFunc(to.Who.VerifiableAddresses, waits) {
		return nil
	}
	err := s.Identities.MarkSent(ctx, to.Who.ID, to.Via, to.Value)
	if errors.Is(err, identity.ErrChanged) {
		return nil // who changes the identity at the same time goes first: the state is but a note
	}
	return err
}
