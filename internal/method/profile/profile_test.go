package profile_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/method/profile"
	"github.com/gatehouse-iam/gatehouse/internal/selfservice"
	"github.com/gatehouse-iam/gatehouse/internal/session"
)

const person = `{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "properties": {"traits": {"type": "object",
 "properties": {
  "email": {"type": "string", "format": "email", "title": "E-Mail", "ory.sh/kratos": {
   "credentials": {"password": {"identifier": true}}, "verification": {"via": "email"}, "recovery": {"via": "email"}}},
  "name": {"type": "object", "properties": {"first": {"type": "string", "title": "First name"}, "last": {"type": "string"}}},
  "age": {"type": "integer"},
  "news": {"type": "boolean"},
  "plan": {"type": "string", "disableFormField": true},
  "tags": {"type": "array", "items": {"type": "string"}}
 }, "required": ["email"]}}}`

func schemas(t *testing.T) *identity.Schemas {
	t.Helper()
	s, err := identity.NewSchemas(t.Context(), identity.Config{DefaultSchemaID: "person", Schemas: []identity.SchemaConfig{
		{ID: "person", URL: "base64://" + base64.StdEncoding.EncodeToString([]byte(person))},
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const ada = `{"email":"ada@example.com","name":{"first":"Ada","last":"Lovelace"},"age":36,"news":true,"plan":"gold","tags":["a","b"]}`

// submission is what somebody with the traits sends.
func submission(t *testing.T, s *identity.Schemas, form bool, old, sent string) *selfservice.Submission {
	t.Helper()
	in := &selfservice.Submission{Method: "profile", Form: form, Session: &session.Session{
		Identity: &identity.Identity{SchemaID: "person", Traits: json.RawMessage(old)},
	}}
	d := json.NewDecoder(strings.NewReader(sent))
	d.UseNumber()
	if err := d.Decode(&in.Values); err != nil {
		t.Fatal(err)
	}
	schema, err := s.Get(t.Context(), "person")
	if err != nil {
		t.Fatal(err)
	}
	in.Coerce(schema)
	return in
}

func TestSettings(t *testing.T) {
	s := schemas(t)
	m := &profile.Method{Schemas: s}
	for _, tc := range []struct {
		name, sent, want string
		form, privileged bool
	}{
		{
			name: "a script sends everything",
			sent: `{"traits":{"email":"ada@example.com","age":12345678901234567890,"plan":"gold"}}`,
			want: `{"email":"ada@example.com","age":12345678901234567890,"plan":"gold"}`,
		},
		{
			name: "a script cannot change what is taken out of forms",
			sent: `{"traits":{"email":"ada@example.com","plan":"platinum"}}`,
			want: `{"email":"ada@example.com","plan":"gold"}`,
		},
		{
			name: "a script leaves out what is taken out of forms",
			sent: `{"traits":{"email":"ada@example.com"}}`,
			want: `{"email":"ada@example.com","plan":"gold"}`,
		},
		{
			name: "a form sends its fields, and what it cannot show stays",
			form: true,
			sent: `{"traits":{"email":"ada@example.com","name":{"first":"Augusta","last":"King"},"age":"37","news":"false"}}`,
			want: `{"email":"ada@example.com","name":{"first":"Augusta","last":"King"},"age":37,"news":false,"plan":"gold","tags":["a","b"]}`,
		},
		{
			name: "a field of a form that was emptied goes",
			form: true,
			sent: `{"traits":{"email":"ada@example.com","name":{"first":"","last":"King"},"age":"","news":"true"}}`,
			want: `{"email":"ada@example.com","name":{"last":"King"},"news":true,"plan":"gold","tags":["a","b"]}`,
		},
		{
			name: "a group of fields that was emptied goes",
			form: true,
			sent: `{"traits":{"email":"ada@example.com","name":{"first":"","last":""}}}`,
			want: `{"email":"ada@example.com","plan":"gold","tags":["a","b"]}`,
		},
		{
			name: "another address", privileged: true,
			sent: `{"traits":{"email":"augusta@example.com","plan":"gold"}}`,
			want: `{"email":"augusta@example.com","plan":"gold"}`,
		},
		{
			name: "the same address in other letters",
			sent: `{"traits":{"email":" ADA@example.com"}}`,
			want: `{"email":" ADA@example.com","plan":"gold"}`,
		},
		{
			name: "no address", privileged: true, form: true,
			sent: `{"traits":{"email":"","name":{"first":"Ada","last":""}}}`,
			want: `{"name":{"first":"Ada"},"plan":"gold","tags":["a","b"]}`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in := submission(t, s, tc.form, ada, tc.sent)
			if got := m.Privileged(t.Context(), in); got != tc.privileged {
				t.Errorf("privileged: %v", got)
			}
			who := &identity.Identity{SchemaID: "person", Traits: json.RawMessage(ada)}
			for range 2 { // the core may ask again, when somebody else was faster
				if err := m.Settings(t.Context(), &selfservice.Flow{}, in, who); err != nil {
					t.Fatal(err)
				}
			}
			var got, want any
			if err := errors.Join(json.Unmarshal(who.Traits, &got), json.Unmarshal([]byte(tc.want), &want)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSettingsOfNothing(t *testing.T) {
	s := schemas(t)
	m := &profile.Method{Schemas: s}
	for name, sent := range map[string]string{"no traits": `{}`, "no object": `{"traits":"x"}`, "null": `{"traits":null}`} {
		in := submission(t, s, false, ada, sent)
		err := m.Settings(t.Context(), &selfservice.Flow{}, in, &identity.Identity{SchemaID: "person", Traits: json.RawMessage(ada)})
		if fault.From(err).Kind != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
		if !m.Privileged(t.Context(), in) {
			t.Errorf("%s needs no fresh proof", name)
		}
	}
	if !m.Privileged(t.Context(), &selfservice.Submission{}) {
		t.Error("somebody who is not signed in needs no fresh proof")
	}
}

func TestSettingsNodes(t *testing.T) {
	m := &profile.Method{Schemas: schemas(t)}
	who := &identity.Identity{SchemaID: "person", Traits: json.RawMessage(`{"email":"ada@example.com","name":{"first":"Ada"},"news":true,"plan":"gold","age":36}`)}
	nodes, err := m.SettingsNodes(t.Context(), &selfservice.Flow{}, who)
	if err != nil {
		t.Fatal(err)
	}
	type shown struct {
		Name, Kind string
		Value      any
		Disabled   bool
		Label      string
	}
	var got []shown
	for _, n := range nodes {
		if n.Group != "profile" {
			t.Errorf("%s is in group %s", n.Key(), n.Group)
		}
		one := shown{Name: n.Key(), Kind: n.Attributes.Type, Value: n.Attributes.Value, Disabled: n.Attributes.Disabled}
		if n.Meta.Label != nil {
			one.Label = n.Meta.Label.Text
		}
		got = append(got, one)
	}
	want := []shown{
		{"traits.email", "email", "ada@example.com", false, "E-Mail"},
		{"traits.name.first", "text", "Ada", false, "First name"},
		{"traits.name.last", "text", nil, false, got[2].Label},
		{"traits.age", "number", json.Number("36"), false, got[3].Label},
		{"traits.news", "checkbox", true, false, got[4].Label},
		{"traits.plan", "text", "gold", true, got[5].Label},
		{"method", "submit", "profile", false, "Save"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
