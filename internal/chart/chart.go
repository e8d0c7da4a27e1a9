package chart

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Source is a file of another chart's values.
type Source struct {
	// Name is what messages call it.
	Name string
	// Text is YAML: one document or several.
	Text []byte
}

// Values are those of deploy/chart/gatehouse.
type Values struct {
	// Remarks are lines without a line break: which Secrets to make, what to decide, and what was not carried over, each with its reason.
	Remarks []string
	// Tree are the values.
	Tree map[string]any
}

// Conversion is what came of files so far.
type Conversion struct {
	tree    map[string]any
	from    map[string]string // our settings, by their paths, and which ones of theirs they come of
	read    []string          // what was read
	left    []*remark
	decide  []string
	secrets []*needed
	hosts   map[string][2]string // the address of an Ingress and who says it, by our setting, where no other says better
	input   map[string]map[string]any
	dbs     []database
	profile string
	schema  schema
}

// remark is a reason, and the settings that were not carried over for it.
type remark struct {
	why string
	at  map[string]bool
}

// needed is a Secret that has to be made.
type needed struct {
	name string
	tls  bool
	keys []string // "KEY: what it holds"
}

// Convert reads files of one kind or of several, in this order; of two files of one kind the later wins, setting by setting. kind is what
// all are, "" to have it found out. config is the JSON Schema of the server's configuration.
func Convert(sources []Source, kind string, config map[string]any) (*Conversion, error) {
	documents, err := readAll(sources, kind)
	if err != nil {
		return nil, err
	}
	c := &Conversion{tree: map[string]any{}, from: map[string]string{}, hosts: map[string][2]string{}, input: documents.trees, schema: config}
	for _, k := range kinds {
		if tree := documents.trees[k.name]; tree != nil {
			c.read = append(c.read, fmt.Sprintf("%s (%s)", k.title, strings.Join(documents.names[k.name], ", ")))
			c.walk(k.table(), "", "", tree, false)
			if k.after != nil {
				k.after(c, tree)
			}
		}
	}
	c.finish()
	return c, nil
}

// Config is the server's configuration among the values, for who judges it. That there is a database server stands in it too: some
// settings make sense with one alone.
func (c *Conversion) Config() map[string]any {
	config, _ := c.tree["config"].(map[string]any)
	config = maps.Clone(config)
	if config == nil {
		config = map[string]any{}
	}
	if !c.embedded() {
		config["databases"] = map[string]any{"postgres": map[string]any{"host": "database", "user": "gatehouse"}}
	}
	return config
}

// Profile is the profile that was found out.
func (c *Conversion) Profile() string { return c.profile }

// Refuse takes a setting of the configuration out again, and says why, without the value that why may repeat. It reports whether there was
// one.
func (c *Conversion) Refuse(path, why string) bool {
	path = "config." + path
	var gone []string
	for ours := range c.from {
		if within(ours, path) || within(path, ours) && strings.HasPrefix(ours, "config.") {
			gone = append(gone, ours)
		}
	}
	slices.Sort(gone)
	for _, ours := range gone {
		c.leave(c.from[ours], without(why, c.get(ours)))
		delete(c.from, ours)
		remove(c.tree, strings.Split(ours, "."))
	}
	return len(gone) > 0
}

// Values are the values, and what there is to say about them.
func (c *Conversion) Values() Values { return Values{Remarks: c.remarks(), Tree: c.tree} }

// set puts a value of theirs into ours, unless there is another.
func (c *Conversion) set(path string, v any, at string) {
	if reveals(v) {
		c.leave(at, "it holds a private key, or an address with a password, which belongs into a Secret")
		return
	}
	if !put(c.tree, strings.Split(path, "."), v) {
		c.leave(at, fmt.Sprintf("%s is there already, from %s", path, c.from[path]))
		return
	}
	if c.from[path] == "" {
		c.from[path] = at
	}
}

// leave says why a setting is not carried over.
func (c *Conversion) leave(at, why string) {
	i := slices.IndexFunc(c.left, func(r *remark) bool { return r.why == why })
	if i < 0 {
		c.left, i = append(c.left, &remark{why, map[string]bool{}}), len(c.left)
	}
	c.left[i].at[at] = true
}

// need says that a Secret has to be made, and what one of its keys holds.
func (c *Conversion) need(name, key, holds string) {
	i := slices.IndexFunc(c.secrets, func(s *needed) bool { return s.name == name })
	if i < 0 {
		c.secrets, i = append(c.secrets, &needed{name: name, tls: key == "tls.crt"}), len(c.secrets)
	}
	s := c.secrets[i]
	if at := slices.IndexFunc(s.keys, func(k string) bool { return strings.HasPrefix(k, key+": ") }); at < 0 {
		s.keys = append(s.keys, key+": "+holds)
	}
}

// has reports whether a setting of ours is there.
func (c *Conversion) has(path string) bool { return c.get(path) != nil }

func (c *Conversion) get(path string) any { return lookup(c.tree, path) }
