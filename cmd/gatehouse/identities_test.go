package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func someone(email, last string) string {
	return fmt.Sprintf(`{"schema_id":"default","traits":{"email":%q,"name":{"first":"P","last":%q}}}`, email, last)
}

func TestIdentities(t *testing.T) {
	s := start(t, "")
	identities := func(args ...string) []string {
		return append(append([]string{"identities"}, args...), "--endpoint", s.admin)
	}
	dir := t.TempDir()
	var lines []string
	for i := range 450 { // more than a batch of those with passwords
		lines = append(lines, someone(fmt.Sprintf("p%d@example.com", i), "Smith"))
	}
	lines[0] = someone("ann@example.com", "Miller")
	lines[100] = `{"schema_id":"default","traits":{"email":"carl@example.com"},"credentials":{"password":{"config":{"password":"quiet-harbour-lantern"}}}}`
	lines = append(lines, "", someone("ann@example.com", "Again"), someone("no address", "Wrong"))
	file := write(t, dir, "people.jsonl", strings.Join(lines, "\n"))
	report := filepath.Join(dir, "refused.jsonl")

	r := call(t, "", identities("import", file, "--report", report)...)
	fails(t, r, 1, "line 452: Conflict", "line 453: Bad Request", "450 created, 2 refused", "2 of 452 identities were not created")
	refused, err := os.ReadFile(report)
	if err != nil || strings.Count(string(refused), "\n") != 2 || !strings.Contains(string(refused), `"line":453`) {
		t.Errorf("the report: %s, %v", refused, err)
	}
	fails(t, call(t, "", identities("import", file)...), 1, "going on after line 453")
	r = call(t, "", identities("import", file, "--restart")...)
	fails(t, r, 1, "0 created, 452 refused")

	all := asJSON[[]document](t, works(t, "", identities("list", "--format", "json", "--page-size", "100")...))
	if len(all) != 450 {
		t.Errorf("%d are listed", len(all))
	}
	found := asJSON[[]document](t, works(t, "", identities("list", "--trait", "name.last=Miller", "--format", "json")...))
	if len(found) != 1 {
		t.Fatalf("found %v", found)
	}
	id := found[0]["id"].(string)
	if out := works(t, "", identities("list", "--credentials-identifier", "ANN@example.com")...); !strings.Contains(out, id) {
		t.Errorf("by identifier:\n%s", out)
	}
	if out := works(t, "", identities("get", id)...); !strings.Contains(out, "ann@example.com") || !strings.Contains(out, "active") {
		t.Errorf("get shows\n%s", out)
	}
	fails(t, call(t, "", identities("list", "--trait", "name")...), 2, "path=word")
	fails(t, call(t, "", identities("list", "--trait", "a=b", "--search", "c")...), 2, "exclude")
	works(t, "", identities("delete", id)...)
	fails(t, call(t, "", identities("delete", id, id)...), 1, "2 of 2 identities were not deleted")
	fails(t, call(t, "", identities("get", id)...), 1, "HTTP 404")
}

// An import that was interrupted goes on where the last batch ended, and only in the file that it began with.
func TestIdentitiesImportGoesOn(t *testing.T) {
	s := start(t, "")
	dir := t.TempDir()
	first := someone("a@example.com", "One") + "\n"
	file := write(t, dir, "people.jsonl", first+someone("b@example.com", "Two")+"\n"+someone("c@example.com", "Three")+"\n")
	size := fmt.Sprint(len(first) + 2*len(someone("b@example.com", "Two")) + 2 + len("Three") - len("Two"))
	write(t, dir, "people.jsonl.progress", fmt.Sprintf(`{"size":%s,"offset":%d,"line":1,"created":1,"refused":0}`, size, len(first)))
	r := call(t, "", "identities", "import", file, "--endpoint", s.admin)
	if r.status != 0 || !strings.Contains(r.errs, "going on after line 1; 1 were created") || !strings.Contains(r.errs, "3 created") {
		t.Errorf("exits with %d: %s", r.status, r.errs)
	}
	all := asJSON[[]document](t, works(t, "", "identities", "list", "--endpoint", s.admin, "--format", "json"))
	if len(all) != 2 {
		t.Errorf("%d were created", len(all))
	}
	write(t, dir, "people.jsonl", first)
	fails(t, call(t, "", "identities", "import", file, "--endpoint", s.admin), 1, "another state of", "--restart")
	write(t, dir, "array.jsonl", "[\n"+someone("d@example.com", "Four")+"]\n")
	fails(t, call(t, "", "identities", "import", filepath.Join(dir, "array.jsonl"), "--endpoint", s.admin), 1, "line 1 is not a JSON object")
	fails(t, call(t, "", "identities", "import", dir, "--endpoint", s.admin), 1, "not a file")
	fails(t, call(t, "", "identities", "import", "none.jsonl", "--endpoint", s.admin), 1, "none.jsonl")
}

