package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

type kind string

type everything struct {
	ID    string   `path:"id"`
	Name  kind     `query:"name"`
	Size  int      `query:"page_size"`
	Small int8     `query:"small"`
	Count uint16   `query:"count"`
	All   bool     `query:"all"`
	Tags  []string `query:"tag"`
	Must  string   `query:"must,required"`
	Trace string   `header:"X-Trace"`
}

func TestCallBinds(t *testing.T) {
	var got everything
	m := NewMux(HydraErrors, Options{})
	m.Handle("GET /x/{id}", Call(func(_ context.Context, in everything) (NoContent, error) {
		got = in
		return NoContent{}, nil
	}))
	rec := testkit.Ask(m, "GET", "/x/a%2Fb%20c?name=n&page_size=-5&small=127&count=65535&all=true&tag=1&tag=2&must=y&unknown=1", "", "X-Trace", "t")
	want := everything{ID: "a/b c", Name: "n", Size: -5, Small: 127, Count: 65535, All: true, Tags: []string{"1", "2"}, Must: "y", Trace: "t"}
	if rec.Code != 204 || rec.Body.Len() > 0 || !cmp.Equal(got, want) {
		t.Errorf("%d %s", rec.Code, cmp.Diff(want, got))
	}
	if testkit.Ask(m, "GET", "/x/a?must=1&page_size=&all=&tag=", ""); !cmp.Equal(got, everything{ID: "a", Must: "1"}) {
		t.Errorf("empty parameters: %+v", got)
	}
	for query, want := range map[string]string{
		"must=1&page_size=x": `The parameter \"page_size\" must be a whole number.`, "must=1&page_size=99999999999999999999": "whole number", "must=1&small=128": `\"small\"`,
		"must=1&count=-1": "not negative", "must=1&all=perhaps": "true or false", "": `The parameter \"must\" is missing.`, "must=": "missing",
		"must=1&name=a&name=b": "more than once", "must=%zz": "malformed", "must=1;x=2": "malformed",
	} {
		rec := testkit.Ask(m, "GET", "/x/a?"+query, "")
		if rec.Code != 400 || !strings.Contains(rec.Body.String(), want) || !strings.Contains(rec.Body.String(), `"error":"invalid_request"`) {
			t.Errorf("%s: %d %s", query, rec.Code, rec.Body)
		}
	}
}

type thing struct {
	Name string         `json:"name"`
	Age  int            `json:"age"`
	Tags []string       `json:"tags"`
	Sub  *thing         `json:"sub"`
	Meta map[string]any `json:"meta"`
	On   bool           `json:"on"`
}

