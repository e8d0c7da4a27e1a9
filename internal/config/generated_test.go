package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write comments.json and the reference page")

const (
	module        = "github.com/gatehouse-iam/gatehouse/"
	root          = "../.."
	referencePage = root + "/docs/reference/configuration.md"
)

// TestGenerated holds comments.json and the reference page to the sources. `go generate ./internal/config` renews them.
func TestGenerated(t *testing.T) {
	c := readComments(t)
	raw, err := json.MarshalIndent(c, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string][]byte{
		"comments.json": append(raw, '\n'),
		referencePage:   referenceOf(c),
	} {
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		got, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what the sources say (%v): run go generate ./internal/config", path, err)
		}
	}
}

// TestEveryKeyIsExplained: a key without a comment would leave a hole in the reference, the schema and explain.
func TestEveryKeyIsExplained(t *testing.T) {
	c := readComments(t)
	for _, k := range keysOf(reflect.TypeFor[Config]()) {
		if d := c.of(k.field); len(d) < 20 || !strings.HasSuffix(strings.TrimSpace(d), ".") {
			t.Errorf("%s: %s.%s has no comment that is a sentence: %q", k.path, k.owner, k.name, d)
		}
	}
}

// TestDefaultTags: where a default is written in a tag, it is the real one.
func TestDefaultTags(t *testing.T) {
	checkDefaultTags(t, "", reflect.ValueOf(Defaults(Development)))
}

func checkDefaultTags(t *testing.T, path string, v reflect.Value) {
	t.Helper()
	for _, f := range fieldsOf(v.Type()) {
		value := v.FieldByIndex(f.index)
		if f.form == group && value.Kind() == reflect.Struct {
			checkDefaultTags(t, join(path, f.key), value)
			continue
		}
		if want, there := f.tag.Lookup("default"); there && strings.ReplaceAll(written(value), ", ", ",") != want {
			t.Errorf("%s: the tag says that %s is the default, and it is %s", join(path, f.key), want, written(value))
		}
	}
}

// readComments reads the comments of every struct that the configuration is made of from the sources.
func readComments(t *testing.T) comments {
	t.Helper()
	c := comments{}
	types := map[reflect.Type]bool{reflect.TypeFor[Config](): true}
	for _, k := range keysOf(reflect.TypeFor[Config]()) {
		types[k.owner] = true
	}
	packages := map[string]*packageComments{}
	for typ := range types {
		dir, ours := strings.CutPrefix(typ.PkgPath(), module)
		if !ours {
			t.Fatalf("%s is not of this module", typ)
		}
		if packages[dir] == nil {
			packages[dir] = parsePackage(t, filepath.Join(root, dir))
		}
		packages[dir].take(c, typ)
	}
	return c
}

// packageComments are the struct declarations of a package by name.
type packageComments struct {
	structs map[string]*ast.StructType
	docs    map[string]string
}

func parsePackage(t *testing.T, dir string) *packageComments {
	t.Helper()
	p := &packageComments{structs: map[string]*ast.StructType{}, docs: map[string]string{}}
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range parsed.Decls {
			if d, ok := decl.(*ast.GenDecl); ok && d.Tok == token.TYPE {
				p.declaration(d)
			}
		}
	}
	return p
}

func (p *packageComments) declaration(d *ast.GenDecl) {
	for _, spec := range d.Specs {
		s, ok := spec.(*ast.TypeSpec)
		if !ok {
			continue
		}
		doc := s.Doc
		if doc == nil {
			doc = d.Doc
		}
		p.docs[s.Name.Name] = joined(doc)
		if st, ok := s.Type.(*ast.StructType); ok {
			p.structs[s.Name.Name] = st
		}
	}
}

// take puts the comments of a struct and of its fields into c.
func (p *packageComments) take(c comments, typ reflect.Type) {
	c[typeName(typ)] = p.docs[typ.Name()]
	st := p.structs[typ.Name()]
	if st == nil {
		return
	}
	for _, f := range st.Fields.List {
		doc := f.Doc
		if doc == nil {
			doc = f.Comment
		}
		for _, name := range f.Names {
			if f.Tag != nil && name.IsExported() {
				c[typeName(typ)+"."+name.Name] = joined(doc)
			}
		}
	}
}

// joined joins the lines of each paragraph.
func joined(doc *ast.CommentGroup) string {
	if doc == nil {
		return ""
	}
	paragraphs := strings.Split(strings.TrimSpace(doc.Text()), "\n\n")
	for i, p := range paragraphs {
		paragraphs[i] = strings.Join(strings.Fields(p), " ")
	}
	return strings.Join(paragraphs, "\n\n")
}
