package operation

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/test/process"
)

const root = "../.."

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var (
	conformanceRow = regexp.MustCompile("(?m)^\\|.*\\| (`Test[^|]*) \\| `([a-z/]+)` \\|$")
	testName       = regexp.MustCompile("`(Test[A-Za-z0-9_]+)`")
)

// The tables of clauses promise tests; they must not promise what is not there.
func TestConformanceNamesTestsThatExist(t *testing.T) {
	page := read(t, "docs/reference/conformance.md")
	rows := conformanceRow.FindAllStringSubmatch(page, -1)
	checked := 0
	for _, row := range rows {
		files, err := filepath.Glob(filepath.Join(root, row[2], "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		var sources strings.Builder
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			sources.Write(text)
		}
		for _, name := range testName.FindAllStringSubmatch(row[1], -1) {
			checked++
			if !strings.Contains(sources.String(), "func "+name[1]+"(t *testing.T)") {
				t.Errorf("%s is not in %s", name[1], row[2])
			}
		}
	}
	if all := len(testName.FindAllString(page, -1)); checked != all || checked < 30 {
		t.Errorf("%d of %d names were checked", checked, all)
	}
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// A link in a document leads to a file that is there and, where it names one, to a heading of it.
func TestLinksInDocuments(t *testing.T) {
	documents := []string{"README.md", "CONTRIBUTING.md"}
	err := filepath.WalkDir(filepath.Join(root, "docs"), func(path string, _ os.DirEntry, err error) error {
		if filepath.Ext(path) == ".md" {
			documents = append(documents, strings.TrimPrefix(path, root+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, document := range documents {
		for _, m := range link.FindAllStringSubmatch(read(t, document), -1) {
			target, heading, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			checked++
			path := document
			if target != "" {
				path = filepath.Join(filepath.Dir(document), target)
			}
			if _, err := os.Stat(filepath.Join(root, path)); err != nil {
				t.Errorf("%s: the link %s leads nowhere", document, m[1])
				continue
			}
			if heading != "" && !hasHeading(read(t, path), heading) {
				t.Errorf("%s: the link %s leads to no heading", document, m[1])
			}
		}
	}
	if checked < 20 {
		t.Errorf("only %d links were found", checked)
	}
}

var notInAnchors = regexp.MustCompile(`[^a-z0-9 _-]`)

// hasHeading compares as the sites that show Markdown make their anchors.
func hasHeading(text, anchor string) bool {
	for line := range strings.Lines(text) {
		if title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && strings.HasPrefix(line, "#") {
			title = notInAnchors.ReplaceAllString(strings.ToLower(strings.TrimSpace(title)), "")
			if strings.ReplaceAll(title, " ", "-") == anchor {
				return true
			}
		}
	}
	return false
}

var (
	inBlock = regexp.MustCompile("(?m)^ *(gatehouse(?:[^\n]*\\\\\n)*[^\n]*)$")
	inProse = regexp.MustCompile("`(gatehouse(?:-controller)? [a-z-][^`]*)`")
	// beyond is where a command ends on its line, or what stands there for something else.
	beyond = regexp.MustCompile(`(?s) #.*| [|>;&].*| <.*|\[[^\]]*\]|\{[^}]*\}|…`)
)

// commandsOf are the commands of the server and of the controller that a document tells to run.
func commandsOf(document string) (all []string) {
	for n, block := range strings.Split(document, "```") {
		form := inBlock
		if n%2 == 0 {
			form = inProse
		}
		for _, m := range form.FindAllStringSubmatch(block, -1) {
			command := beyond.ReplaceAllString(m[1], "")
			if program, _, _ := strings.Cut(command, " "); program == "gatehouse" || program == "gatehouse-controller" {
				all = append(all, strings.ReplaceAll(command, "\n", " "))
			}
		}
	}
	return all
}

// Every command in the documents is one, with the flags that it takes.
func TestCommandsInDocumentsExist(t *testing.T) {
	documents, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	programs := map[string]func(testing.TB) string{"gatehouse": process.Binary, "gatehouse-controller": process.Controller}
	checked := map[string]int{}
	for _, document := range append(documents, filepath.Join(root, "README.md")) {
		text := read(t, strings.TrimPrefix(document, root))
		for _, command := range commandsOf(text) {
			split, err := exec.Command("sh", "-c", `printf '%s\0' `+command).Output()
			if err != nil {
				t.Errorf("%s: no shell reads %s: %v", document, command, err)
				continue
			}
			words := strings.Split(strings.TrimSuffix(string(split), "\x00"), "\x00")
			if at := slices.Index(words, "--"); at >= 0 {
				words = words[:at]
			}
			checked[words[0]]++
			out, err := exec.Command(programs[words[0]](t), append(words[1:], "--help")...).CombinedOutput()
			if err != nil {
				t.Errorf("%s: %s: %s", document, command, out)
			}
			// The help is that of the command which was understood: no word before the flags is left over where it has commands below it.
			_, usage, _ := strings.Cut(string(out), "Usage:\n")
			path, _, _ := strings.Cut(strings.TrimSpace(usage), " [")
			path, _, _ = strings.Cut(path, " --")
			named := words[:max(1, slices.IndexFunc(append(words, "-"), func(w string) bool { return strings.HasPrefix(w, "-") }))]
			if strings.Contains(usage, "[command]") && strings.Join(named, " ") != path {
				t.Errorf("%s: %s: there is no such command below %s", document, command, path)
			}
		}
	}
	if checked["gatehouse"] < 100 || checked["gatehouse-controller"] < 3 {
		t.Errorf("these commands were found: %v", checked)
	}
}

// Settings named in prose exist: a page that names a key that is gone sends an operator the wrong way.
func TestSettingsInDocumentsExist(t *testing.T) {
	reference := read(t, "docs/reference/configuration.md")
	for _, document := range []string{"docs/databases.md", "docs/high-availability.md", "docs/operating.md", "docs/people.md", "docs/doors.md", "docs/rules.md"} {
		found := 0
		for _, m := range regexp.MustCompile("`((?:cache|databases|secrets|serve|log|tracing|hashing|keys|oauth|identity|session|selfservice|courier|limits|account|clients|access)\\.[a-z_.]+)`").FindAllStringSubmatch(read(t, document), -1) {
			found++
			key := strings.Replace(m[1], "serve.public.", "serve.admin.", 1)
			if !strings.Contains(reference, "`"+m[1]+"`\n") && !strings.Contains(reference, "`"+key+"`\n") {
				t.Errorf("%s names %s, which is no setting", document, m[1])
			}
		}
		if found == 0 {
			t.Errorf("no setting was found in %s", document)
		}
	}
}

// Every metric that is listed is there, and every one of ours that is there is listed. Some come with the first message or call
// only, so this server has one of each: a hook that runs when a login begins, a mail that finds nobody to take it, a request
// at a door, and an export of the activity log.
func TestMetricsInDocumentsExist(t *testing.T) {
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	t.Cleanup(hook.Close)
	door := process.FreeAddress(t)
	s := process.Start(t, process.Options{Config: "harden: {accept: [{check: profile-development, reason: a test}]}\nactivity: {exports: [{name: file, url: \"file://" + t.TempDir() + "/activity.jsonl\"}]}\n" +
		"serve: {decisions: {enabled: true, address: \"" + door + "\"}}\ncourier: {smtp: {connection_uri: \"smtp://127.0.0.1:1/?disable_starttls=true\", from_address: no-reply@example.com}}\n" +
		"selfservice:\n  flows:\n    recovery: {notify_unknown_recipients: true}\n" +
		"    login: {before: {hooks: [{hook: web_hook, config: {url: \"" + hook.URL + "\"}}]}}\n"})
	if code, body := get(t, "http://"+door+"/decisions/"); code != http.StatusNotFound {
		t.Errorf("without rules a door answers %d %s", code, body)
	}
	person := process.NewPerson(t)
	person.Open(s.Public + "/self-service/login/browser")
	person.Open(s.Public + "/self-service/recovery/browser")
	person.Press("method", "code", url.Values{"email": {"nobody@example.com"}})

	listed := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(gatehouse_[a-z_]+)").FindAllStringSubmatch(read(t, "docs/operating.md"), -1) {
		listed[m[1]] = true
	}
	var there map[string]bool
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) { // until the mail was tried
		there = published(t, s)
		if len(there) >= len(listed) {
			break
		}
	}
	for name := range there {
		if !listed[name] {
			t.Errorf("docs/operating.md does not list %s", name)
		}
	}
	for name := range listed {
		if !there[name] {
			t.Errorf("docs/operating.md lists %s, which is not there", name)
		}
	}
}

// published are the names of our metrics that a server shows.
func published(t *testing.T, s *process.Server) map[string]bool {
	t.Helper()
	_, metrics := get(t, s.Admin+"/admin/metrics/prometheus")
	there := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (gatehouse_\S+)`).FindAllStringSubmatch(metrics, -1) {
		there[m[1]] = true
	}
	return there
}
