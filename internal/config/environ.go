package config

import (
	"errors"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/spell"
)

const (
	envPrefix = "GATEHOUSE_"
	// fileSuffix behind a secret's variable names a file that holds the value, as container platforms mount secrets.
	fileSuffix = "_FILE"
)

// foreign lists the variables with our prefix that are no configuration: the command line's own, and the test suite's.
var foreign = []string{"GATEHOUSE_ENDPOINT", "GATEHOUSE_ADMIN_KEY", "GATEHOUSE_CLIENT_SECRET"}

// serviceLink matches the variables with their values that Kubernetes puts into every container of a namespace that has
// a Service whose name begins with gatehouse: GATEHOUSE_PORT=tcp://…, GATEHOUSE_ADMIN_SERVICE_HOST and their like. A
// …_PORT that is no URL is none of them but somebody's guess at how the port is set.
var serviceLink = regexp.MustCompile(`^GATEHOUSE(_[A-Z0-9_]+)?_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)=|^GATEHOUSE(_[A-Z0-9_]+)?_PORT=(tcp|udp|sctp)://`)

func isForeign(name, value string) bool {
	return slices.Contains(foreign, name) || strings.HasPrefix(name, "GATEHOUSE_TEST_") || serviceLink.MatchString(name+"="+value)
}

// Variable is the name of the environment variable of a key, such as GATEHOUSE_LOG_LEVEL for log.level.
func Variable(path string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
}

// environment makes a tree of the variables that begin with GATEHOUSE_. A variable that is set to nothing is as good as
// not set: that is what templates leave behind.
type environment struct {
	faults *Faults
	keys   map[string]key // by the variable's name
	set    map[string]string
}

func newEnvironment(environ []string, all []key, faults *Faults) *environment {
	e := &environment{faults: faults, keys: map[string]key{}, set: map[string]string{}}
	for _, k := range all {
		if name := k.environ(); name != "" {
			e.keys[name] = k
		}
	}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, envPrefix) && value != "" {
			e.set[name] = value
		}
	}
	return e
}

// tree gives what the variables say, laid out as a document.
func (e *environment) tree() *node {
	root := newMapping(origin{})
	names := make([]string, 0, len(e.set))
	for name := range e.set {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		k, value, ok := e.resolve(name)
		if !ok {
			continue
		}
		n := e.value(k, name, value)
		if n == nil {
			continue
		}
		segments := strings.Split(k.path, ".")
		last := len(segments) - 1
		root.at(segments[:last], n.from).set(segments[last], n)
	}
	return root
}

// resolve finds the key of a variable, and its text, which a …_FILE variable names instead of holding it, unless a key of that
// name says what becomes of the file.
func (e *environment) resolve(name string) (k key, value string, ok bool) {
	if isForeign(name, e.set[name]) {
		return key{}, "", false
	}
	if k, ok = e.keys[name]; ok {
		return k, e.set[name], true
	}
	at := origin{env: name}
	if direct, isFile := strings.CutSuffix(name, fileSuffix); isFile {
		if k, ok = e.keys[direct]; ok && k.hides() {
			value, ok = e.file(k, direct, name)
			return k, value, ok
		}
	}
	e.faults.add("", at, "is not a known variable%s", e.suggest(name))
	return key{}, "", false
}

// suggest gives the end of the sentence about an unknown variable: the one that is spelt alike, or that ends alike.
func (e *environment) suggest(name string) string {
	names := e.names()
	if best := spell.Nearest(name, names); best != "" {
		return "; did you mean " + best + "?"
	}
	end := "_" + strings.TrimPrefix(name, envPrefix)
	ends := slices.DeleteFunc(names, func(n string) bool { return !strings.HasSuffix(n, end) })
	if len(ends) == 0 || len(ends) > 3 {
		return ""
	}
	return "; did you mean " + strings.Join(ends, " or ") + "?"
}

// file reads what a …_FILE variable names, without the line end at its end. An empty file is a mount that went wrong: a
// server that took it for "not set" would start on another database, or without admin keys.
func (e *environment) file(k key, direct, name string) (string, bool) {
	at := origin{env: name}
	if _, both := e.set[direct]; both {
		e.faults.add(k.path, at, "%s is set too; set only one of them", direct)
		return "", false
	}
	read := readFile
	if k.form == listOf {
		read = readSecretFiles
	}
	content, err := read(e.set[name])
	if err != nil {
		e.faults.add(k.path, at, "%s", err)
		return "", false
	}
	if strings.TrimSpace(string(content)) == "" {
		e.faults.add(k.path, at, "the file %s is empty", e.set[name])
		return "", false
	}
	return strings.TrimRight(string(content), "\r\n"), true
}

// names lists every variable that is known, for suggestions.
func (e *environment) names() []string {
	names := make([]string, 0, len(e.keys))
	for name := range e.keys {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// value makes the node of a variable's text. Lists are JSON ([…]), else separated by commas, and by lines where a file
// holds them; groups with free keys are JSON ({…}).
func (e *environment) value(k key, name, value string) *node {
	from := origin{env: name}
	trimmed := strings.TrimSpace(value)
	switch {
	case k.form == mapOf, k.form == listOf && strings.HasPrefix(trimmed, "["):
		r := &reader{env: name, faults: e.faults}
		return r.read([]byte(trimmed))
	case k.form == listOf:
		separator := ","
		if strings.HasSuffix(name, fileSuffix) {
			separator = "\n"
		}
		n := &node{kind: list, from: from}
		for part := range strings.SplitSeq(value, separator) {
			if part = strings.TrimSpace(part); part != "" {
				n.items = append(n.items, &node{kind: scalar, from: from, text: part})
			}
		}
		return n
	}
	return &node{kind: scalar, from: from, text: value}
}

// maxFile bounds what a mistaken path can make us read.
const maxFile = 4 << 20

// readFile reads a small file; its errors name the path and the reason.
func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	content, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err == nil && len(content) > maxFile {
		err = &os.PathError{Op: "read", Path: path, Err: errors.New("larger than 4 MiB")}
	}
	return content, err
}
