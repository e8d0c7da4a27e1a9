package selfservice

import (
	"context"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/limit"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// What the methods share that send codes and links.

// CodeLength is how many digits a one-time code has.
const CodeLength = 6

// maxAddress bounds what is taken for an address, in bytes: more than any address has.
const maxAddress = 1024

// CodeNode is the field for the code of a kind of flow.
func CodeNode(k Kind, options ...ui.Option) *ui.Node {
	return ui.Input(ui.GroupCode, fieldCode, ui.KindText, append([]ui.Option{
		ui.WithRequired(), ui.WithPattern("[0-9]+"), ui.WithMaxLength(CodeLength), ui.WithAutocomplete("one-time-code"),
		ui.WithLabel(ui.LabelCode(k)),
	}, options...)...)
}

// Keep takes every node out of the form but the csrf_token and those that keep names.
func (f *Flow) Keep(keep ...string) {
	f.Form.Messages = nil
	f.Form.Nodes = slices.DeleteFunc(f.Form.Nodes, func(n *ui.Node) bool {
		return n.Key() != csrfField && !slices.Contains(keep, n.Key())
	})
}

// TypedAddress reads what somebody typed as an address: an e-mail address where it has an @, else a telephone number, where
// text messages can be sent. *ui.Invalid says for the field that it is none, or is missing.
func TypedAddress(in *Submission, field string, sms bool) (via, value string, err error) {
	typed := strings.TrimSpace(in.String(field))
	if typed == "" {
		return "", "", ui.RejectField(field, ui.Required(field))
	}
	if len(typed) > maxAddress {
		return "", "", ui.RejectField(field, ui.MaxLength(maxAddress, len(typed)))
	}
	via = identity.ViaEmail
	if sms && !strings.Contains(typed, "@") {
		via = identity.ViaSMS
	}
	value, ok := identity.NormalizeAddress(via, typed)
	switch {
	case ok:
		return via, value, nil
	case via == identity.ViaSMS:
		return "", "", ui.RejectField(field, ui.PhoneInvalid(typed))
	}
	return "", "", ui.RejectField(field, ui.EmailInvalid(typed))
}

// MaySend counts a message to somebody's address, which was typed into the flow: nobody's mailbox is filled, whoever asks, and
// an address that nobody has is counted alike. From here on the time of the answer tells nothing.
func (f *Flow) MaySend(ctx context.Context, l *limit.Limits, in *Submission, to string) error {
	f.OnBeat()
	return l.Allow(ctx, string(f.Kind), in.recipient(to))
}
