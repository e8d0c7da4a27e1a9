package internal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const modulePath = "github.com/gatehouse-iam/gatehouse"

// source is one Go file.
type source struct {
	name    string // without its directory
	test    bool
	imports []string
	tree    *ast.File
	set     *token.FileSet
}

// pack is one package. Its path is below internal/; what is not below internal/ keeps its path in the module.
type pack struct {
	path    string
	sources []source
}

type module struct{ packages []pack }

// listed is what `go list -json` says of a package.
type listed struct {
	ImportPath                                         string
	Dir                                                string
	GoFiles, IgnoredGoFiles, TestGoFiles, XTestGoFiles []string
}

func readModule(t *testing.T) module {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Dir,GoFiles,IgnoredGoFiles,TestGoFiles,XTestGoFiles", "./...")
	cmd.Dir = ".."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.Bytes())
	}
	var m module
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var l listed
		if err := decoder.Decode(&l); errors.Is(err, io.EOF) {
			return m
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		p := pack{path: shorten(l.ImportPath)}
		for _, name := range slices.Concat(l.GoFiles, l.IgnoredGoFiles, l.TestGoFiles, l.XTestGoFiles) {
			p.sources = append(p.sources, readSource(t, name, readText(t, filepath.Join(l.Dir, name))))
		}
		m.packages = append(m.packages, p)
	}
}

func readSource(t *testing.T, name, text string) source {
	t.Helper()
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatalf("parse %s: %v", name, err)
	}
	s := source{name: name, test: strings.HasSuffix(name, "_test.go"), tree: tree, set: set}
	for _, spec := range tree.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatalf("import in %s: %v", name, err)
		}
		s.imports = append(s.imports, imported)
	}
	return s
}

// shorten turns an import path of this module into the form in which the rules name packages.
func shorten(importPath string) string {
	short := strings.TrimPrefix(importPath, modulePath+"/")
	return strings.TrimPrefix(short, "internal/")
}

// own reports whether the import is a package of this module, and its short path.
func own(importPath string) (string, bool) {
	return shorten(importPath), strings.HasPrefix(importPath, modulePath+"/")
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		ok, err := path.Match(pattern, name)
		return ok && err == nil
	})
}

// violations returns a sentence for each broken rule.
func (m module) violations() []string {
	var all []string
	for _, p := range m.packages {
		if p.path == "internal" {
			continue // this test
		}
		all = slices.Concat(all, p.checkNames(), p.checkImports())
		for _, s := range p.sources {
			all = slices.Concat(all, p.checkFile(s), p.checkCode(s))
		}
	}
	return all
}

// unfounded returns a sentence for each name in the tables that is no package's: it would let in whatever is called so one day.
func (m module) unfounded() []string {
	named := below(clocks)
	for _, f := range floors {
		named = slices.Concat(named, f.packages, f.may)
	}
	for _, l := range libraries {
		named = append(named, l.packages...)
	}
	for _, r := range fileRules {
		named = append(named, r.except...)
	}
	slices.Sort(named)
	var all []string
	for _, name := range slices.Compact(named) {
		if !slices.ContainsFunc(m.packages, func(p pack) bool { return matches([]string{name}, p.path) }) {
			all = append(all, name+": is no package: take the name out of the tables in internal/arch_test.go")
		}
	}
	return all
}

func (p pack) checkNames() []string {
	var found []string
	for element := range strings.SplitSeq(p.path, "/") {
		if slices.Contains(forbiddenElements, element) {
			found = append(found, fmt.Sprintf("%s: a package is not named %q: say what it is about", p.path, element))
		}
	}
	documented := slices.ContainsFunc(p.sources, func(s source) bool { return s.name == "doc.go" && s.tree.Doc != nil })
	if !documented {
		found = append(found, p.path+": doc.go with a package comment is missing: what the package owns and what it does not")
	}
	return found
}

func (p pack) checkImports() []string {
	row := slices.IndexFunc(floors, func(f floor) bool { return matches(f.packages, p.path) })
	if row < 0 {
		return []string{p.path + ": stands on no floor: add the package to the table in internal/arch_test.go, with the reason"}
	}
	var found []string
	for _, s := range p.sources {
		if s.test {
			continue
		}
		for _, imported := range s.imports {
			short, ours := own(imported)
			switch {
			case ours && short == "testkit" && p.path != "testkit":
				found = append(found, fmt.Sprintf("%s/%s imports testkit: only tests may", p.path, s.name))
			case ours && !matches(floors[row].may, short):
				found = append(found, fmt.Sprintf("%s/%s imports %s: %s", p.path, s.name, short, floors[row].why))
			case ours && short == "config" && p.path != "app" && !matches([]string{"cmd/*", "bench"}, p.path):
				found = append(found, fmt.Sprintf("%s/%s imports config: only app and the commands may; the Config type of a feature "+
					"is its own", p.path, s.name))
			}
		}
	}
	return found
}

