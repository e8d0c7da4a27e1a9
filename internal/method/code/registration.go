package code

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/courier"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/selfservice"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

const traitsPrefix = "traits."

// RegistrationNodes offers to register with a code, where the schema has an identifier for codes.
func (m *Method) RegistrationNodes(_ context.Context, _ *selfservice.Flow, s *identity.Schema) ([]*ui.Node, error) {
	if !m.Config.PasswordlessEnabled || !slices.ContainsFunc(s.Fields(), func(f identity.Field) bool { return f.CodeVia != "" }) {
		return nil, nil
	}
	return []*ui.Node{ui.Submit(ui.GroupCode, fieldMethod, id, ui.SendRegistrationCode())}, nil
}

// sentFor is what a registration remembers of the form for which its code was sent.
type sentFor struct {
	Traits json.RawMessage `json:"traits"`
}

// Register sends a code to the first identifier that takes one, or takes the code back.
func (m *Method) Register(ctx context.Context, f *selfservice.Flow, in *selfservice.Submission, draft *identity.Identity) (*selfservice.Registered, error) {
	if !m.Config.PasswordlessEnabled {
		return nil, ui.Reject(ui.NoMethod(selfservice.KindRegistration))
	}
	s, err := m.Schemas.Get(ctx, draft.SchemaID)
	if err != nil {
		return nil, err
	}
	found := s.Extract(draft.Traits)
	via, value := m.firstReached(found)
	if value == "" {
		return nil, ui.Reject(ui.IdentifierMissing())
	}
	if f.State != ui.StateSentEmail || in.Has(fieldResend) {
		return nil, m.sendRegistration(ctx, f, in, selfservice.Recipient{Via: via, Value: value, Who: draft})
	}
	return m.takeRegistration(ctx, f, in, draft, found)
}

// firstReached is the identifier to which a code can be sent: of mail before text messages.
func (m *Method) firstReached(found identity.Extraction) (via, value string) {
	for _, way := range []string{identity.ViaEmail, identity.ViaSMS} {
		if way == identity.ViaSMS && !m.SMS {
			continue
		}
		for _, identifier := range found.Identifiers[identity.Code] {
			if found.CodeVia[identifier] == way {
				return way, identifier
			}
		}
	}
	return "", ""
}

// sendRegistration sends a code to register with. It is sent to an address that somebody has as well: only its owner learns
// so, after entering the code.
func (m *Method) sendRegistration(ctx context.Context, f *selfservice.Flow, in *selfservice.Submission, to selfservice.Recipient) error {
	if err := f.MaySend(ctx, m.Limits, in, to.Value); err != nil {
		return err
	}
	if err := f.Remember(id, sentFor{Traits: to.Who.Traits}); err != nil {
		return err
	}
	f.SendTo(to, courier.RegistrationCodeValid, m.Lifespan(), map[string]any{"registration_code": m.issue(f, to), "traits": to.Who.Traits})
	f.Internal.Code.IdentityID = "" // there is nobody yet
	hide(f, to.Who.Traits)
	ask(f, ui.Submit(ui.GroupCode, fieldResend, id, ui.ResendCode()), ui.RegistrationCodeSent(), hidden(f)...)
	if f.Internal.Traits != nil {
		f.Form.Add(ui.Submit(ui.GroupProfile, "screen", "previous", ui.RegistrationBack()))
	}
	return selfservice.ErrShowAgain
}

// takeRegistration takes a code back. The traits must be those for which it was sent.
func (m *Method) takeRegistration(ctx context.Context, f *selfservice.Flow, in *selfservice.Submission, draft *identity.Identity, found identity.Extraction) (*selfservice.Registered, error) {
	if in.String(fieldCode) == "" {
		return nil, ui.RejectField(fieldCode, ui.Required(fieldCode))
	}
	var before sentFor
	if !f.Recall(id, &before) || !sameJSON(before.Traits, draft.Traits) {
		return nil, ui.Reject(ui.TraitsMismatch())
	}
	c, err := m.take(ctx, f, in)
	if err != nil {
		return nil, refused(f, err)
	}
	identifiers := found.Identifiers[identity.Code]
	config, err := credential(identifiers, found.CodeVia)
	if err != nil {
		return nil, err
	}
	draft.SetCredential(identity.Credential{Type: identity.Code, Identifiers: identifiers, Config: config})
	return &selfservice.Registered{
		Method:   m.proof(id),
		Verified: []selfservice.Verified{{Via: c.Via, Value: c.SentTo}},
	}, nil
}

// credential is the document of a code credential, in Kratos' form.
func credential(identifiers []string, via map[string]string) (json.RawMessage, error) {
	type address struct {
		Channel string `json:"channel"`
		Address string `json:"address"`
	}
	addresses := []address{}
	for _, i := range identifiers {
		addresses = append(addresses, address{via[i], i})
	}
	return json.Marshal(map[string]any{"addresses": addresses})
}

// hide makes the fields of the traits hidden ones that hold what the code was sent for.
func hide(f *selfservice.Flow, traits json.RawMessage) {
	var values map[string]any
	if json.Unmarshal(traits, &values) != nil {
		return
	}
	for i, n := range f.Form.Nodes {
		if n.Type != ui.TypeInput || !strings.HasPrefix(n.Key(), traitsPrefix) {
			continue
		}
		f.Form.Nodes[i] = ui.Hidden(n.Group, n.Key(), at(values, strings.TrimPrefix(n.Key(), traitsPrefix)))
		f.Form.Nodes[i].Meta = n.Meta
	}
}

// at walks a dotted path.
func at(values map[string]any, path string) any {
	name, rest, more := strings.Cut(path, ".")
	if !more {
		return values[name]
	}
	inner, _ := values[name].(map[string]any)
	return at(inner, rest)
}

// hidden names the fields of the traits.
func hidden(f *selfservice.Flow) []string {
	var names []string
	for _, n := range f.Form.Nodes {
		if strings.HasPrefix(n.Key(), traitsPrefix) {
			names = append(names, n.Key())
		}
	}
	return names
}

// sameJSON reports whether two documents mean the same.
func sameJSON(a, b json.RawMessage) bool {
	canonical := func(raw json.RawMessage) []byte {
		d := json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber()
		var v any
		if d.Decode(&v) != nil {
			return nil
		}
		out, err := json.Marshal(v) // sorts the members of objects
		if err != nil {
			return nil
		}
		return out
	}
	x, y := canonical(a), canonical(b)
	return x != nil && bytes.Equal(x, y)
}
