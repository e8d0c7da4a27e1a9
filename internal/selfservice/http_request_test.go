package selfservice

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
)

func TestWantsJSON(t *testing.T) {
	for _, c := range []struct {
		accept, contentType string
		want                bool
	}{
		{"", "", false},
		{"application/json", "", true},
		{"application/json, text/plain, */*", "", true},
		{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "", false},
		{"text/html, */*", "", false},
		{"*/*", "", false},
		{"application/json, text/html", "", false},
		{"application/*, */*", "", true},
		{"text/*", "", false},
		{"application/json;q=0.5, text/html", "", false},
		{"application/json;q=2, text/html", "", false},
		{"text/html;q=0.5, application/json;q=0.6", "", true},
		{"image/png", "", false},
		{"text/html", "application/json", true},
		{"text/html", "application/json; charset=utf-8", true},
		{"text/html", "application/x-www-form-urlencoded", false},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		if c.accept != "" {
			r.Header.Set("Accept", c.accept)
		}
		r.Header.Set("Content-Type", c.contentType)
		if got := wantsJSON(r); got != c.want {
			t.Errorf("%q %q: %t", c.accept, c.contentType, got)
		}
	}
}

func TestLanguage(t *testing.T) {
	for _, c := range []struct{ query, accept, want string }{
		{"", "", "en"},
		{"", "de-AT,en;q=0.8", "de"},
		{"", "fr, de;q=0.3, en;q=0.5", "en"},
		{"ui_locales=fr+de-CH", "en", "de"},
		{"lang=en", "de", "en"},
		{"", "de;q=x", "en"},
		{"", "zh", "en"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/?"+c.query, nil)
		r.Header.Set("Accept-Language", c.accept)
		if got := language(r); got != c.want {
			t.Errorf("%q %q: %s", c.query, c.accept, got)
		}
	}
}

func TestNest(t *testing.T) {
	got, err := nest(url.Values{"traits.name.first": {"Ada"}, "traits.email": {"x"}, "agree": {"false", "true"}, "method": {"password"}})
	want := map[string]any{
		"traits": map[string]any{"name": map[string]any{"first": "Ada"}, "email": "x"}, "agree": "true", "method": "password",
	}
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("%v, %v", err, cmp.Diff(want, got))
	}
	for _, bad := range []url.Values{{"a": {"1"}, "a.b": {"2"}}, {"a.b.c": {"1"}, "a.b": {"2"}}, {"a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q": {"1"}}} {
		if _, err := nest(bad); err == nil {
			t.Errorf("%v was taken", bad)
		}
	}
	many := url.Values{}
	for i := range maxFields + 1 {
		many[string(rune('a'+i%26))+string(rune('a'+i/26))] = nil
	}
	if _, err := nest(many); err == nil {
		t.Error("any number of fields is taken")
	}
}

func typedSchema(t testing.TB) *identity.Schema {
	t.Helper()
	const text = `{"$id":"x","type":"object","properties":{"traits":{"type":"object","properties":{
		"email":{"type":"string","ory.sh/kratos":{"credentials":{"password":{"identifier":true}}}},
		"age":{"type":"number"},"agree":{"type":"boolean"},"name":{"type":"object","properties":{"first":{"type":"string"},"year":{"type":"integer"}}}}}}}`
	schemas, err := identity.NewSchemas(t.Context(), identity.Config{
		DefaultSchemaID: "x", Schemas: []identity.SchemaConfig{{ID: "x", URL: "base64://" + encoded(text)}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := schemas.Get(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestCoerce(t *testing.T) {
	s := typedSchema(t)
	in := Submission{Form: true, Values: map[string]any{"traits": map[string]any{
		"email": "x", "age": "42", "agree": "on", "name": map[string]any{"first": "", "year": "1815"}, "other": "",
	}}}
	in.Coerce(s)
	if got := string(in.Traits()); got != `{"age":42,"agree":true,"email":"x","name":{"year":1815}}` {
		t.Errorf("%s", got)
	}
	in = Submission{Form: true, Values: map[string]any{"traits": map[string]any{"age": "many", "agree": "perhaps"}}}
	in.Coerce(s)
	if got := string(in.Traits()); got != `{"age":"many","agree":"perhaps"}` {
		t.Errorf("%s", got)
	}
	in = Submission{Values: map[string]any{"traits": map[string]any{"age": "42", "email": ""}}}
	in.Coerce(s)
	if got := string(in.Traits()); got != `{"age":"42","email":""}` {
		t.Errorf("JSON was changed: %s", got)
	}
}

// FuzzForm: a form is refused or becomes objects that hold every field.
func FuzzForm(f *testing.F) {
	f.Add("traits.email=a&traits.age=1&method=password")
	f.Add("a=1&a.b=2")
	f.Add("..=&.a.=x&=")
	f.Add("traits=1&traits.agree=on")
	s := typedSchema(f)
	f.Fuzz(func(t *testing.T, body string) {
		fields, err := url.ParseQuery(body)
		if err != nil {
			return
		}
		values, err := nest(fields)
		if err != nil {
			return
		}
		in := Submission{Form: true, Values: values}
		for name, all := range fields {
			if got := in.String(name); got != all[len(all)-1] {
				t.Fatalf("%q is %q, not %q", name, got, all[len(all)-1])
			}
		}
		in.Coerce(s)
		if traits := in.Traits(); traits != nil && !json.Valid(traits) {
			t.Fatalf("the traits are %s", traits)
		}
	})
}

// FuzzJSON: a body is refused or becomes an object that can be asked for anything.
func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"method":"password","traits":{"email":"a"},"traits.name.first":"b"}`), "traits.name.first")
	f.Add([]byte(`{"a.b":1,"a":{"b":2}}`), "a.b")
	f.Add([]byte(`{"a":[{"b":1}],"n":1e999}`), "n")
	f.Fuzz(func(t *testing.T, body []byte, path string) {
		values, err := parseJSON(body)
		if err != nil {
			return
		}
		in := Submission{Values: values}
		_, _, _ = in.String(path), in.Bool(path), in.Has(path)
		if raw := in.JSON(path); raw != nil && !json.Valid(raw) {
			t.Fatalf("%q is %s", path, raw)
		}
		var flow Flow
		if err := flow.take(&in); err == nil && flow.TransientPayload != nil {
			var v map[string]any
			if json.Unmarshal(flow.TransientPayload, &v) != nil {
				t.Fatalf("the payload is %s", flow.TransientPayload)
			}
		}
	})
}

func TestMaskedTokens(t *testing.T) {
	token := string(make([]byte, csrfBytes-1)) + "x"
	a, b := maskCSRF(token), maskCSRF(token)
	if a == b || !sameCSRF(a, token) || !sameCSRF(b, token) {
		t.Error("a mask does not come off")
	}
	if sameCSRF(a, "") || sameCSRF("", token) || sameCSRF(a[:40], token) || sameCSRF(maskCSRF(token[1:]+"y"), token) {
		t.Error("another token passes")
	}
	if maskCSRF("") != "" {
		t.Error("nothing has a mask")
	}
}

// FuzzCSRF: nothing but the token, under some mask, passes.
func FuzzCSRF(f *testing.F) {
	token := "0123456789abcdef0123456789abcdef"
	f.Add("")
	f.Add(maskCSRF(token))
	f.Add("AAAA")
	f.Fuzz(func(t *testing.T, sent string) {
		if sameCSRF(sent, "") {
			t.Fatal("nobody's token passes")
		}
		if sameCSRF(sent, token) && reflect.DeepEqual(sent, token) {
			t.Fatal("the token passes without its mask")
		}
	})
}

func encoded(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
