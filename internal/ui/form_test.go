package ui_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

func keys(f ui.Form) string {
	var k []string
	for _, n := range f.Nodes {
		k = append(k, n.Group+":"+n.Key())
	}
	return strings.Join(k, " ")
}

func TestSortPutsNodesWhereClientsLookForThem(t *testing.T) {
	submit := func(group, name, value string) *ui.Node { return ui.Submit(group, name, value, ui.LabelSubmit()) }
	field := func(group, name string) *ui.Node { return ui.Input(group, name, ui.KindText) }
	for _, c := range []struct {
		name  string
		kind  ui.Kind
		nodes []*ui.Node
		want  string
	}{
		{"login", ui.Login, []*ui.Node{
			submit("password", "method", "password"), field("password", "password"), submit("code", "method", "code"),
			submit("oidc", "provider", "google"), field("default", "identifier"), submit("oidc", "provider", "github"),
			ui.Hidden("default", "csrf_token", "x"),
		}, "oidc:provider oidc:provider default:csrf_token default:identifier code:method password:password password:method"},
		{"login, the identifier first", ui.Login, []*ui.Node{
			ui.Hidden("default", "csrf_token", "x"), submit("identifier_first", "method", "identifier_first"),
			field("identifier_first", "identifier"),
		}, "identifier_first:identifier identifier_first:method default:csrf_token"},
		{"registration", ui.Registration, []*ui.Node{
			submit("profile", "method", "profile"), ui.Hidden("default", "csrf_token", "x"), field("default", "traits.name.last"),
			field("default", "traits.name.first"), field("default", "traits.email"), field("default", "traits.nickname"),
			field("password", "password"), submit("password", "method", "password"),
		}, "default:traits.email default:traits.name.first default:traits.name.last default:traits.nickname default:csrf_token " +
			"password:password password:method profile:method"},
		{"settings", ui.Settings, []*ui.Node{
			field("totp", "totp_code"), submit("totp", "method", "totp"), ui.Image("totp", "totp_qr", "data:", 1, 1),
			submit("password", "method", "password"), field("password", "password"), submit("profile", "method", "profile"),
			field("profile", "traits.email"), ui.Hidden("default", "csrf_token", "x"),
			ui.TextNode("totp", "totp_secret_key", ui.TOTPSecret("x")), submit("webauthn", "webauthn_remove", "2"),
			field("webauthn", "webauthn_register_displayname"), field("webauthn", "webauthn_register"),
		}, "default:csrf_token profile:traits.email profile:method password:password password:method webauthn:webauthn_remove " +
			"webauthn:webauthn_register_displayname webauthn:webauthn_register totp:totp_qr totp:totp_secret_key totp:totp_code " +
			"totp:method"},
		{"recovery", ui.Recovery, []*ui.Node{
			submit("code", "method", "code"), field("code", "email"), ui.Hidden("default", "csrf_token", "x"),
		}, "default:csrf_token code:email code:method"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := ui.NewForm("")
			f.Add(c.nodes...)
			f.Sort(ui.OrderOf(c.kind, "traits.email", "traits.name.first", "traits.name.last"))
			if got := keys(f); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			f.Sort(ui.OrderOf(c.kind, "traits.email", "traits.name.first", "traits.name.last"))
			if got := keys(f); got != c.want {
				t.Errorf("sorted twice: %s", got)
			}
		})
	}
}

func TestSortOrdersProvidersByName(t *testing.T) {
	f := ui.NewForm("")
	f.Add(ui.Submit("oidc", "provider", "google", ui.SignIn()), ui.Submit("oidc", "provider", "github", ui.SignIn()))
	f.Sort(ui.OrderOf(ui.Login))
	if f.Nodes[0].Attributes.Value != "github" {
		t.Errorf("the first provider is %v", f.Nodes[0].Attributes.Value)
	}
}

func TestSortKnowsNamesThatBeginAlike(t *testing.T) {
	f := ui.NewForm("")
	for _, name := range []string{"traits.name_of_pet.first", "traits.shoe", "traits.name.first", "traits.name"} {
		f.Add(ui.Input("default", name, ui.KindText))
	}
	f.Sort(ui.Order{Names: []string{"traits.name", "traits.shoe", "traits.name_of_pet"}})
	if got := keys(f); got != "default:traits.name.first default:traits.name default:traits.shoe default:traits.name_of_pet.first" {
		t.Errorf("got %s", got)
	}
}

