package courier

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
)

// The channels over which messages go.
const (
	Email = "email"
	SMS   = "sms"
)

// The templates, with the names that Ory Kratos gives them. doc.go lists the data of each.
const (
	RecoveryValid            = "recovery_valid"
	RecoveryInvalid          = "recovery_invalid"
	RecoveryCodeValid        = "recovery_code_valid"
	RecoveryCodeInvalid      = "recovery_code_invalid"
	VerificationValid        = "verification_valid"
	VerificationInvalid      = "verification_invalid"
	VerificationCodeValid    = "verification_code_valid"
	VerificationCodeInvalid  = "verification_code_invalid"
	LoginCodeValid           = "login_code_valid"
	LoginCodeInvalid         = "login_code_invalid"
	RegistrationCodeValid    = "registration_code_valid"
	RegistrationDuplicate    = "registration_duplicate"
	VerifiableAddressChanged = "verifiable_address_changed"
	AuthenticatorKeyAdded    = "authenticator_key_added"
)

// templates returns the names of all templates.
func templates() []string {
	return []string{
		RecoveryValid, RecoveryInvalid, RecoveryCodeValid, RecoveryCodeInvalid,
		VerificationValid, VerificationInvalid, VerificationCodeValid, VerificationCodeInvalid,
		LoginCodeValid, LoginCodeInvalid, RegistrationCodeValid, RegistrationDuplicate,
		VerifiableAddressChanged, AuthenticatorKeyAdded,
	}
}

// Message is something that a person is to be told.
type Message struct {
	// Channel is Email or SMS: the `via` of the address in the identity schema.
	Channel string
	// Recipient is the e-mail address, or the telephone number with its country code (E.164).
	Recipient string
	// Template is one of the constants above.
	Template string
	// Data is what the template tells, by Kratos' names, such as "recovery_code" and "identity". It must be what
	// encoding/json can encode, and is sealed where it is kept.
	Data map[string]any
	// Lang is the recipient's language as a tag, such as "de" or "de-AT"; empty means the configured one.
	Lang string
	// RequestID is that of the request that asked for the message; it finds the message from the log.
	RequestID string
	// ExpiresAt is when what the message tells is of no more use. It is not sent later than that. Zero: never.
	ExpiresAt time.Time
}

// maxRecipient is the longest address that SMTP transports: 64 characters, @, 255 characters (RFC 5321 §4.5.3.1).
const maxRecipient = 320

// check refuses a message that nothing could send. Its errors name no address.
func (m *Message) check() error {
	switch {
	case m.Channel != Email && m.Channel != SMS:
		return fmt.Errorf("courier: there is no channel %q", m.Channel)
	case !slices.Contains(templates(), m.Template):
		return fmt.Errorf("courier: there is no template %q", m.Template)
	case m.Recipient == "" || len(m.Recipient) > maxRecipient || strings.ContainsFunc(m.Recipient, unicode.IsControl):
		return errors.New("courier: the recipient's address is empty, too long or holds control characters")
	}
	return nil
}

// Status is how far a message has come.
type Status string

// The states of a message, as Ory Kratos names them.
const (
	Queued     Status = "queued"
	Processing Status = "processing"
	Sent       Status = "sent"
	Abandoned  Status = "abandoned"
)

func (s Status) valid() bool {
	return s == Queued || s == Processing || s == Sent || s == Abandoned
}

// document is what is sealed of a message.
type document struct {
	Subject   string         `json:"subject,omitempty"`
	Body      string         `json:"body"`
	Lang      string         `json:"lang,omitempty"`
	Data      map[string]any `json:"data,omitempty"`
	ExpiresAt *time.Time     `json:"expires_at,omitempty"`
}

// dispatch is one attempt that ended.
type dispatch struct {
	ID        string    `json:"id"`
	Failed    bool      `json:"failed,omitempty"`
	Reason    string    `json:"reason,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	// Requeued is the number of attempts that there had been when the message was put into the queue again after this one.
	Requeued int `json:"requeued,omitempty"`
}

// record is a message as it is kept.
type record struct {
	Tenant     string
	ID         string
	Status     Status
	Channel    string
	Template   string
	Recipient  string
	SendCount  int
	RequestID  string
	Dispatches []dispatch
	Document   *document // nil when retention has emptied it
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// tries is the number of attempts since the message was put into the queue, or was put there again.
func (r *record) tries() int {
	before := 0
	for _, d := range r.Dispatches {
		before = max(before, d.Requeued)
	}
	return r.SendCount - before
}

// plain gives the data of a template as JSON would: maps, lists, text, numbers. So a template sees the same before and
// after it was stored.
func plain(data map[string]any) (map[string]any, error) {
	text, err := json.Marshal(data)
	if err != nil {
		return nil, fmt.Errorf("courier: the template's data is no JSON: %w", err)
	}
	var out map[string]any
	if err := json.Unmarshal(text, &out); err != nil {
		return nil, fmt.Errorf("courier: the template's data is no JSON: %w", err)
	}
	if out == nil {
		out = map[string]any{}
	}
	return out, nil
}
