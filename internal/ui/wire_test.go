package ui_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// wire.schema.json holds the schemas of the flows from the API description that the SDKs are made from: without the prose, and
// with every object closed, so that a key which clients do not know fails too.
func wire(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	schema, err := c.Compile("testdata/wire.schema.json#/$defs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// fullForm has every type of node, bare and with everything it can have.
func fullForm() ui.Form {
	f := ui.NewForm("https://example.org/self-service/login?flow=8a1f7c1e-4d5b-4a39-9d53-2d6c5b0f9a10")
	label := ui.LabelPassword()
	input := ui.Input(ui.GroupPassword, "password", ui.KindPassword,
		ui.WithRequired(), ui.WithDisabled(), ui.WithAutocomplete("current-password"), ui.WithPattern("^.+$"), ui.WithMaxLength(64),
		ui.WithLabel(label), ui.WithClickTrigger("oryPasskeyLogin"), ui.WithLoadTrigger("oryPasskeyLoginAutocompleteInit"),
		ui.WithValue("x"), ui.WithChoices("a", 1, nil))
	input.Attributes.Label = &label
	input.Attributes.OnClick, input.Attributes.OnLoad = "window.a()", "window.b()"
	f.Add(
		ui.CSRF("abc"),
		ui.Input(ui.GroupDefault, "identifier", ui.KindText, ui.WithValue("")),
		ui.Input(ui.GroupProfile, "traits.adult", ui.KindCheckbox, ui.WithValue(false)),
		input,
		ui.Submit(ui.GroupPassword, "method", "password", ui.SignInPassword()),
		ui.Button(ui.GroupPasskey, "passkey_login_trigger", "", ui.SignInPasskey()),
		ui.Anchor(ui.GroupDefault, "recover", "https://example.org/recover", ui.AskWhichAddress()),
		ui.TextNode(ui.GroupTOTP, "totp_secret_key", ui.TOTPSecret("JBSWY3DPEHPK3PXP"), ui.WithLabel(ui.LabelTOTPSecret())),
		ui.Image(ui.GroupTOTP, "totp_qr", "data:image/png;base64,AAAA", 256, 256, ui.WithLabel(ui.TOTPQRCode())),
		ui.Script(ui.GroupWebAuthn, "webauthn_script", "https://example.org/webauthn.js", "sha512-AAAA", "n"),
		ui.Div(ui.GroupCaptcha, "captcha", "", nil),
		ui.Div(ui.GroupCaptcha, "captcha2", "cf", map[string]string{"sitekey": "1"}),
	)
	f.Message(ui.InvalidCredentials())
	f.FieldMessage("password", ui.PasswordTooShort(8, 3))
	return f
}

func flows() []*ui.Flow {
	when := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	organization := "3c9d8e70-0000-4000-8000-000000000001"
	var all []*ui.Flow
	for _, k := range []ui.Kind{ui.Login, ui.Registration, ui.Settings, ui.Recovery, ui.Verification} {
		bare := &ui.Flow{
			Kind: k, ID: "8a1f7c1e-4d5b-4a39-9d53-2d6c5b0f9a10", Type: ui.TypeBrowser, ExpiresAt: when.Add(time.Hour), IssuedAt: when,
			RequestURL: "https://example.org/self-service/" + string(k) + "/browser", State: ui.StateChooseMethod,
			RequestedAAL: "aal1", Identity: map[string]any{"id": "x"}, CreatedAt: when, UpdatedAt: when,
		}
		full := *bare
		full.Type, full.Active, full.ReturnTo, full.UI = ui.TypeAPI, "password", "https://example.org/", fullForm()
		full.Refresh, full.SessionTokenExchangeCode, full.IdentitySchema = true, "code", "default"
		full.OAuth2LoginChallenge, full.OAuth2LoginRequest = "challenge", map[string]any{"challenge": "challenge"}
		full.TransientPayload, full.OrganizationID = json.RawMessage(`{"a":1}`), &organization
		full.ContinueWith = []ui.ContinueWith{
			ui.SetSessionToken("gh_st_x"), ui.ShowVerification(bare.ID, "mary@example.org", ""), ui.ShowSettings(bare.ID, ""),
			ui.ShowRecovery(bare.ID, "https://example.org/account/recovery"), ui.RedirectBrowser("https://example.org/"),
		}
		all = append(all, bare, &full)
	}
	return all
}

func TestFlowsAreWhatClientsExpect(t *testing.T) {
	for _, f := range flows() {
		doc, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
		if err != nil {
			t.Fatal(err)
		}
		if err := wire(t, string(f.Kind)+"Flow").Validate(value); err != nil {
			t.Errorf("%s: %v\n%s", f.Kind, err, doc)
		}
	}
}

func TestFlowsReadAsTheyShould(t *testing.T) {
	var b bytes.Buffer
	for i, f := range flows() {
		if i > 1 {
			f.UI.Nodes = nil // the nodes are the same in each
		}
		doc, err := json.MarshalIndent(f, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString(string(f.Kind) + "\n")
		b.Write(doc)
		b.WriteByte('\n')
	}
	golden(t, "flows.golden", b.Bytes())
}

// Keys that clients compare with null, false and [] instead of asking whether they are there.
func TestKeysThatAreAlwaysThere(t *testing.T) {
	always := map[ui.Kind][]string{
		ui.Login:        {"refresh", "requested_aal", "created_at", "updated_at", "organization_id"},
		ui.Registration: {"organization_id"}, ui.Settings: {"identity", "organization_id"}, ui.Recovery: nil, ui.Verification: nil,
	}
	for i, f := range flows() {
		if i%2 == 1 {
			continue
		}
		doc, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		var keys map[string]any
		if err := json.Unmarshal(doc, &keys); err != nil {
			t.Fatal(err)
		}
		want := append([]string{"id", "type", "expires_at", "issued_at", "request_url", "ui", "state"}, always[f.Kind]...)
		for _, k := range want {
			if _, there := keys[k]; !there {
				t.Errorf("%s lacks %s", f.Kind, k)
			}
		}
		if len(keys) != len(want) {
			t.Errorf("a new %s flow has %d keys, want %v: %s", f.Kind, len(keys), want, doc)
		}
		if nodes, ok := keys["ui"].(map[string]any)["nodes"].([]any); !ok || len(nodes) != 0 {
			t.Errorf("a form without nodes has %v", keys["ui"])
		}
	}
}

func TestFormComesBackFromItsDocument(t *testing.T) {
	want := fullForm()
	doc, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got ui.Form
	if err := json.Unmarshal(doc, &got); err != nil {
		t.Fatal(err)
	}
	numbers := cmp.Comparer(func(a, b any) bool { return reflect.DeepEqual(plain(a), plain(b)) })
	if diff := cmp.Diff(want, got, cmp.FilterValues(func(a, b any) bool { return number(a) && number(b) }, numbers)); diff != "" {
		t.Errorf("the form changed on its way (-sent +read):\n%s", diff)
	}
}

func number(v any) bool {
	switch v.(type) {
	case int, float64:
		return true
	}
	return false
}

func plain(v any) any {
	if n, ok := v.(int); ok {
		return float64(n)
	}
	return v
}

func TestDocumentsThatCannotBe(t *testing.T) {
	for _, doc := range []string{
		`{"nodes":[{"type":"input","group":"default"}]}`,
		`{"nodes":[{"type":"input","attributes":{"name":"x"}}]}`,
		`{"nodes":[{"type":"input","attributes":{"node_type":"form"}}]}`,
		`{"nodes":[{"type":"input","attributes":{"node_type":"input","name":1}}]}`,
		`{"nodes":[{"type":"input","attributes":[]}]}`,
		`{"nodes":[null]}`,
	} {
		if err := json.Unmarshal([]byte(doc), new(ui.Form)); err == nil {
			t.Errorf("%s was read", doc)
		}
	}
	for _, v := range []any{
		ui.Flow{}, ui.Node{}, ui.Attributes{}, ui.Form{Nodes: []*ui.Node{{Attributes: &ui.Attributes{NodeType: "form"}}}},
	} {
		if doc, err := json.Marshal(v); err == nil {
			t.Errorf("%#v was written as %s", v, doc)
		}
	}
}

// What was written once is written the same after it was read: forms are kept in the database between two requests.
func FuzzFormJSON(f *testing.F) {
	doc, err := json.Marshal(fullForm())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(doc)
	f.Add([]byte(`{"action":"","method":"","nodes":[{"type":"a","attributes":{"node_type":"a","title":null}}]}`))
	f.Add([]byte(`{"nodes":[{"attributes":{"node_type":"input","value":{"a":[1,2.5e300,"\ud800"]},"options":[{}]}}],"messages":[]}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		var form ui.Form
		if json.Unmarshal(doc, &form) != nil {
			return
		}
		first, err := json.Marshal(form)
		if err != nil {
			t.Fatalf("%s was read and cannot be written: %v", doc, err)
		}
		var again ui.Form
		if err := json.Unmarshal(first, &again); err != nil {
			t.Fatalf("%s cannot be read again: %v", first, err)
		}
		second, err := json.Marshal(again)
		if err != nil || !bytes.Equal(first, second) {
			t.Fatalf("%s became %s, %v", first, second, err)
		}
		again.Sort(ui.OrderOf(ui.Login))
		again.Clear()
		for _, n := range again.Nodes {
			again.FieldMessage(n.Key(), ui.SignIn())
		}
	})
}