func TestMessagesGoWhereTheyAreSeen(t *testing.T) {
	f := ui.NewForm("")
	f.Add(ui.Input("default", "traits.email", ui.KindEmail), ui.Hidden("default", "identifier", "mary"))
	if f.Failed() {
		t.Error("an empty form failed")
	}
	f.FieldMessage("traits.email", ui.Label("info", "x"))
	if f.Failed() {
		t.Error("a form failed by an information")
	}
	invalid := ui.RejectField("traits.email", ui.EmailInvalid("x"))
	invalid.Add("traits.email", ui.EmailInvalid("x"))
	invalid.Add("identifier", ui.Required("identifier"))
	invalid.Add("nowhere", ui.Required("nowhere"))
	invalid.Add("", ui.Duplicate())
	f.Fail(invalid)
	if got := len(f.Node("traits.email").Messages); got != 2 {
		t.Errorf("the field says %d things, want 2: the same is not said twice", got)
	}
	if got := len(f.Node("identifier").Messages); got != 0 {
		t.Errorf("a field that nobody sees says %d things", got)
	}
	var said []int
	for _, m := range f.Messages {
		said = append(said, m.ID)
	}
	if diff := cmp.Diff([]int{4000002, 4000002, 4000007}, said); diff != "" {
		t.Errorf("the form says (-want +got):\n%s", diff)
	}
	if !f.Failed() {
		t.Error("a form with errors did not fail")
	}
	f.Messages = nil
	if !f.Failed() {
		t.Error("a form with an error in a field did not fail")
	}
	f.Clear()
	if f.Failed() || f.Node("traits.email").Messages != nil {
		t.Error("a cleared form still speaks")
	}
}

func TestValuesThatAreNeverSentBack(t *testing.T) {
	f := ui.NewForm("")
	f.Add(
		ui.Input("password", "password", ui.KindPassword), ui.Submit("password", "method", "password", ui.SignIn()),
		ui.Submit("code", "method", "code", ui.SignIn()), ui.Input("default", "identifier", ui.KindText),
	)
	for name, known := range map[string]bool{"password": true, "method": true, "identifier": true, "traits.email": false} {
		if got := f.SetValue(name, "typed"); got != known {
			t.Errorf("SetValue(%s) = %v", name, got)
		}
	}
	want := []any{nil, "password", "code", "typed"}
	for i, n := range f.Nodes {
		if n.Attributes.Value != want[i] {
			t.Errorf("%s holds %v, want %v", n.Key(), n.Attributes.Value, want[i])
		}
	}
	f.Nodes[0].Attributes.Value = "secret"
	f.Clear()
	if f.Nodes[0].Attributes.Value != nil || f.Nodes[3].Attributes.Value != "typed" {
		t.Error("clearing must take the password and leave the rest")
	}
}

func TestNodesAreReplacedAndRemoved(t *testing.T) {
	f := ui.NewForm("")
	f.Upsert(ui.Hidden("default", "csrf_token", "1"))
	f.Upsert(ui.Submit("password", "method", "password", ui.SignIn()))
	f.Upsert(ui.Submit("code", "method", "code", ui.SignIn()))
	f.Upsert(ui.Hidden("default", "csrf_token", "2"))
	if got := keys(f); got != "default:csrf_token password:method code:method" {
		t.Errorf("got %s", got)
	}
	if got := f.Node("csrf_token").Attributes.Value; got != "2" {
		t.Errorf("the node was not replaced: %v", got)
	}
	f.Remove("code", "totp")
	f.RemoveNodes("csrf_token")
	if got := keys(f); got != "password:method" {
		t.Errorf("got %s", got)
	}
	if f.Node("csrf_token") != nil {
		t.Error("a removed node is found")
	}
}

func TestInvalidSaysEverything(t *testing.T) {
	e := ui.Reject(ui.Duplicate())
	e.Add("traits.email", ui.Required("email"))
	want := "An account with the same identifier (email, phone, username, ...) exists already.; traits.email: Property email is missing."
	if e.Error() != want {
		t.Errorf("got %s", e.Error())
	}
}
