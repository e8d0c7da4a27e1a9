package tenancy

import (
	"errors"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

func TestDraftsAreRefused(t *testing.T) {
	for document, want := range map[string]string{
		``:                           "JSON",
		`[]`:                         "object",
		`null`:                       "object",
		`{"id":1}`:                   "id",
		`{"hosts":"x"}`:              "hosts",
		`{"Id":"a"}`:                 "Id is not a setting: known there are id, name",
		`{"settings":{"isuer":"x"}}`: "settings.isuer is not a setting",
		`{"id":"a","settings":{"issuer":"https://a.test/#x"}}`: "settings.issuer",
		`{"id":"a","settings":{"issuer":"http://a.test/"}}`:    "https://",
		`{"id":"A"}`:                                         `id: "A"`,
		`{"id":"a","hosts":["x.test","X.test"]}`:             "hosts[1]",
		`{"id":"a","hosts":["x.test:80"]}`:                   "hosts[0]",
		`{"id":"a","hosts":["x y"]}`:                         "hosts[0]",
		`{"id":"a","path_prefix":"/oauth2"}`:                 "path_prefix: /oauth2",
		`{"id":"a","path_prefix":"/t/a","hosts":["x.test"]}`: "path_prefix",
		`{"id":"a","name":"\u009b31m"}`:                      "name",
		`{"id":"a","name":"\u202eemca"}`:                     "name",
		`{"id":"a","name":"two\nlines"}`:                     "name",
	} {
		d, err := ParseDraft([]byte(document))
		if err == nil {
			err = d.check(true)
		}
		if !errors.Is(err, ErrInvalid) || !strings.Contains(fault.From(err).Message, want) {
			t.Errorf("%s: %v, want %q", document, err, want)
		}
	}
	d, err := ParseDraft([]byte(`{"id":"a","name":"A","path_prefix":"/t/a","settings":{"issuer":"https://a.test/x"}}`))
	if err != nil || d.check(true) != nil {
		t.Errorf("%+v %v", d, err)
	}
}

func TestPatch(t *testing.T) {
	d := Draft{ID: "a", Name: "A", Hosts: []string{"a.test"}, Settings: tenant.Settings{Issuer: "https://a.test"}}
	for patch, want := range map[string]Draft{
		`{}`:                                  d,
		`{"name":null}`:                       {ID: "a", Hosts: []string{"a.test"}, Settings: d.Settings},
		`{"hosts":[],"path_prefix":"/t/a"}`:   {ID: "a", Name: "A", Hosts: []string{}, Prefix: "/t/a", Settings: d.Settings},
		`{"settings":null}`:                   {ID: "a", Name: "A", Hosts: d.Hosts},
		`{"settings":{"issuer":"https://b"}}`: {ID: "a", Name: "A", Hosts: d.Hosts, Settings: tenant.Settings{Issuer: "https://b"}},
	} {
		if got, err := d.patched([]byte(patch)); err != nil || !got.same(want) {
			t.Errorf("%s: %+v %v", patch, got, err)
		}
	}
	for _, patch := range []string{``, `[]`, `null`, `{"id":"b"}`, `{"id":null}`, `{"x":1}`, `{"settings":[]}`} {
		if _, err := d.patched([]byte(patch)); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", patch, err)
		}
	}
}

// TestNewDraft: who says nothing of where a tenant is reached gets a place for it.
func TestNewDraft(t *testing.T) {
	for document, want := range map[string]string{
		`{"id":"a"}`:                    "/t/a",
		`{"id":"a","hosts":[]}`:         "",
		`{"id":"a","hosts":["a.test"]}`: "",
		`{"id":"a","path_prefix":""}`:   "",
		`{"id":"a","path_prefix":"/x"}`: "/x",
	} {
		if d, err := ParseNew([]byte(document)); err != nil || d.Prefix != want {
			t.Errorf("%s: %q, %v; want %q", document, d.Prefix, err, want)
		}
	}
	for _, document := range []string{``, `null`, `{"id":"a"`, `{"x":1}`} {
		if _, err := ParseNew([]byte(document)); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", document, err)
		}
	}
	d, err := ParseNew([]byte(`{"id":"A b"}`))
	if err == nil {
		err = d.check(false)
	}
	if err == nil || strings.Contains(err.Error(), "path_prefix") {
		t.Errorf("a bad id: %v", err)
	}
}

// FuzzDraft: whatever is sent is refused or understood, and what is understood reads the same again.
func FuzzDraft(f *testing.F) {
	for _, s := range []string{`{"id":"a"}`, `{"hosts":[1]}`, `{"settings":{"issuer":{}}}`, `[`, `{"id":"a","id":"b"}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, document string) {
		d, err := ParseDraft([]byte(document))
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Errorf("%q: %v", document, err)
			}
			return
		}
		if d.check(false) != nil {
			return
		}
		again, err := d.patched([]byte(`{}`))
		if err != nil || !again.same(d) || again.check(false) != nil {
			t.Errorf("%q: %+v is %+v again: %v", document, d, again, err)
		}
	})
}
