package chart

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// schema is the JSON Schema of the server's configuration.
type schema map[string]any

// at is the schema of a key, nil where the server has none.
func (s schema) at(path string) schema {
	for key := range strings.SplitSeq(path, ".") {
		properties, _ := s["properties"].(map[string]any)
		below, ok := properties[key].(map[string]any)
		if !ok {
			if below, ok = s["additionalProperties"].(map[string]any); !ok {
				return nil
			}
		}
		s = below
	}
	return s
}

// free tells whether a key holds what the schema does not describe further.
func (s schema) free(path string) bool {
	at := s.at(path)
	return at != nil && at["properties"] == nil
}

// configure carries a value over into the server's configuration.
func (c *Conversion) configure(path, at string, v any) {
	s := c.schema.at(path)
	if s == nil {
		c.leave(at, "Gatehouse has no such setting")
		return
	}
	c.carry(s, path, at, v)
}

// carry goes down to the values that are set one by one.
func (c *Conversion) carry(s schema, path, at string, v any) {
	if key := path[strings.LastIndexByte(path, '.')+1:]; lists.MatchString(key) && tells(v) || asks(key, s, v) {
		c.leaveSecret(path, at)
		return
	}
	if m, ok := v.(map[string]any); ok && s["type"] == "object" {
		for _, key := range slices.Sorted(maps.Keys(m)) {
			c.carryMember(s, key, path, at+"."+key, m[key])
		}
		return
	}
	if secretive(s) && !named(v) {
		c.vary(path, at)
		return
	}
	v = fit(s, v)
	if all, ok := v.([]any); ok && !slices.ContainsFunc(all, func(one any) bool { _, is := scalar(one); return !is }) {
		c.carryList(path, at, all)
		return
	}
	if hides(s, v) {
		c.leaveSecret(path, at)
		return
	}
	c.set("config."+path, v, at)
}

// carryList carries a list of texts over, but for those that hold a secret.
func (c *Conversion) carryList(path, at string, all []any) {
	var carried []any
	for i, one := range all {
		if reveals(one) {
			c.leaveSecret(path, fmt.Sprintf("%s[%d]", at, i))
			continue
		}
		carried = append(carried, one)
	}
	if len(carried) > 0 {
		c.set("config."+path, carried, at)
	}
}

// carryMember has what a mapping says below a key. An entry of a mapping with keys of the user's choice has no variable of its own, so one
// that holds a secret is left whole.
func (c *Conversion) carryMember(s schema, key, path, at string, v any) {
	below := s.at(key)
	switch {
	case strings.Contains(key, "."):
		c.leave(at, "a key with a dot is to be written by hand below config."+path)
	case below == nil && s["properties"] != nil:
		c.leave(at, "Gatehouse has no such setting")
	case s["properties"] == nil && hides(s, map[string]any{key: v}):
		c.leaveSecret(path, at)
	case !empty(v):
		c.carry(below, path+"."+key, at, v)
	}
}

// leaveSecret says that what holds a secret is given by a variable, which takes all that is below path.
func (c *Conversion) leaveSecret(path, at string) {
	c.leave(at, fmt.Sprintf("it holds a secret, or what looks like one, and what is below config is a ConfigMap: give %s by a Secret and extraEnv", variable(path)))
}

// vary gives a secret of the configuration by a variable.
func (c *Conversion) vary(path, at string) {
	const name = "gatehouse-settings"
	c.need(name, path, "what "+at+" says")
	env, _ := c.tree["extraEnv"].([]any)
	c.tree["extraEnv"] = append(env, map[string]any{
		"name": variable(path), "valueFrom": map[string]any{"secretKeyRef": map[string]any{"name": name, "key": path}},
	})
}

func variable(path string) string {
	return "GATEHOUSE_" + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
}

// fit gives a value that Kyma wrote as a text the form that the configuration wants.
func fit(s schema, v any) any {
	written, ok := v.(string)
	if !ok {
		return v
	}
	f := text
	switch s["type"] {
	case "boolean":
		f = truth
	case "integer":
		f = whole
	case "array":
		f = words
	}
	if x, ok := f.of(written); ok {
		return x
	}
	return v
}

// inline is a text as an address that holds it.
func inline(content string) string {
	return "base64://" + base64.StdEncoding.EncodeToString([]byte(content))
}
