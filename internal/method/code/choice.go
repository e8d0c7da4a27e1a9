package code

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/selfservice"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// A recovery in which the person chooses where the code goes has states of its own:
//
//	awaiting_address ── one address ─────────────────────────────┐
//	       └─ several ─► awaiting_address_choice ─ the typed one ─┤
//	                              └─ another ─► confirming ───────┴──► awaiting_code ──► passed_challenge
//
// Which of the two a flow is shows in its state, so configuration may change while flows are under way.

const (
	fieldAddress = "recovery_address"
	fieldSelect  = "recovery_select_address"
	fieldConfirm = "recovery_confirm_address"
	fieldScreen  = "screen"
)

// choosing reports whether the flow lets the person choose.
func choosing(f *selfservice.Flow) bool {
	return strings.HasPrefix(f.State, "recovery_")
}

func addressNodes(f *selfservice.Flow) []*ui.Node {
	f.State = ui.StateAwaitingAddress
	return []*ui.Node{
		ui.Input(ui.GroupCode, fieldAddress, ui.KindText, ui.WithRequired(), ui.WithAutocomplete("username"), ui.WithLabel(ui.LabelRecoveryAddress())),
		ui.Submit(ui.GroupCode, fieldMethod, id, ui.LabelContinue()),
	}
}

// choice is what a flow remembers of the address that was typed first.
type choice struct {
	Address string `json:"address"`
}

func (m *Method) recoverChosen(ctx context.Context, f *selfservice.Flow, in *selfservice.Submission) (*selfservice.Recovered, error) {
	if in.String(fieldScreen) == "previous" {
		f.Internal.Code = nil
		f.Keep()
		f.Form.Add(addressNodes(f)...)
		return nil, selfservice.ErrShowAgain
	}
	var err error
	switch f.State {
	case ui.StateAwaitingAddress:
		err = m.offer(ctx, f, in)
	case ui.StateAwaitingAddressChoice:
		err = m.chose(ctx, f, in)
	case ui.StateConfirmingAddress:
		err = m.confirm(ctx, f, in, fieldConfirm)
	case ui.StateAwaitingCode:
		if in.String(fieldCode) != "" || in.String(fieldConfirm) == "" {
			return m.takeRecovery(ctx, f, in)
		}
		err = m.confirm(ctx, f, in, fieldConfirm)
	default:
		return nil, ui.Reject(ui.StateFailure(f.Kind))
	}
	if err != nil {
		return nil, err
	}
	return nil, selfservice.ErrShowAgain
}

// offer shows the addresses of the account, masked, where it has several; else it sends the code.
func (m *Method) offer(ctx context.Context, f *selfservice.Flow, in *selfservice.Submission) error {
	via, value, err := selfservice.TypedAddress(in, fieldAddress, m.SMS)
	if err != nil {
		return err
	}
	addresses, err := m.addresses(ctx, via, value)
	if err != nil {
		return err
	}
	if len(addresses) <= 1 {
		return m.confirm(ctx, f, in, fieldAddress)
	}
	if err := f.Remember(id, choice{Address: value}); err != nil {
		return err
	}
	f.Keep()
	f.State = ui.StateAwaitingAddressChoice
	f.Form.Message(ui.AskWhichAddress())
	for _, a := range addresses {
		f.Form.Add(ui.Submit(ui.GroupCode, fieldSelect, m.handle(f, a.Value), ui.Label(mask(a.Value), fieldSelect)))
	}
	f.Form.Add(ui.Hidden(ui.GroupCode, fieldMethod, id), ui.Hidden(ui.GroupCode, fieldAddress, value))
	return nil
}

