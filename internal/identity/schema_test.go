package identity_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

func parse(t testing.TB, raw string) *identity.Schema {
	t.Helper()
	s, err := identity.ParseSchema("test", []byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// traits wraps properties of traits into a whole schema.
func traits(properties string) string {
	return `{"type":"object","properties":{"traits":{"type":"object","properties":` + properties + `}}}`
}

func TestValidate(t *testing.T) {
	phone := parse(t, phoneSchema)
	for given, want := range map[string][]string{
		`{"username":"ada"}`: nil,
		`{"username":"ada","phone":"+49 151 2345678","emails":["a@x.example"],"age":20,"plan":"paid","newsletter":true}`: nil,
		`{}`:                             {"traits.username 4000002 Property username is missing."},
		`{"username":"a"}`:               {"traits.username 4000003 length must be >= 3, but got 1"},
		`{"username":"   "}`:             {"traits.username 4000001 This cannot be an identifier: it is empty, too long, or of more than one line."},
		`{"username":"a\nda"}`:           {"traits.username 4000001 This cannot be an identifier: it is empty, too long, or of more than one line."},
		`{"username":"ada@x"}`:           {`traits.username 4000004 does not match pattern "^[^@]+$"`},
		`{"username":7}`:                 {"traits.username 4000026 expected string, but got number"},
		`{"username":"ada","phone":"1"}`: {"traits.phone 4000041 Enter a valid phone number"},
		`{"username":"ada","emails":["a@x.example","nobody"]}`: {"traits.emails.1 4000040 Enter a valid email address"},
		`{"username":"ada","emails":["a","a"]}`: {
			"traits.emails 4000025 items at index 0 and 1 are equal", "traits.emails.0 4000040 Enter a valid email address",
			"traits.emails.1 4000040 Enter a valid email address",
		},
		`{"username":"ada","emails":["a@x","b@x","c@x","d@x"]}`: {"traits.emails 4000023 maximum 3 items allowed, but found 4 items"},
		`{"username":"ada","age":17}`:                           {"traits.age 4000018 must be >= 18 but found 17"},
		`{"username":"ada","age":18.5}`:                         {"traits.age 4000026 expected integer, but got number"},
		`{"username":"ada","plan":"gold"}`:                      {`traits.plan 4000001 value must be one of "free", "paid"`},
		`{"username":"ada","other":1,"<x>":2}`: {
			"traits.<x> 4000001 This field is not allowed here.", "traits.other 4000001 This field is not allowed here.",
		},
		`[]`:                               {"traits 4000001 The traits are not an object."},
		`{"username":`:                     {"traits 4000001 The traits are not JSON."},
		"{\"username\":\"a\xffda\"}":       {"traits 4000001 The traits are not UTF-8."},
		strings.Repeat(`{"a":`, 101) + "1": {"traits 4000001 The traits are nested too deeply."},
		`{"username":"` + strings.Repeat("a", 300000) + `"}`: {"traits 4000001 The traits are too large."},
	} {
		var got []string
		if err := phone.Validate(json.RawMessage(given)); err != nil {
			invalid, ok := errors.AsType[*ui.Invalid](err)
			if !ok {
				t.Fatal(err)
			}
			for _, said := range invalid.Texts {
				got = append(got, fmt.Sprintf("%s %d %s", said.Pointer, said.Text.ID, said.Text.Text))
			}
		}
		if diff := cmp.Diff(want, sorted(got)); diff != "" {
			t.Errorf("%.80s: %s", given, diff)
		}
	}
}

func TestExtract(t *testing.T) {
	mail := `{"type":"string","ory.sh/kratos":{"credentials":{"password":{"identifier":true}},"recovery":{"via":"email"}}}`
	for name, tc := range map[string]struct {
		schema, given string
		want          []string // identifiers of passwords
	}{
		"property":          {traits(`{"a":` + mail + `}`), `{"a":" Ada@X.example "}`, []string{"ada@x.example"}},
		"nested":            {traits(`{"a":{"properties":{"b":` + mail + `}}}`), `{"a":{"b":"a@x"}}`, []string{"a@x"}},
		"list":              {traits(`{"a":{"items":` + mail + `}}`), `{"a":["a@x","b@x","A@x"]}`, []string{"a@x", "b@x"}},
		"tuple":             {traits(`{"a":{"items":[{},` + mail + `]}}`), `{"a":["a@x","b@x","c@x"]}`, []string{"b@x"}},
		"all of":            {traits(`{"a":{"allOf":[{"minLength":1},` + mail + `]}}`), `{"a":"a@x"}`, []string{"a@x"}},
		"any of, one fits":  {traits(`{"a":{"anyOf":[{"maxLength":2},` + mail + `]}}`), `{"a":"a@x"}`, []string{"a@x"}},
		"any of, not this":  {traits(`{"a":{"oneOf":[` + mail[:len(mail)-1] + `,"maxLength":2},{"minLength":3}]}}`), `{"a":"a@x"}`, nil},
		"if":                {traits(`{"a":{"if":{"minLength":3},"then":` + mail + `}}`), `{"a":"a@x"}`, []string{"a@x"}},
		"else":              {traits(`{"a":{"if":{"minLength":9},"then":{},"else":` + mail + `}}`), `{"a":"a@x"}`, []string{"a@x"}},
		"pattern":           {traits(`{"a":{"patternProperties":{"^m":` + mail + `}}}`), `{"a":{"m1":"a@x","n":"b@x"}}`, []string{"a@x"}},
		"other properties":  {traits(`{"a":{"properties":{"n":{}},"additionalProperties":` + mail + `}}`), `{"a":{"m1":"a@x","n":"b@x"}}`, []string{"a@x"}},
		"reference":         {`{"properties":{"traits":{"properties":{"a":{"$ref":"#/definitions/m"}}}},"definitions":{"m":` + mail + `}}`, `{"a":"a@x"}`, []string{"a@x"}},
		"to itself":         {`{"properties":{"traits":{"properties":{"a":` + mail + `,"c":{"$ref":"#/properties/traits"}}}}}`, `{"a":"a@x","c":{"a":"b@x","c":{"a":"c@x"}}}`, []string{"a@x", "b@x", "c@x"}},
		"prefix items":      {`{"$schema":"https://json-schema.org/draft/2020-12/schema","properties":{"traits":{"properties":{"a":{"prefixItems":[{}],"items":` + mail + `}}}}}`, `{"a":["a@x","b@x"]}`, []string{"b@x"}},
		"of another type":   {traits(`{"a":` + strings.Replace(mail, `"type":"string",`, "", 1) + `}`), `{"a":7}`, nil},
		"what is not there": {traits(`{"a":` + mail + `}`), `{}`, nil},
		"no traits":         {traits(`{"a":` + mail + `}`), `7`, nil},
	} {
		s := parse(t, tc.schema)
		got := s.Extract(json.RawMessage(tc.given)).Identifiers[identity.Password]
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	s := parse(t, traits(`{
		"email":{"type":"string","ory.sh/kratos":{"credentials":{"code":{"identifier":true},"totp":{"account_name":true},"passkey":{"display_name":true}},
			"verification":{"via":"email"},"recovery":{"via":"email"}}},
		"phone":{"type":"string","ory.sh/kratos":{"credentials":{"code":{"identifier":true,"via":"sms"}},"verification":{"via":"sms"}}}}`))
	want := identity.Extraction{
		Identifiers: map[string][]string{identity.Code: {"ada@x.example", "+491512345678"}},
		CodeVia:     map[string]string{"ada@x.example": "email", "+491512345678": "sms"},
		Verifiable:  []identity.Address{{Value: "ada@x.example", Via: "email"}, {Value: "+491512345678", Via: "sms"}},
		Recovery:    []identity.Address{{Value: "ada@x.example", Via: "email"}},
		TOTPAccount: "Ada@X.example", PasskeyName: "Ada@X.example",
	}
	if diff := cmp.Diff(want, s.Extract([]byte(`{"email":"Ada@X.example","phone":"+49 151 2345678"}`))); diff != "" {
		t.Error(diff)
	}
}

func TestFields(t *testing.T) {
	s := parse(t, `{"properties":{"traits":{"type":"object","required":["z","name"],"properties":{
		"z":{"$ref":"#/definitions/a~0b%20c"},
		"name":{"type":"object","required":["last"],"properties":{"last":{"type":"string","minLength":1},"first":{"type":["string","null"]}}},
		"spouse":{"type":"object","required":["name"],"properties":{"name":{"type":"string"}}},
		"list":{"type":"array"}, "age":{"type":"integer"}, "site":{"type":"string","format":"uri"}, "born":{"type":"string","format":"date"},
		"seen":{"type":"string","format":"date-time"}, "news":{"type":"boolean","disableFormField":true},
		"plan":{"enum":["free","paid"]}, "b/c":{"type":"string","pattern":"^x","maxLength":9}, "m":{"type":"string","format":"email"}}}},
		"definitions":{"a~b c":{"type":"string","format":"tel","title":"Phone","ory.sh/kratos":{"credentials":{"password":{"identifier":true},"code":{"identifier":true,"via":"sms"}}}}}}`)
	want := []identity.Field{
		{Name: "traits.z", Title: "Phone", Kind: "tel", Required: true, Autocomplete: "tel", Identifies: []string{"password", "code"}, CodeVia: "sms"},
		{Name: "traits.name.last", Kind: "text", Required: true, MinLength: 1},
		{Name: "traits.name.first", Kind: "text"},
		{Name: "traits.spouse.name", Kind: "text"},
		{Name: "traits.age", Kind: "number"},
		{Name: "traits.site", Kind: "url", Autocomplete: "url"},
		{Name: "traits.born", Kind: "date"},
		{Name: "traits.seen", Kind: "datetime-local"},
		{Name: "traits.news", Kind: "checkbox", Disabled: true},
		{Name: "traits.plan", Kind: "text", Choices: []any{"free", "paid"}},
		{Name: "traits.b/c", Kind: "text", Pattern: "^x", MaxLength: 9},
		{Name: "traits.m", Kind: "email", Autocomplete: "email"},
	}
	if diff := cmp.Diff(want, s.Fields()); diff != "" {
		t.Error(diff)
	}
}

// doubling are properties each of which refers to the next one twice.
func doubling(n int) string {
	var b strings.Builder
	b.WriteString(`{"p0":{"type":"string"}`)
	for i := range n {
		ref := fmt.Sprintf(`{"$ref":"#/properties/traits/properties/p%d"}`, i)
		fmt.Fprintf(&b, `,"p%d":{"anyOf":[%s,%s]}`, i+1, ref, ref)
	}
	return b.String() + "}"
}

// What may lead back to itself, but in one way, is no more work than the value is large.
func TestSchemasMayBeRecursive(t *testing.T) {
	tree := traits(`{"name":{"type":"string"},"a":{"oneOf":[{"type":"string"},{"type":"array","items":{"$ref":"#/properties/traits/properties/a"}}]},"b":{"$ref":"#/properties/traits/properties/a"}}`)
	for _, good := range []string{tree, traits(doubling(8))} {
		if _, err := identity.ParseSchema("test", []byte(good)); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
}

func TestParseSchemaRefuses(t *testing.T) {
	for given, want := range map[string]string{
		``:                               "not JSON",
		`[]`:                             "",
		`{`:                              "not JSON",
		"\xff":                           "not UTF-8",
		`{}`:                             `no object at "properties.traits"`,
		`true`:                           `no object at "properties.traits"`,
		`{"properties":{"traits":{}}}`:   `no object at "properties.traits"`,
		traits(`{"a":{"type":"strin"}}`): "/properties/traits/properties/a/type",
		traits(`{"a":{"pattern":"("}}`):  "",
		traits(doubling(30)):             "ways through the schema",
		traits(`{"a":{"anyOf":[{"properties":{"b":{"$ref":"#/properties/traits/properties/a"}}},{"properties":{"b":{"$ref":"#/properties/traits/properties/a"}}}]}}`): "leads back to one of its parts",
		traits(`{"a":{"not":{"properties":{"b":{"$ref":"#/properties/traits/properties/a"}}},"properties":{"b":{"$ref":"#/properties/traits/properties/a"}}}}`):       "leads back to one of its parts",
		traits(`{"a":{"pattern":"` + strings.Repeat("[a-z]{1000}", 21) + `"}}`):                                                                                       "the patterns of the schema have more than",
		traits(`{"a":{"pattern":"([a-z]{100}){10}"},"b":{"patternProperties":{"` + strings.Repeat("b{1,1000}", 20) + `":{}}}}`):                                       "the patterns of the schema have more than",
		traits(`{"a":{"$ref":"https://example.com/x.json"}}`):                                                                                                         "a schema may only refer to parts of itself",
		traits(`{"a":{"$ref":"file:///etc/passwd"}}`):                                                                                                                 "a schema may only refer to parts of itself",
		traits(`{"a":{"$ref":"other.json"}}`):                                                                                                                         "",
		traits(`{"a":{"$ref":"#/nowhere"}}`):                                                                                                                          "",
		traits(`{"a":{"ory.sh/kratos":{"credential":{}}}}`):                                                                                                           `unknown field "credential"`,
		traits(`{"a":{"ory.sh/kratos":{"recovery":{"via":"fax"}}}}`):                                                                                                  `recovery.via is "fax", not email or sms`,
		traits(`{"a":{"ory.sh/kratos":{"organizations":{"matcher":"x"}}}}`):                                                                                           "email_domain",
		traits(`{"a":{"ory.sh/kratos":7}}`):                                                                                                                           "ory.sh/kratos",
		strings.Repeat(`{"properties":`, 200):                                                                                                                         "levels deep",
		`{"$schema":"https://example.com/mine"}`:                                                                                                                      "",
		traits(`{"a":{"minimum":1e10000000}}`):                                                                                                                        "a number of more than",
		traits(`{"a":{"maximum":` + strings.Repeat("9", 500) + `}}`):                                                                                                  "a number of more than",
		`{"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"https://x.invalid/a","$dynamicAnchor":"n","type":"object","properties":{"traits":{"type":"object","properties":{"a":{"$ref":"b"}}},"a":{"$ref":"b"}},
			"$defs":{"b":{"$id":"b","allOf":[{"$dynamicRef":"#n"},{"$dynamicRef":"#n"}],"$defs":{"n":{"$dynamicAnchor":"n"}}}}}`: "write $ref",
		`{"$schema":"https://json-schema.org/draft/2019-09/schema","properties":{"traits":{"properties":{"a":{"$recursiveRef":"#"}}}}}`: "write $ref",
		traits(`{"a":{"title":"` + strings.Repeat("x", 300000) + `"}}`):                                                                 "larger than",
	} {
		_, err := identity.ParseSchema("test", []byte(given))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "schema.invalid") {
			t.Errorf("%.90s: %v", given, err)
		}
	}
}

// What somebody who registers writes costs no more than a moment: neither numbers of a few characters that stand for a million digits,
// nor texts that a heavy pattern is compared with again and again.
func TestTraitsCost(t *testing.T) {
	number := parse(t, traits(`{"a":{"type":"number","minimum":3,"maximum":1e300}}`))
	for value, good := range map[string]bool{
		"1e10000000": false, "1e-10000000": false, "1E+0001000": false, strings.Repeat("9", 500): false, "-1e1000": false, "2": false,
		"3": true, "3.5e+1": true, "1e00000000000000000000012": true, "1e299": true,
	} {
		if err := number.Validate(json.RawMessage(`{"a":` + value + `}`)); (err == nil) != good {
			t.Errorf("%.20s: %v", value, err)
		}
	}
	if err := parse(t, traits(`{"a":{"type":"string"}}`)).Validate(json.RawMessage(`{"a":"1e10000000"}`)); err != nil {
		t.Error(err)
	}
	pattern := `{"pattern":"` + strings.Repeat("[a-z]{0,900}", 10) + `!"}`
	heavy := parse(t, traits(`{"email":{"allOf":[`+strings.Repeat(pattern+",", 99)+pattern+`]}}`))
	long := json.RawMessage(`{"email":"` + strings.Repeat("a", 200_000) + `"}`)
	if err := heavy.Validate(long); err == nil || !strings.Contains(err.Error(), "too large for their schema") {
		t.Error(err)
	}
	var choices strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&choices, "%d,", i)
	}
	for name, list := range map[string]string{"choices": `{"enum":[` + choices.String() + `"b"]}`, "names": `{"patternProperties":{"x{1000}":{}}}`} {
		wide := parse(t, traits(`{"email":{"additionalProperties":`+list+`}}`))
		if err := wide.Validate(json.RawMessage(`{"email":{"a":"` + strings.Repeat("a", 200_000) + `"}}`)); err == nil || !strings.Contains(err.Error(), "too large") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if found := heavy.Extract(long); len(found.Identifiers) != 0 {
		t.Error(found)
	}
	if err := parse(t, traits(`{"bio":{"type":"string","pattern":"^[^<>]*$"},"tags":{"type":"array","items":{"enum":["a","b"]}}}`)).Validate(
		json.RawMessage(`{"bio":"` + strings.Repeat("a", 200_000) + `"}`)); err != nil {
		t.Error(err)
	}
}

func TestNewSchemas(t *testing.T) {
	path := filepath.Join(t.TempDir(), "phone.json")
	if err := os.WriteFile(path, []byte(phoneSchema), 0o600); err != nil {
		t.Fatal(err)
	}
	no := errors.New("no answer")
	fetch := func(_ context.Context, url string) ([]byte, error) {
		if url == "https://example.com/s.json" {
			return []byte(phoneSchema), nil
		}
		return nil, no
	}
	config := identity.Config{DefaultSchemaID: "b", Schemas: []identity.SchemaConfig{
		{ID: "a", URL: "file://" + path}, {ID: "b", URL: "https://example.com/s.json"},
		{ID: "c", URL: "base64://" + base64.StdEncoding.EncodeToString([]byte(phoneSchema))},
		{ID: "d", URL: "base64://" + base64.RawURLEncoding.EncodeToString([]byte(phoneSchema))},
	}}
	s, err := identity.NewSchemas(t.Context(), config, fetch)
	if err != nil || !cmp.Equal(s.Of(t.Context()).IDs(), []string{"a", "b", "c", "d"}) || s.Of(t.Context()).Default() != "b" {
		t.Fatalf("%v %v", s, err)
	}
	if found, err := s.Get(t.Context(), ""); err != nil || found.ID != "b" {
		t.Errorf("%v %v", found, err)
	}
	if _, err := s.Get(t.Context(), "e"); !errors.Is(err, identity.ErrSchema) {
		t.Error(err)
	}
	for url, want := range map[string]string{
		"file:///nowhere/x.json": "no such file", "https://example.com/t.json": "no answer", "base64://***": "not base64", "ftp://x": "file://",
		"base64://e30": "properties.traits",
	} {
		_, err := identity.NewSchemas(t.Context(), identity.Config{Schemas: []identity.SchemaConfig{{ID: "x", URL: url}}}, fetch)
		if err == nil || !strings.Contains(err.Error(), "schemas[0] (x)") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestConfig(t *testing.T) {
	if faults := identity.DefaultConfig().Validate(); faults != nil {
		t.Error(faults)
	}
	bad := identity.Config{DefaultSchemaID: "x", Schemas: []identity.SchemaConfig{
		{URL: "file://a"}, {ID: "b", URL: "file://"}, {ID: "b", URL: "gopher://" + strings.Repeat("x", 100)}, {ID: "a\nb", URL: "https://x"},
	}}
	var got []string
	for _, err := range bad.Validate() {
		path, _, _ := strings.Cut(err.Error(), ":")
		got = append(got, path)
	}
	want := []string{"schemas[0].id", "schemas[1].url", "schemas[2].id", "schemas[2].url", "schemas[3].id", "default_schema_id"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func sorted(s []string) []string {
	for i := range s {
		for j := i; j > 0 && s[j] < s[j-1]; j-- {
			s[j], s[j-1] = s[j-1], s[j]
		}
	}
	return s
}

func FuzzTraits(f *testing.F) {
	for _, s := range []string{`{"username":"ada","emails":["a@x"]}`, `{"phone":"+49 151 2345678"}`, `[]`, `{"username":{"a":[[]]}}`, `{"age":1e400}`, "{\"username\":\"\xff\"}", `{"username":"\ud800"}`, `{"a":1,"a":2}`} {
		f.Add([]byte(s))
	}
	s := parse(f, phoneSchema)
	f.Fuzz(func(t *testing.T, raw []byte) {
		err := s.Validate(raw)
		if invalid, ok := errors.AsType[*ui.Invalid](err); err != nil && (!ok || len(invalid.Texts) == 0) {
			t.Errorf("%v", err)
		}
		found := s.Extract(raw)
		if err == nil && len(found.Identifiers[identity.Password]) == 0 {
			t.Error("valid traits without the identifier that the schema requires")
		}
		for _, a := range append(found.Verifiable, found.Recovery...) {
			if normal, ok := identity.NormalizeAddress(a.Via, a.Value); !ok || normal != a.Value {
				t.Errorf("%+v is not normalised", a)
			}
		}
	})
}

func FuzzSchema(f *testing.F) {
	for _, s := range []string{
		phoneSchema, traits(`{"a":{"$ref":"#"}}`), traits(`{"a":{"allOf":[{"$ref":"#/properties/traits"}]}}`), `{"properties":{"traits":{"$ref":"#"}}}`,
		`{"properties":{"traits":{"properties":{"a":{"ory.sh/kratos":{"recovery":{"via":"email"}}}},"anyOf":[{"$ref":"#/properties/traits/properties/a"},true]}}}`,
	} {
		f.Add([]byte(s), []byte(`{"a":"a@x","username":"ada"}`))
	}
	f.Fuzz(func(t *testing.T, raw, traits []byte) {
		s, err := identity.ParseSchema("fuzz", raw)
		if err != nil {
			return
		}
		_ = s.Validate(traits)
		_ = s.Extract(traits)
		for _, field := range s.Fields() {
			if !strings.HasPrefix(field.Name, "traits.") {
				t.Errorf("field %q", field.Name)
			}
		}
	})
}