func TestCallReadsBodies(t *testing.T) {
	m := NewMux(HydraErrors, Options{MaxBody: 200})
	m.Handle("POST /strict", Call(func(_ context.Context, in struct {
		Body thing `body:"json"`
	}) (thing, error) {
		return in.Body, nil
	}))
	m.Handle("POST /lenient", Call(func(_ context.Context, in struct {
		Body thing `body:"json,lenient,optional"`
	}) (thing, error) {
		return in.Body, nil
	}))
	m.Handle("POST /raw", Call(func(_ context.Context, in struct {
		Body []byte `body:"raw"`
	}) (string, error) {
		return string(in.Body), nil
	}))
	for _, c := range []struct {
		target, contentType, body string
		status                    int
		want                      string
	}{
		{"/strict", "application/json", `{"name":"a"}`, 200, `"name":"a"`},
		{"/strict", "application/json; charset=utf-8", ` {"name":"a"} ` + "\n", 200, `"name":"a"`},
		{"/strict", "application/json-patch+json", `{"name":"a"}`, 200, `"name":"a"`},
		{"/strict", "text/plain", `{"name":"a"}`, 415, "Content-Type: application/json"},
		{"/strict", "", `{"name":"a"}`, 415, "unsupported_media_type"},
		{"/strict", "application/x-www-form-urlencoded", `{"name":"a"}`, 415, ""},
		{"/strict", "application/json", ``, 400, "empty"},
		{"/strict", "application/json", `{"name":"a"} {}`, 400, "more than one"},
		{"/strict", "application/json", `{"name":"a"}x`, 400, "more than one"},
		{"/strict", "application/json", `{"nmae":"a"}`, 400, `unknown member \"nmae\"`},
		{"/strict", "application/json", `{"age":"secret-value"}`, 400, `The member \"age\" of the request body must be a number that fits, not string.`},
		{"/strict", "application/json", `{"age":99999999999999999999}`, 400, `must be a number that fits, not number.`},
		{"/strict", "application/json", `{"sub":{"tags":{}}}`, 400, `The member \"sub.tags\" of the request body must be an array, not object.`},
		{"/strict", "application/json", `{"on":1}`, 400, `must be true or false, not number.`},
		{"/strict", "application/json", `{"meta":[]}`, 400, `must be an object, not array.`},
		{"/strict", "application/json", `{"name":3}`, 400, `must be a string, not number.`},
		{"/strict", "application/json", `[]`, 400, "The request body must be an object, not array."},
		{"/strict", "application/json", `{"name":`, 400, "ends too early"},
		{"/strict", "application/json", `{name}`, 400, "malformed at byte 2"},
		{"/strict", "application/json", `{"name":"` + strings.Repeat("a", 300) + `"}`, 413, "200 bytes"},
		{"/lenient", "application/json", `{"name":"a","more":1}`, 200, `"name":"a"`},
		{"/lenient", "", ``, 200, `"name":""`},
		{"/raw", "", "any \x00 thing", 200, `"any \u0000 thing"`},
	} {
		rec := testkit.Ask(m, "POST", c.target, c.body, "Content-Type", c.contentType)
		if rec.Code != c.status || !strings.Contains(rec.Body.String(), c.want) {
			t.Errorf("%s %s: %d %s", c.target, c.body, rec.Code, rec.Body)
		}
		if strings.Contains(rec.Body.String(), "secret-value") {
			t.Errorf("a value is repeated: %s", rec.Body)
		}
	}
	chunked := httptest.NewRequest("POST", "/raw", strings.NewReader(strings.Repeat("a", 300)))
	chunked.ContentLength = -1
	large := httptest.NewRecorder()
	if m.ServeHTTP(large, chunked); large.Code != 413 {
		t.Errorf("a large body of unknown length: %d %s", large.Code, large.Body)
	}
	r := httptest.NewRequest("POST", "/raw", io.MultiReader(strings.NewReader("x"), broken{}))
	rec := httptest.NewRecorder()
	m.ServeHTTP(rec, r)
	if rec.Code != 400 || !strings.Contains(rec.Body.String(), "ended early") {
		t.Errorf("a body that breaks off: %d %s", rec.Code, rec.Body)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestCallReplies(t *testing.T) {
	m := NewMux(HydraErrors, Options{})
	m.Handle("POST /created", Call(func(context.Context, struct{}) (Reply[map[string]string], error) {
		return Reply[map[string]string]{Status: 201, Header: http.Header{"location": {"/x?a=1&b=2"}}, Body: map[string]string{"to": "/x?a=1&b=2"}}, nil
	}))
	m.Handle("POST /plain", Call(func(context.Context, struct{}) (Reply[[]int], error) { return Reply[[]int]{Body: []int{}}, nil }))
	m.Handle("POST /empty", Call(func(context.Context, struct{}) (Reply[NoContent], error) { return Reply[NoContent]{Status: 202}, nil }))
	m.Handle("POST /big", Call(func(context.Context, struct{}) (string, error) { return strings.Repeat("x", 100_000), nil }))
	m.Handle("POST /bad", Call(func(context.Context, struct{}) (any, error) { return func() {}, nil }))
	rec := testkit.Ask(m, "POST", "/created", "")
	if rec.Code != 201 || rec.Header().Get("Location") != "/x?a=1&b=2" || strings.TrimSpace(rec.Body.String()) != `{"to":"/x?a=1&b=2"}` {
		t.Errorf("%d %v %s", rec.Code, rec.Header(), rec.Body)
	}
	if rec = testkit.Ask(m, "POST", "/plain", ""); rec.Code != 200 || strings.TrimSpace(rec.Body.String()) != `[]` {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	if rec = testkit.Ask(m, "POST", "/empty", ""); rec.Code != 202 || rec.Body.Len() != 0 {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	if rec = testkit.Ask(m, "POST", "/big", ""); rec.Code != 200 || rec.Header().Get("Content-Length") != strconv.Itoa(rec.Body.Len()) {
		t.Errorf("%d %v", rec.Code, rec.Header())
	}
	if rec = testkit.Ask(m, "POST", "/bad", ""); rec.Code != 500 || !json.Valid(rec.Body.Bytes()) {
		t.Errorf("what cannot be encoded: %d %s", rec.Code, rec.Body)
	}
}

func TestCallRefusesWrongInputsAtStart(t *testing.T) {
	for name, call := range map[string]func(){
		"no struct": func() { Call(func(context.Context, string) (any, error) { return nil, nil }) },
		"no tag":    func() { Call(func(context.Context, struct{ A string }) (any, error) { return nil, nil }) },
		"kind": func() {
			Call(func(context.Context, struct {
				A []int `query:"a"`
			}) (any, error) {
				return nil, nil
			})
		},
		"unexported": func() {
			Call(func(context.Context, struct {
				a string `query:"a"`
			}) (any, error) {
				return nil, nil
			})
		},
		"two bodies": func() {
			Call(func(context.Context, struct {
				A, B any `body:"json"`
			}) (any, error) {
				return nil, nil
			})
		},
		"raw text": func() {
			Call(func(context.Context, struct {
				A string `body:"raw"`
			}) (any, error) {
				return nil, nil
			})
		},
		"unknown encoding": func() {
			Call(func(context.Context, struct {
				A any `body:"xml"`
			}) (any, error) {
				return nil, nil
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("taken")
				}
			}()
			call()
		})
	}
}

func TestDecodeJSON(t *testing.T) {
	var v thing
	if err := DecodeJSON([]byte(`{"name":"a"}`), &v); err != nil || v.Name != "a" {
		t.Errorf("%v %+v", err, v)
	}
	if err := DecodeJSON([]byte(`{"name":"a","x":1}`), &v); !errors.Is(err, errBadBody) {
		t.Errorf("%v", err)
	}
}

func FuzzCallBinding(f *testing.F) {
	f.Add("a", "name=n&page_size=3", `{"name":"a"}`)
	f.Add("%2F", "page_size=9223372036854775808", `{"name":`)
	f.Add("..", "a=%zz;", `[]`)
	f.Fuzz(func(t *testing.T, id, query, body string) {
		m := NewMux(HydraErrors, Options{MaxBody: 1000})
		m.Handle("POST /x/{id}", Call(func(_ context.Context, in struct {
			ID   string   `path:"id"`
			Name string   `query:"name"`
			Size int      `query:"page_size"`
			Tags []string `query:"tag"`
			Body thing    `body:"json"`
		}) (string, error) {
			values, err := url.ParseQuery(query)
			if err != nil {
				return "", fmt.Errorf("a malformed query was bound: %w", err)
			}
			if want := values.Get("name"); in.Name != want || len(values["name"]) > 1 {
				return "", fmt.Errorf("name %q of %v", in.Name, values)
			}
			if s := values.Get("page_size"); s != "" && strconv.Itoa(in.Size) != strings.TrimPrefix(s, "+") && in.Size != atoi(s) {
				return "", fmt.Errorf("size %d of %q", in.Size, s)
			}
			return "ok", nil
		}))
		r := httptest.NewRequest("POST", "/", strings.NewReader(body))
		r.URL = &url.URL{Path: "/x/" + id, RawQuery: query}
		r.Header.Set("Content-Type", "application/json")
		rec := httptest.NewRecorder()
		m.ServeHTTP(rec, r)
		if rec.Code >= 500 {
			t.Errorf("%q %q %q: %d %s", id, query, body, rec.Code, rec.Body)
		}
	})
}

func atoi(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}
