package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/test/process"
)

func TestClients(t *testing.T) {
	s := start(t, "")
	clients := func(args ...string) []string {
		return append(append([]string{"clients"}, args...), "--endpoint", s.admin)
	}

	made := asJSON[document](t, works(t, "", clients("create", "--id", "a", "--name", "First", "--owner", "team", "--grant-type", "client_credentials",
		"--grant-type", "refresh_token", "--scope", "read", "--scope", "write", "--audience", "https://api.example.com", "--skip-consent", "--format", "json")...))
	if made["client_secret"] == "" || made["scope"] != "read write" || made["skip_consent"] != true || made["owner"] != "team" {
		t.Errorf("created %v", made)
	}
	if out := works(t, "", clients("get", "a")...); strings.Contains(out, "SECRET") || !strings.Contains(out, "First") {
		t.Errorf("get shows\n%s", out)
	}

	// --file has every field, flags win, and what a field is called does no harm.
	works(t, `{"client_id":"b","client_name":"of the file","tos_uri":"https://b.example.com/tos","contacts":["b@example.com"]}`,
		clients("create", "--file", "-", "--name", "of the flag")...)
	got := asJSON[document](t, works(t, "", clients("get", "b", "--format", "json")...))
	if got["client_name"] != "of the flag" || got["tos_uri"] != "https://b.example.com/tos" {
		t.Errorf("made of file and flags: %v", got)
	}
	for _, wrong := range []string{"null", "[]", "{", "{} {}", "7"} {
		fails(t, call(t, wrong, clients("create", "--file", "-")...), 1, "not a JSON object")
	}
	fails(t, call(t, "{}", clients("create", "--file", "none.json")...), 1, "--file", "none.json")
	fails(t, call(t, `{"a/b~c":1}`, clients("update", "b", "--file", "-")...), 1, "HTTP 400")

	// A secret that its owner chose comes by a file.
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("a secret of my own choice\r\nand a note\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	works(t, "", clients("update", "a", "--secret-file", secret)...)
	t.Setenv(clientSecretVariable, "a secret of my own choice")
	works(t, "", "perform", "client-credentials", "--client-id", "a", "--issuer", s.public)
	fails(t, call(t, "\n", clients("update", "a", "--secret-file", "-")...), 1, "first line is empty")

	// An update changes what was given and nothing else.
	changed := asJSON[document](t, works(t, "", clients("update", "a", "--scope", "read", "--skip-consent=false", "--format", "json")...))
	if changed["scope"] != "read" || changed["client_name"] != "First" || changed["skip_consent"] != false {
		t.Errorf("updated to %v", changed)
	}

	// The former secret works until it is revoked.
	rotated := asJSON[document](t, works(t, "", clients("rotate-secret", "a", "--format", "json")...))
	works(t, "", "perform", "client-credentials", "--client-id", "a", "--issuer", s.public)
	works(t, "", clients("revoke-rotated", "a")...)
	fails(t, call(t, "", "perform", "client-credentials", "--client-id", "a", "--issuer", s.public), 1, "HTTP 401", "invalid_client")
	t.Setenv(clientSecretVariable, fmt.Sprint(rotated["client_secret"]))
	works(t, "", "perform", "client-credentials", "--client-id", "a", "--auth-method", "client_secret_basic", "--issuer", s.public)

	// One that is not there is named and does not keep the others from being deleted.
	r := call(t, "", clients("delete", "none", "b")...)
	fails(t, r, 1, "client none: ", "HTTP 404", "1 of 2 clients were not deleted")
	if r.out != "b\n" {
		t.Errorf("deleted %q", r.out)
	}
	for _, args := range [][]string{{"get", "b"}, {"update", "b", "--name", "x"}, {"rotate-secret", "b"}, {"revoke-rotated", "b"}} {
		fails(t, call(t, "", clients(args...)...), 1, "client b: ", "HTTP 404")
	}
	fails(t, call(t, "", clients("create", "--id", "a")...), 1, "HTTP 409")
	fails(t, call(t, "", clients("create", "--grant-type", "password")...), 1, "HTTP 400", "grant_types")
}

func TestClientPages(t *testing.T) {
	s := start(t, "")
	var file strings.Builder
	var want []string
	for i := range 7 {
		id := fmt.Sprintf("client-%d", i)
		want = append(want, id)
		fmt.Fprintf(&file, `{"client_id":%q,"owner":"team %d & co"}`+"\n", id, i%2)
	}
	works(t, file.String(), "clients", "import", "-", "--endpoint", s.admin)
	list := func(args ...string) (ids []string) {
		args = append([]string{"clients", "list", "--format", "json", "--endpoint", s.admin}, args...)
		for _, c := range asJSON[[]document](t, works(t, "", args...)) {
			ids = append(ids, c["client_id"].(string))
		}
		slices.Sort(ids)
		return ids
	}
	for _, size := range []string{"1", "2", "3", "7", "500"} {
		if got := list("--page-size", size); !slices.Equal(got, want) {
			t.Errorf("in pages of %s: %v", size, got)
		}
	}
	if got := list("--page-size", "2", "--owner", "team 1 & co"); !slices.Equal(got, []string{"client-1", "client-3", "client-5"}) {
		t.Errorf("of one owner: %v", got)
	}
	if got := list("--name", "nobody"); len(got) != 0 {
		t.Errorf("of no name: %v", got)
	}
	fails(t, call(t, "", "clients", "list", "--page-size", "0", "--endpoint", s.admin), 2, "--page-size")
}

func TestImport(t *testing.T) {
	s := start(t, "")
	load := func(content string, more ...string) result {
		return call(t, content, append([]string{"clients", "import", "-", "--endpoint", s.admin, "--format", "json"}, more...)...)
	}
	ids := func(r result) (ids []any) {
		for _, c := range asJSON[[]document](t, r.out) {
			ids = append(ids, c["client_id"])
		}
		return ids
	}
	for name, c := range map[string]struct{ content, want string }{
		"an object":       {`{"client_id":"one"}`, "[one]"},
		"objects in rows": {"{\n\"client_id\":\"row1\"}\n{\"client_id\":\"row2\"}\n\n", "[row1 row2]"},
		"a list":          {` [{"client_id":"list1"},{"client_id":"list2"}] `, "[list1 list2]"},
		"an empty list":   {`[]`, "[]"},
	} {
		r := load(c.content)
		if r.status != 0 || fmt.Sprint(ids(r)) != c.want {
			t.Errorf("%s: status %d, registered %v, %s", name, r.status, ids(r), r.errs)
		}
	}

	// A bad one is reported, and the others are registered.
	r := load(`[{"client_id":"good1"},{"client_id":"good1"},{"client_name":"odd","grant_types":["x"]},7,{"client_id":"good2"}]`)
	fails(t, r, 1, "client 2 (good1): ", "client 3 (odd): ", "client 4: ", "3 of 5 clients were not registered")
	if fmt.Sprint(ids(r)) != "[good1 good2]" {
		t.Errorf("registered %v", ids(r))
	}

	// A file that is cut off registers nothing.
	for _, wrong := range []string{`[{"client_id":"cut"}`, "{\"client_id\":\"cut\"}\n{", "", " \n", "{}]", "[]{}"} {
		fails(t, load(wrong), 1, "nothing was registered")
	}
	fails(t, call(t, "", "clients", "get", "cut", "--endpoint", s.admin), 1, "HTTP 404")
	fails(t, call(t, "", "clients", "import", filepath.Join(t.TempDir(), "none.json"), "--endpoint", s.admin), 1, "none.json")

	// Where nobody answers, one message says so and not one for each client.
	r = call(t, `[{},{},{}]`, "clients", "import", "-", "--endpoint", "http://"+process.FreeAddress(t))
	fails(t, r, 1, "Is the server running?", "0 of 3 clients were registered")
	if n := strings.Count(r.errs, "Is the server running?"); n != 1 {
		t.Errorf("it says so %d times", n)
	}

	// From one server to another, as the help shows.
	other := start(t, "")
	all := works(t, "", "clients", "list", "--format", "json", "--endpoint", s.admin)
	out := works(t, all, "clients", "import", "-", "--format", "json", "--endpoint", other.admin)
	if got, want := len(asJSON[[]document](t, out)), len(asJSON[[]json.RawMessage](t, all)); got != want {
		t.Errorf("%d of %d were taken over", got, want)
	}
}
