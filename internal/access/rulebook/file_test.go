package rulebook

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// replace does what editors and tools do: write another file and rename it.
func replace(t *testing.T, path, text string) {
	t.Helper()
	write(t, path+".new", text)
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func TestAFileIsFollowed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rules.json")
	write(t, path, rulesText("a"))
	b, e, log := bookOf(t, fast("file://"+path))
	if ids(e) != "a" || e.Rules()[0].Source != "file://"+path {
		t.Fatalf("in force are %q: %+v", ids(e), b.Status())
	}
	replace(t, path, rulesText("a", "b"))
	testkit.Eventually(t, "a renamed file is loaded", func() bool { return ids(e) == "a b" })
	write(t, path, rulesText("c"))
	testkit.Eventually(t, "an overwritten file is loaded", func() bool { return ids(e) == "c" })

	replace(t, path, `[{"id":"d","unknown":true}]`)
	testkit.Eventually(t, "a bad file is refused", func() bool { return stateOf(b, 0) == SourceRefused && strings.Contains(b.Status()[0].Error, "rule d") })
	if s := b.Status()[0]; ids(e) != "c" || len(s.Faults) == 0 || s.Rules != 1 || !strings.Contains(log.String(), path) {
		t.Errorf("%q in force, %+v\n%s", ids(e), s, log)
	}
	if b.Ready() != nil {
		t.Error("a bad update takes the server out of service")
	}
	refusals := b.Status()[0].Refusals
	replace(t, path, "")
	testkit.Eventually(t, "an empty file is refused", func() bool { return b.Status()[0].Refusals > refusals })
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "a missing file is noticed", func() bool {
		return b.Status()[0].CheckedAt.After(time.Time{}) && strings.Contains(log.String(), "no such file")
	})
	if ids(e) != "c" {
		t.Errorf("%q in force", ids(e))
	}
	write(t, path, rulesText("c"))
	testkit.Eventually(t, "it is back", func() bool { return stateOf(b, 0) == SourceLoaded })
}

func TestYAMLIsReadToo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rules.yaml")
	write(t, path, `
- id: a
  match: {url: "https://app.example.com/a", methods: [GET]}
  authenticators: [{handler: noop}]
  authorizer: {handler: allow}
  mutators: [{handler: tell}]
  upstream: {url: "https://backend.example.com"}
`)
	if _, e, _ := bookOf(t, fast("file://"+path)); ids(e) != "a" {
		t.Errorf("in force are %q", ids(e))
	}
}

func TestADirectoryIsFollowed(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "2.json"), rulesText("b"))
	write(t, filepath.Join(dir, "1.yaml"), rulesText("a")) // JSON is YAML
	write(t, filepath.Join(dir, "README.md"), "no rules")
	write(t, filepath.Join(dir, ".hidden.json"), "no rules")
	if err := os.Mkdir(filepath.Join(dir, "below.json"), 0o700); err != nil {
		t.Fatal(err)
	}
	b, e, _ := bookOf(t, fast("file://"+dir+"/"))
	if ids(e) != "a b" || e.Rules()[1].Source != "file://"+dir+"/2.json" {
		t.Fatalf("in force are %q: %+v", ids(e), b.Status())
	}
	write(t, filepath.Join(dir, "3.yml"), rulesText("c"))
	testkit.Eventually(t, "a new file is loaded", func() bool { return ids(e) == "a b c" })
	if err := os.Remove(filepath.Join(dir, "1.yaml")); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "a removed file is noticed", func() bool { return ids(e) == "b c" })
	write(t, filepath.Join(dir, "4.json"), "[{]")
	testkit.Eventually(t, "a bad file refuses the directory", func() bool { return stateOf(b, 0) == SourceRefused })
	if s := b.Status()[0]; ids(e) != "b c" || !strings.Contains(s.Error, "4.json") {
		t.Errorf("%q in force, %+v", ids(e), s)
	}
	if err := os.Symlink(filepath.Join(dir, "nowhere"), filepath.Join(dir, "5.json")); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "a link to nowhere is an error", func() bool { return b.Status()[0].Error != "" && !b.heard(b.sources[0]) })
}

// Kubernetes makes a new directory, and switches the link to it.
func TestAConfigMapIsFollowed(t *testing.T) {
	mount := t.TempDir()
	publish := func(version, first, second string) {
		dir := filepath.Join(mount, "..2026_"+version)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, "1.json"), first)
		write(t, filepath.Join(dir, "2.json"), second)
		link := filepath.Join(mount, "..data_tmp")
		if err := os.Symlink(filepath.Base(dir), link); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(link, filepath.Join(mount, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	publish("1", rulesText("a"), rulesText("b"))
	for _, name := range []string{"1.json", "2.json"} {
		if err := os.Symlink(filepath.Join("..data", name), filepath.Join(mount, name)); err != nil {
			t.Fatal(err)
		}
	}
	_, whole, _ := bookOf(t, fast("file://"+mount))
	_, one, _ := bookOf(t, fast("file://"+filepath.Join(mount, "1.json")))
	if ids(whole) != "a b" || ids(one) != "a" {
		t.Fatalf("in force are %q and %q", ids(whole), ids(one))
	}
	publish("2", rulesText("c"), rulesText("d"))
	testkit.Eventually(t, "the new version is loaded", func() bool { return ids(whole) == "c d" && ids(one) == "c" })
}

func TestFilesAreBounded(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "1.json"), rulesText("a"))
	write(t, filepath.Join(dir, "2.json"), strings.Repeat(" ", 900)+"[]")
	c := fast("file://" + dir)
	c.MaxBytes = 1024
	b, _, _ := bookOf(t, c)
	if s := b.Status()[0]; s.State != SourceUnreachable || !strings.Contains(s.Error, "max_bytes") {
		t.Errorf("%+v", s)
	}
}

// What was refused and is gone is not told as if it was there.
func TestARefusedFileThatIsDeleted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rules.yaml")
	write(t, path, rulesText("a"))
	b, e, _ := bookOf(t, fast("file://"+path))
	write(t, path, strings.ReplaceAll(rulesText("a"), "allow", "unheard-of"))
	testkit.Eventually(t, "it is refused", func() bool { return stateOf(b, 0) == SourceRefused })
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "it is gone", func() bool { return stateOf(b, 0) == SourceUnreachable })
	if s := b.Status()[0]; len(s.Faults) > 0 || strings.Contains(s.Error, "unheard-of") || strings.Contains(strings.Join(b.Warnings(), ""), "unheard-of") || ids(e) != "a" {
		t.Errorf("%+v, in force are %s", s, ids(e))
	}
}