// A line that is broken is refused alone, and reported so that it can be mended.
func TestIdentitiesImportBrokenLine(t *testing.T) {
	s := start(t, "")
	dir := t.TempDir()
	file := write(t, dir, "people.jsonl", someone("a@example.com", "One")+"\n{\"traits\":\xff\n[1]\n"+someone("b@example.com", "Two")+"\n")
	report := filepath.Join(dir, "refused.jsonl")
	fails(t, call(t, "", "identities", "import", file, "--report", report, "--endpoint", s.admin), 1,
		"line 2: It is not a JSON object", "line 3: It is not a JSON object", "2 created, 2 refused", "2 of 4 identities")
	refused, err := os.ReadFile(report)
	if err != nil || !strings.Contains(string(refused), `"identity":"[1]","line":3}`) {
		t.Errorf("the report: %s, %v", refused, err)
	}
}

// A line with which a whole batch cannot be read is found, and keeps no other from being created.
func TestIdentitiesImportUnreadableLine(t *testing.T) {
	s := start(t, "")
	var lines []string
	for i := range 30 {
		lines = append(lines, someone(fmt.Sprintf("p%d@example.com", i), "Smith"))
	}
	lines[7] = `{"traits":{"email":"carl@example.com"},"nonsense":true}`
	lines[8] = `{"traits":{"email":"dora@example.com"},"state":7}`
	file := write(t, t.TempDir(), "people.jsonl", strings.Join(lines, "\n"))
	fails(t, call(t, "", "identities", "import", file, "--endpoint", s.admin), 1,
		"line 8: ", `unknown member "nonsense"`, "line 9: ", "28 created, 2 refused")
}

// What one server lists, another one takes, with passwords and with what is confirmed.
func TestIdentitiesExport(t *testing.T) {
	old, other := start(t, ""), start(t, "")
	dir := t.TempDir()
	works(t, "", "identities", "import", write(t, dir, "ann.jsonl", `{"traits":{"email":"ann@example.com"},"metadata_admin":{"n":1},`+
		`"verifiable_addresses":[{"value":"ann@example.com","via":"email","verified":true,"status":"completed"}],`+
		`"credentials":{"password":{"config":{"password":"quiet-harbour-lantern"}}}}`), "--endpoint", old.admin)
	list := func(s server) (line, id, hash string) {
		line = works(t, "", "identities", "list", "--format", "json", "--include-credential", "password", "--endpoint", s.admin)
		line = strings.TrimSuffix(strings.TrimPrefix(line, "["), "]\n")
		return line, asJSON[document](t, line)["id"].(string), regexp.MustCompile(`"hashed_password":"[^"]+"`).FindString(line)
	}
	line, id, hash := list(old)
	works(t, "", "identities", "import", write(t, dir, "list.jsonl", line), "--endpoint", other.admin)
	copied, newID, newHash := list(other)
	if hash == "" || newHash != hash || newID == id {
		t.Errorf("%s became\n%s", line, copied)
	}
	for _, want := range []string{`"metadata_admin":{"n":1}`, `"verified":true`} {
		if !strings.Contains(copied, want) {
			t.Errorf("%s is not in\n%s", want, copied)
		}
	}
}

func TestIdentitiesValidate(t *testing.T) {
	good := someone("a@example.com", "One") + "\n\n" + someone("b@example.com", "Two")
	if out := works(t, good, "identities", "validate", "-"); !strings.Contains(out, "2 identities are valid") {
		t.Errorf("says %q", out)
	}
	bad := `{"traits":{"email":"nobody"}}` + "\n" + `{"schema_id":"other","traits":{}}` + "\n7\n"
	fails(t, call(t, bad, "identities", "validate", "-"), 1, "- line 1: traits.email:", `- line 2: schema_id "other"`, "- line 3: it is not an identity", "3 of 3 identities are not valid")
	fails(t, call(t, "", "identities", "validate", "none.jsonl"), 1, "none.jsonl")
}