// addresses are those of the account that has the address, in their order; those to which nothing can be sent stay out.
func (m *Method) addresses(ctx context.Context, via, value string) ([]identity.RecoveryAddress, error) {
	who, err := m.Identities.ByAddress(ctx, identity.Recover, via, value)
	if errors.Is(err, identity.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	list := slices.DeleteFunc(slices.Clone(who.RecoveryAddresses), func(a identity.RecoveryAddress) bool {
		return a.Via == identity.ViaSMS && !m.SMS
	})
	slices.SortFunc(list, func(a, b identity.RecoveryAddress) int { return strings.Compare(a.Value, b.Value) })
	return list, nil
}

// handle stands for an address in the form. It is keyed: a plain digest of an address is found out by trying addresses.
func (m *Method) handle(f *selfservice.Flow, address string) string {
	return base64.RawURLEncoding.EncodeToString(m.Ring.MAC([]byte("recovery address\x00" + f.ID + "\x00" + address)))
}

// chose sends the code where the chosen address is the one that was typed; else it asks for the chosen one in full.
func (m *Method) chose(ctx context.Context, f *selfservice.Flow, in *selfservice.Submission) error {
	selected := in.String(fieldSelect)
	if selected == "" {
		return ui.RejectField(fieldSelect, ui.Required(fieldSelect))
	}
	var first choice
	if !f.Recall(id, &first) {
		return ui.Reject(ui.StateFailure(f.Kind))
	}
	is := func(address string) bool {
		return subtle.ConstantTimeCompare([]byte(m.handle(f, address)), []byte(selected)) == 1
	}
	if is(first.Address) {
		in.Values[fieldConfirm] = first.Address
		return m.confirm(ctx, f, in, fieldConfirm)
	}
	via := identity.ViaEmail
	if !strings.Contains(first.Address, "@") {
		via = identity.ViaSMS
	}
	all, err := m.addresses(ctx, via, first.Address)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(a identity.RecoveryAddress) bool { return is(a.Value) })
	if i < 0 {
		return ui.Reject(ui.StateFailure(f.Kind))
	}
	askInFull(f, all[i].Via)
	return nil
}

// askInFull asks for the chosen address, of which only a part was shown.
func askInFull(f *selfservice.Flow, via string) {
	kind, label, complete := ui.KindEmail, ui.LabelEmail(), "email"
	if via == identity.ViaSMS {
		kind, label, complete = ui.KindTel, ui.LabelPhone(), "tel"
	}
	f.Keep()
	f.State = ui.StateConfirmingAddress
	f.Form.Message(ui.AskFullAddress())
	f.Form.Add(
		ui.Input(ui.GroupCode, fieldConfirm, kind, ui.WithRequired(), ui.WithAutocomplete(complete), ui.WithLabel(label)),
		ui.Submit(ui.GroupCode, fieldMethod, id, ui.LabelContinue()),
		ui.Hidden(ui.GroupCode, fieldMethod, id), back(),
	)
}

// confirm sends the code to an address that was typed in full.
func (m *Method) confirm(ctx context.Context, f *selfservice.Flow, in *selfservice.Submission, field string) error {
	to, err := m.To(ctx, f, in, field, identity.Recover)
	if err != nil {
		return err
	}
	m.sendRecovery(f, to)
	ask(f, ui.Submit(ui.GroupCode, fieldConfirm, to.Value, ui.ResendCode()), ui.RecoverySentTo(mask(to.Value)))
	f.State = ui.StateAwaitingCode
	f.Form.Add(back())
	return nil
}

func back() *ui.Node {
	return ui.Submit(ui.GroupCode, fieldScreen, "previous", ui.RecoveryBack())
}

// mask shows so much of an address that its owner knows it: the first two letters and the host of an e-mail address, the ends
// of a telephone number.
func mask(address string) string {
	const stars = "****"
	if local, host, ok := strings.Cut(address, "@"); ok {
		runes := []rune(local)
		return string(runes[:max(0, min(2, len(runes)-1))]) + stars + "@" + host
	}
	if len(address) < 8 {
		return stars
	}
	return address[:3] + stars + address[len(address)-2:]
}
