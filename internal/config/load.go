package config

import (
	"reflect"
	"slices"
	"strings"
)

// Load reads the files, of which later ones win key by key, and the environment over them, and gives a configuration
// that a server can start with, or Faults. In the development profile it generates the secrets that are missing, which
// may write <data_dir>/secrets.yaml.
func Load(files, environ []string) (*Config, error) {
	c, err := Read(files, environ)
	if err != nil {
		return nil, err
	}
	if faults := c.generateSecrets(); len(faults) > 0 {
		return nil, faults
	}
	return c, nil
}

// Draft is Read for who judges a configuration: it gives what could be read of one, and beside it all that makes it invalid.
func Draft(files, environ []string) (*Config, Faults) { return read(files, environ) }

// DraftOf is Draft of one document that is no file; name is what faults call it, profile is what it is read as, "" for what it says.
func DraftOf(name string, content []byte, profile string) (*Config, Faults) {
	var faults Faults
	all := keysOf(reflect.TypeFor[Config]())
	tree := newMapping(origin{})
	if n := (&reader{file: name, faults: &faults}).read(content); n != nil && n.kind == mapping {
		tree = tree.merge(n)
	}
	environ := []string{}
	if profile != "" {
		environ = append(environ, "GATEHOUSE_PROFILE="+profile)
	}
	return build(tree.merge(newEnvironment(environ, all, &faults).tree()), all, faults)
}

// Read is Load without generating secrets: it writes nothing, for those who only want to look.
func Read(files, environ []string) (*Config, error) {
	c, faults := read(files, environ)
	if len(faults) > 0 {
		return nil, faults
	}
	return c, nil
}

// ReadDatabases is Read for work on the databases alone. It wants nothing of the other groups, so that a job that makes or
// migrates databases need not be given the server's secrets. A group that nobody knows is refused all the same: it may be a
// misspelt profile.
func ReadDatabases(files, environ []string) (*Config, error) {
	return readBut(files, environ, outside("version", "profile", "data_dir", "databases"))
}

// ReadData is ReadDatabases for who also opens or hands over what is sealed in them: the server's secrets have to be right.
func ReadData(files, environ []string) (*Config, error) {
	return readBut(files, environ, outside("version", "profile", "data_dir", "databases", "secrets"))
}

// outside holds for the faults of all groups but these.
func outside(groups ...string) func(Fault) bool {
	return func(f Fault) bool {
		group, _, _ := strings.Cut(f.Path, ".")
		return !slices.Contains(groups, group) && slices.ContainsFunc(keysOf(reflect.TypeFor[Config]()), func(k key) bool { return k.path == group })
	}
}

// ReadTransit is Read for who makes a secret: it wants secrets.transit to be right, and nothing of what that secret is for.
func ReadTransit(files, environ []string) (*Config, error) {
	return readBut(files, environ, func(f Fault) bool { return f.Path != "" && !strings.HasPrefix(f.Path, "secrets.transit") })
}

// readBut is Read without the faults that ignored holds for.
func readBut(files, environ []string, ignored func(Fault) bool) (*Config, error) {
	c, faults := read(files, environ)
	if faults = slices.DeleteFunc(faults, ignored); len(faults) > 0 {
		return nil, faults
	}
	return c, nil
}

// read gives the configuration as far as it can be read, and everything that is wrong with it.
func read(files, environ []string) (*Config, Faults) {
	var faults Faults
	all := keysOf(reflect.TypeFor[Config]())
	tree := newMapping(origin{})
	for _, file := range files {
		if n := readDocument(file, &faults); n != nil {
			tree = tree.merge(n)
		}
	}
	tree = tree.merge(newEnvironment(environ, all, &faults).tree())
	return build(tree, all, faults)
}

// readDocument gives the tree of a file, nil after a fault.
func readDocument(file string, faults *Faults) *node {
	content, err := readFile(file)
	if err != nil {
		faults.add("", origin{}, "%s", err)
		return nil
	}
	r := &reader{file: file, faults: faults}
	n := r.read(content)
	if n != nil && n.kind != mapping && n.kind != absent {
		faults.add("", n.from, "a configuration is a group of keys, and this is %s", n.describe())
		return nil
	}
	return n
}

// build gives the merged tree its types and checks the result.
func build(tree *node, all []key, faults Faults) (*Config, Faults) {
	c := Defaults(profileOf(tree))
	d := &decoder{faults: &faults, origins: map[string]origin{}, all: all}
	d.group("", tree, reflect.ValueOf(&c).Elem())
	c.origins = d.origins
	c.derive()
	c.check(&faults)
	return &c, faults
}

// profileOf looks the profile up before anything else is read, since defaults follow from it.
func profileOf(tree *node) Profile {
	if n := tree.entries["profile"]; n != nil && n.text == string(Production) {
		return Production
	}
	return Development
}
