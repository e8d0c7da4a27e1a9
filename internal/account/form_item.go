package account

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	template "github.com/DataDog/datadog-agent/pkg/template/html"

	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// item makes what is shown of one node. main says that it belongs to the first way to go on: only then a browser may insist on it.
func (b *formBuilder) item(n *ui.Node, main bool) item {
	a := n.Attributes
	it := item{ID: b.id(), Name: a.Name, Type: a.Type, Value: value(a.Value), Disabled: a.Disabled}
	if n.Meta.Label != nil {
		it.Label = b.text(*n.Meta.Label)
	}
	b.describe(&it, n)
	switch n.Type {
	case ui.TypeInput:
		b.input(&it, n, main)
	case ui.TypeText:
		it.As = "text"
		if a.Text != nil {
			it.Value = b.text(*a.Text)
		}
	case ui.TypeImage:
		it.As, it.Picture, it.Width, it.Height = "image", picture(a.Src), a.Width, a.Height
	case ui.TypeAnchor:
		it.As, it.Href = "link", a.Href
		if a.Title != nil {
			it.Label = b.text(*a.Title)
		}
	case ui.TypeScript:
		it.As, it.ID, it.Src, it.Async, it.Integrity = "script", a.ID, a.Src, a.Async, a.Integrity
		it.CrossOrigin, it.ReferrerPolicy, it.Type = a.CrossOrigin, a.ReferrerPolicy, a.Type
	default:
		it.As, it.ID, it.Class = "div", a.ID, a.Class
		for name, v := range a.Data {
			it.Data = append(it.Data, hidden{name, v})
		}
		slices.SortFunc(it.Data, func(x, y hidden) int { return strings.Compare(x.Name, y.Name) })
	}
	return it
}

// describe puts the messages of a node below it.
func (b *formBuilder) describe(it *item, n *ui.Node) {
	var ids []string
	for i, t := range n.Messages {
		said := b.note(t)
		said.ID = it.ID + "-" + strconv.Itoa(i+1)
		it.Notes = append(it.Notes, said)
		it.Invalid = it.Invalid || t.Type == ui.Error
		ids = append(ids, said.ID)
	}
	it.DescribedBy = strings.Join(ids, " ")
}

// input fills in what belongs to an input.
func (b *formBuilder) input(it *item, n *ui.Node, main bool) {
	a := n.Attributes
	it.Autocomplete, it.Pattern, it.MaxLength = a.Autocomplete, a.Pattern, a.MaxLength
	it.Trigger, it.OnLoad = a.OnClickTrigger, a.OnLoadTrigger
	it.Required = a.Required && main
	it.As = "field"
	switch {
	case a.Type == ui.KindSubmit, a.Type == ui.KindButton:
		it.As = "button"
		return
	case a.Type == ui.KindCheckbox:
		it.As, it.Checked = "check", it.Value == "true"
	case len(a.Options) > 0:
		it.As = "select"
		for _, c := range a.Options {
			v := value(c.Value)
			it.Options = append(it.Options, option{v, v == it.Value})
		}
	case a.Type == ui.KindPassword:
		it.Value = "" // never sent back
		if b.kind == string(ui.Settings) {
			it.Label = b.say("settings.new_password")
		}
		it.Show, it.Hide = b.say("password.show"), b.say("password.hide")
		it.ShowLabel, it.HideLabel = b.say("password.show.label"), b.say("password.hide.label")
	case a.Name == "code" || a.Name == "totp_code" || a.Autocomplete == "one-time-code":
		it.Class, it.InputMode = "code", "numeric"
		if it.Autocomplete == "" {
			it.Autocomplete = "one-time-code"
		}
	case a.Type == ui.KindEmail, a.Type == ui.KindTel, a.Type == ui.KindURL:
		it.InputMode = a.Type
	}
	if it.Label == "" {
		it.Label = a.Name
	}
	if !a.Required && it.As == "field" && strings.HasPrefix(a.Name, "traits.") && b.kind == string(ui.Registration) {
		it.Optional = b.say("form.optional")
	}
	it.Focus = b.focus(it)
}

// focus says whether the cursor stands in a field when the page opens: in the first that is wrong, or in the field for a code.
// Elsewhere it would only make a phone's keyboard hide the page.
func (b *formBuilder) focus(it *item) bool {
	wanted := it.Class == "code" && b.kind != string(ui.Settings)
	if b.wrong {
		wanted = it.Invalid
	}
	if b.focused || it.Disabled || !wanted {
		return false
	}
	b.focused = true
	return true
}

// picture gives the address of a picture. One that is in the address itself, as a code to scan is, the templates would refuse: they
// do not know that nothing runs in a picture.
func picture(src string) template.URL {
	kind, _, ok := strings.Cut(strings.TrimPrefix(src, "data:image/"), ";base64,")
	if strings.HasPrefix(src, "data:image/") && ok && strings.Trim(kind, "abcdefghijklmnopqrstuvwxyz+") == "" || strings.HasPrefix(src, "https://") {
		return template.URL(src) // a picture, see above
	}
	return ""
}

// value writes a value as a form sends it.
func value(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}
