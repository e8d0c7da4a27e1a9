package config

import (
	"reflect"
	"strings"
)

// Reference gives the reference page of the configuration in Markdown.
func Reference() []byte { return referenceOf(embedded()) }

const referenceHead = `# Configuration

<!-- Generated from the comments of the configuration structs by ` + "`go generate ./internal/config`" + `. Do not edit. -->

A server is configured by YAML files (` + "`-c file`" + `, repeatable) and by environment variables. Later files win over earlier
ones and the environment wins over all files, key by key; lists are replaced as a whole. A key without a value counts as
not written. Unknown keys, unknown ` + "`GATEHOUSE_…`" + ` variables and values of a wrong type are refused, all at once, each with its
place and the nearest known key.

- ` + "`gatehouse config validate -c gatehouse.yaml`" + ` checks without starting.
- ` + "`gatehouse config explain -c gatehouse.yaml`" + ` shows every key with its value and where it comes from.
- ` + "`gatehouse config schema`" + ` prints the JSON Schema, with which editors complete and check the file.

**Environment.** Each key has a variable, named below. Lists are JSON (` + "`[\"a\",\"b\"]`" + `) or separated by commas. A secret can
also be read from the file that the variable with ` + "`_FILE`" + ` at its end names (` + "`GATEHOUSE_SECRETS_SYSTEM_FILE`" + `); a list of
secrets has one per line there. A variable that is set to nothing counts as not set. Some variables with the same beginning
are not configuration and are left alone: ` + "`%FOREIGN%`" + `,
` + "`GATEHOUSE_TEST_…`" + `, and those that Kubernetes sets for Services whose names begin with ` + "`gatehouse`" + `.

**Durations** are written with their unit: ` + "`30s`, `15m`, `720h`, `1h30m`. `-1`" + ` means never, where a key says so.

**Profiles.** ` + "`development`" + ` starts without any configuration. ` + "`production`" + ` refuses missing, short, placeholder and easily
guessed secrets, one secret in two lists, databases in memory, listeners on the network without TLS here or at a declared
proxy, base URLs that are not https, cheap password hashes, databases reached in the clear, certificates for trying out, and an
admin listener that asks for no credential: every critical check of [the hardening page](../hardening.md) that ` + "`harden.accept`" + `
does not accept. In it response types that put tokens into the browser's address are off, and connections to databases check
certificates unless their address says otherwise.
`

// referenceOf writes the page: a heading for each group, an entry for each key.
func referenceOf(c comments) []byte {
	var b strings.Builder
	b.WriteString(strings.Replace(referenceHead, "%FOREIGN%", strings.Join(foreign, "`, `"), 1))
	production := Defaults(Production)
	production.Profile = Development // the profile itself has one default
	r := referenceWriter{
		out: &b, comments: c,
		development: reflect.ValueOf(Defaults(Development)), production: reflect.ValueOf(production), items: map[reflect.Type]string{},
	}
	r.group("", reflect.TypeFor[Config](), r.development, r.production)
	return []byte(b.String())
}

type referenceWriter struct {
	out                     *strings.Builder
	comments                comments
	development, production reflect.Value
	// items are where the keys of a list's or map's items were described first: a hook has the same ones everywhere.
	items map[reflect.Type]string
}

// group writes the keys of a struct, those with one value before the groups, so that no key stands under the heading of
// another group.
func (r referenceWriter) group(path string, t reflect.Type, development, production reflect.Value) {
	var groups []field
	for _, f := range fieldsOf(t) {
		if inner(f.typ) != nil {
			groups = append(groups, f)
			continue
		}
		r.entry(key{field: f, path: join(path, f.key), fixed: reachable(path)}, at(development, f), at(production, f))
	}
	for _, f := range groups {
		r.section(key{field: f, path: join(path, f.key), fixed: reachable(path)}, at(development, f), at(production, f))
	}
}

// at gives a field's default, nothing where there are no defaults.
func at(v reflect.Value, f field) reflect.Value {
	if !v.IsValid() {
		return v
	}
	return v.FieldByIndex(f.index)
}

// inner gives the struct that a type holds, itself, as a list or under keys of one's choice, or nil.
func inner(t reflect.Type) reflect.Type {
	t = elem(t)
	switch formOf(t) {
	case group:
		return t
	case listOf, mapOf:
		return inner(t.Elem())
	}
	return nil
}

// reachable reports whether an environment variable can name what lies below a path.
func reachable(path string) bool {
	return !strings.Contains(path, "[]") && !strings.Contains(path, ".*")
}

// section writes the heading of a group.
func (r referenceWriter) section(k key, development, production reflect.Value) {
	path := k.path
	kind := "A list"
	switch {
	case k.form == listOf:
		path += "[]"
	case k.form == mapOf:
		path, kind = path+".*", "Keys of your choice"
	}
	if k.form != group || elem(k.typ) != k.typ {
		development, production = reflect.Value{}, reflect.Value{}
	}
	t := inner(k.typ)
	r.out.WriteString("\n## `" + path + "`\n\n" + r.comments.of(k.field) + "\n")
	if env := k.environ(); env != "" {
		r.out.WriteString("\n" + kind + "; as a whole by the variable `" + env + "`, in JSON.\n")
	}
	if doc := r.comments.ofType(t); doc != "" && k.form == group {
		if _, more, found := strings.Cut(doc, ". "); found {
			r.out.WriteString("\n" + more + "\n")
		}
	}
	if k.form != group {
		if first, before := r.items[t]; before {
			r.out.WriteString("\nThe keys are those of `" + first + "`.\n")
			return
		}
		r.items[t] = path
	}
	r.group(path, t, development, production)
}

// entry writes one key.
func (r referenceWriter) entry(k key, development, production reflect.Value) {
	r.out.WriteString("\n### `" + k.path + "`\n\n" + r.comments.of(k.field) + "\n\n- Type: " + typeWords(k.typ))
	if words := k.tag.Get("enum"); words != "" {
		r.out.WriteString(", one of `" + strings.ReplaceAll(words, ",", "`, `") + "`")
	}
	if unit := r.comments.unit(k); unit != "" && unit != "duration" {
		r.out.WriteString(", in " + unit)
	}
	if limits := k.limits(); limits != "" {
		r.out.WriteString(", " + limits)
	}
	r.out.WriteString("\n")
	if d := defaultWords(development, production); d != "" {
		r.out.WriteString("- Default: " + d + "\n")
	}
	if env := k.environ(); env != "" {
		r.out.WriteString("- Environment: `" + env + "`")
		if k.hides() {
			r.out.WriteString(" or `" + env + fileSuffix + "`")
		}
		r.out.WriteString("\n")
	}
}

// defaultWords writes the default, or both where the profiles differ.
func defaultWords(development, production reflect.Value) string {
	if !development.IsValid() {
		return ""
	}
	d, p := written(development), written(production)
	if d == p {
		if d == "" {
			return ""
		}
		return "`" + d + "`"
	}
	return "`" + d + "` in development, `" + p + "` in production"
}

// typeWords names the type of a key.
func typeWords(t reflect.Type) string {
	t = elem(t)
	switch f := formOf(t); f {
	case listOf:
		return "list of " + typeWords(t.Elem())
	case mapOf:
		return "keys of your choice, each with " + typeWords(t.Elem())
	case secretText:
		return "secret text"
	case integer, unsigned:
		return "whole number"
	case decimal:
		return "number"
	case duration:
		return "duration"
	case truth:
		return "true or false"
	case free:
		return "a group of keys"
	}
	return "text"
}