// After a change of the schema people sign in with what the new one says.
func TestIdentitiesReindex(t *testing.T) {
	dir := t.TempDir()
	under := func(username string) string {
		text := `{"type":"object","properties":{"traits":{"type":"object","properties":{"username":{"type":"string"` + username + `}}}}}`
		return fmt.Sprintf("data_dir: %q\nidentity: {schemas: [{id: default, url: \"base64://%s\"}]}\n", dir, base64.StdEncoding.EncodeToString([]byte(text)))
	}
	t.Run("before", func(t *testing.T) {
		s := start(t, under(""))
		people := `{"traits":{"username":"ann"}}` + "\n" + `{"traits":{"username":"ben"}}` + "\n" + `{"traits":{"username":"Ann"}}` + "\n"
		works(t, "", "identities", "import", write(t, t.TempDir(), "people.jsonl", people), "--endpoint", s.admin)
		if r := call(t, "", "identities", "reindex", "--endpoint", s.admin); r.status != 0 || !strings.Contains(r.errs, "3 looked at, 0 changed, 0 refused") {
			t.Errorf("%d %s", r.status, r.errs)
		}
	})
	t.Run("after", func(t *testing.T) {
		s := start(t, under(`,"ory.sh/kratos":{"credentials":{"password":{"identifier":true}}}`))
		if r := call(t, "", "identities", "reindex", "--dry-run", "--endpoint", s.admin); r.status != 0 || !strings.Contains(r.errs, "3 looked at, 3 to change, 0 refused") {
			t.Errorf("%d %s", r.status, r.errs)
		}
		fails(t, call(t, "", "identities", "reindex", "--endpoint", s.admin), 1, "3 looked at, 2 changed, 1 refused", "identity 0", "1 of 3 identities")
		found := asJSON[[]document](t, works(t, "", "identities", "list", "--credentials-identifier", "ben", "--endpoint", s.admin, "--format", "json"))
		if len(found) != 1 {
			t.Errorf("who has the user name: %v", found)
		}
		first := found[0]["id"].(string)
		if r := call(t, "", "identities", "reindex", "--after", first, "--endpoint", s.admin); r.status != 1 || !strings.Contains(r.errs, "1 looked at") {
			t.Errorf("%d %s", r.status, r.errs)
		}
		fails(t, call(t, "", "identities", "reindex", "--after", "x", "--endpoint", s.admin), 1, "HTTP 400", "after")
	})
}

// What the server sends can be seen where no mail server is configured.
func TestCourier(t *testing.T) {
	s := start(t, "")
	fails(t, call(t, "", "courier", "get", "--endpoint", s.admin), 1, "no message yet")
	if out := works(t, "", "courier", "list", "--endpoint", s.admin); !strings.HasPrefix(out, "ID") {
		t.Errorf("an empty list:\n%s", out)
	}
	askForCode(t, s, "nobody@example.com")
	works(t, "", "identities", "import", write(t, t.TempDir(), "ann.jsonl", someone("ann@example.com", "Miller")), "--endpoint", s.admin)
	askForCode(t, s, "ann@example.com")
	messages := asJSON[[]document](t, works(t, "", "courier", "list", "--recipient", "ann@example.com", "--endpoint", s.admin, "--format", "json"))
	if len(messages) != 1 || messages[0]["template_type"] != "recovery_code_valid" {
		t.Fatalf("messages: %v", messages)
	}
	out := works(t, "", "courier", "get", messages[0]["id"].(string), "--endpoint", s.admin)
	if !regexp.MustCompile(`(?m)^ +[0-9]{6}$`).MatchString(out) || works(t, "", "courier", "get", "--endpoint", s.admin) != out {
		t.Errorf("get shows\n%s", out)
	}
	fails(t, call(t, "", "courier", "get", "none", "--endpoint", s.admin), 1, "message none", "HTTP 400", "UUID")
	fails(t, call(t, "", "courier", "list", "--status", "lost", "--endpoint", s.admin), 1, "HTTP 400")
	waits := messages[0]["id"].(string)
	fails(t, call(t, "", "courier", "requeue", waits, "none", "--endpoint", s.admin), 1, "message "+waits, "HTTP 409", "message none", "2 of 2 messages")
	if out := works(t, "", "courier", "requeue", "--abandoned", "--endpoint", s.admin); out != "" {
		t.Errorf("nothing was abandoned, and requeue says\n%s", out)
	}
	for _, args := range [][]string{{}, {waits, "--abandoned"}} {
		fails(t, call(t, "", append([]string{"courier", "requeue", "--endpoint", s.admin}, args...)...), 2, "--abandoned")
	}
}

func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // where no time passes by itself
		var out strings.Builder
		p := newProgress(&out, "importing", 200, 0)
		p.at(50, "first")
		p.at(60, "too soon")
		p.end(200, "done")
		if got := out.String(); got != "importing  25 %  first\nimporting 100 %  done\n" {
			t.Errorf("%q", got)
		}
		out.Reset()
		p.terminal, p.began = true, time.Now().Add(-10*time.Second)
		p.shown = time.Time{}
		p.at(100, "half")
		if got := out.String(); !strings.Contains(got, "███████████████░░░░░░░░░░░░░░░") || !strings.Contains(got, "10s left") {
			t.Errorf("%q", got)
		}
		for _, terminal := range []bool{true, false} {
			out.Reset()
			p.terminal = terminal
			p.end(1000, "more than there seemed to be")
			if got := out.String(); !strings.Contains(got, " 100 %  more") || strings.Contains(got, "░") {
				t.Errorf("%q", got)
			}
			out.Reset()
			unknown := newProgress(&out, "rows deleted", 0, 0)
			unknown.terminal = terminal
			unknown.at(0, "")
			unknown.end(600, "")
			if got := out.String(); !strings.Contains(got, "rows deleted 600 ") || strings.Contains(got, "%") {
				t.Errorf("%q", got)
			}
		}
	})
}
