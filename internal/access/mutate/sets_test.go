package mutate_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/access"
)

// Mutators say what they may set, so that a client's fields of these names go also where nothing is set.
func TestMutatorsSayWhatTheySet(t *testing.T) {
	w := begin(t, "ES256")
	for _, c := range []struct {
		kind, settings  string
		headers, cookie []string
	}{
		{"header", `{"headers":{"x-user":"{{ .Subject }}","X-Group":""}}`, []string{"X-Group", "X-User"}, nil},
		{"cookie", `{"cookies":{"who":"{{ .Subject }}"}}`, nil, []string{"who"}},
		{"id_token", `{"issuer_url":"https://gate.example.com/"}`, []string{"Authorization"}, nil},
		{"noop", `{}`, nil, nil},
	} {
		var headers, cookies []string
		m := w.make(c.kind, c.settings)
		if h, ok := m.(access.HeaderSetter); ok {
			headers = slices.Sorted(slices.Values(h.SetsHeaders()))
		}
		if h, ok := m.(access.CookieSetter); ok {
			cookies = h.SetsCookies()
		}
		if d := cmp.Diff([][]string{c.headers, c.cookie}, [][]string{headers, cookies}); d != "" {
			t.Errorf("%s: %s", c.kind, d)
		}
	}
}

// Oathkeeper's setting to make a token for each request.
func TestIDTokensThatAreNotKept(t *testing.T) {
	w := begin(t, "ES256")
	token := func(settings string) string {
		return w.mutate(w.make("id_token", `{"issuer_url":"https://gate.example.com/"`+settings+`}`), alice()).Header.Get("Authorization")
	}
	const never = `,"cache":{"enabled":false,"max_cost":100}`
	if first, second := token(never), token(never); first == second {
		t.Error("a token is kept all the same")
	}
	if token(`,"cache":{"max_cost":100}`) != token("") {
		t.Error("a token is not kept")
	}
}