// checkFile holds the rules on what one file may import.
func (p pack) checkFile(s source) []string {
	if s.test {
		return nil
	}
	var found []string
	for _, imported := range s.imports {
		short, _ := own(imported)
		for _, l := range libraries {
			if (imported == l.prefix || strings.HasPrefix(imported, l.prefix+"/")) && !matches(l.packages, p.path) {
				found = append(found, fmt.Sprintf("%s/%s imports %s: %s", p.path, s.name, imported, l.why))
			}
		}
		for _, r := range fileRules {
			if short == r.imports && p.path != r.imports && !matches(r.except, p.path) && !matches(r.files, s.name) {
				found = append(found, fmt.Sprintf("%s/%s imports %s, which only %s may: %s",
					p.path, s.name, short, strings.Join(r.files, ", "), r.why))
			}
		}
	}
	return found
}

// checkCode holds the rules on what the code of a file may say.
func (p pack) checkCode(s source) []string {
	if ast.IsGenerated(s.tree) { // what its generator wrote is nobody's to change
		return nil
	}
	var found []string
	say := func(n ast.Node, format string, args ...any) {
		at := fmt.Sprintf("%s/%s:%d: ", p.path, s.name, s.set.Position(n.Pos()).Line)
		found = append(found, at+fmt.Sprintf(format, args...))
	}
	ast.Inspect(s.tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Name.Name == "init" && n.Recv == nil {
				say(n, "init(): nothing happens by being imported; app constructs")
			}
		case *ast.TypeSpec:
			for _, suffix := range forbiddenSuffixes {
				if strings.HasSuffix(n.Name.Name, suffix) {
					say(n, "type %s: a type is not named …%s: say what it is", n.Name.Name, suffix)
				}
			}
		case *ast.SelectorExpr:
			p.checkSelector(s, n, say)
		}
		return true
	})
	return found
}

func (p pack) checkSelector(s source, n *ast.SelectorExpr, say func(n ast.Node, format string, args ...any)) {
	x, ok := n.X.(*ast.Ident)
	if !ok {
		return
	}
	switch n.Sel.Name {
	case "Now", "Since", "Until":
		if x.Name == "time" && slices.Contains(s.imports, "time") && !s.test && !matches(clocks, p.path) {
			say(n, "time.%s: the clock is an argument, so that tests can set it", n.Sel.Name)
		}
	case "Skip", "Skipf", "SkipNow":
		if s.test && len(x.Name) == 1 {
			say(n, "%s.%s: a test that does not run proves nothing; bring what it needs", x.Name, n.Sel.Name)
		}
	}
}

// machine finds text that is right on one machine only. The words are put together here so that this file does not hold them.
var machine = regexp.MustCompile(strings.Join([]string{
	`(^|[^A-Za-z0-9_./-])/(root|work|home/[a-z][a-z0-9_-]*|Users/[A-Za-z][A-Za-z0-9_.-]*)/[A-Za-z0-9._-]`,
	`[A-Z]:\\Users\\`,
	`proxy\.` + `golang\.org`, `registry\.` + `npmjs\.org`, `deb\.` + `debian\.org`,
}, "|"))

// suspects are in every text that machine finds: looking for them first saves most of a long search.
var suspects = []string{"/root/", "/work/", "/home/", "/Users/", `\Users\`, "proxy.", "registry.", "deb."}

func machineText(name, text string) []string {
	if strings.Contains(text, "\x00") {
		return nil // not text
	}
	var found []string
	line := 0
	for l := range strings.Lines(text) {
		line++
		if !slices.ContainsFunc(suspects, func(s string) bool { return strings.Contains(l, s) }) {
			continue
		}
		if m := machine.FindString(l); m != "" {
			found = append(found, fmt.Sprintf("%s:%d: %q is right on one machine only", name, line, strings.TrimSpace(m)))
		}
	}
	return found
}

// repositoryFiles lists what is, or would be, in the repository; outside of a checkout, what lies in its directory.
func repositoryFiles(t *testing.T) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Dir = ".."
	out, err := cmd.Output()
	var files []string
	if err == nil {
		for name := range strings.SplitSeq(strings.TrimRight(string(out), "\x00"), "\x00") {
			if info, err := os.Stat(filepath.Join("..", name)); err == nil && info.Mode().IsRegular() {
				files = append(files, filepath.Join("..", name))
			}
		}
		return files
	}
	err = filepath.WalkDir("..", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && slices.Contains([]string{".git", "node_modules", "bin", "data"}, entry.Name()) {
			return filepath.SkipDir
		}
		if entry.Type().IsRegular() {
			files = append(files, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func readText(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
