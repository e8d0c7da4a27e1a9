package chart

import (
	"encoding/base64"
	"fmt"
	"maps"
	"regexp"
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
	if m, ok := v.(map[string]any); ok && s["type"] == "object" {
		for _, key := range slices.Sorted(maps.Keys(m)) {
			below := s.at(key)
			switch {
			case strings.Contains(key, "."):
				c.leave(at+"."+key, "a key with a dot is to be written by hand below config."+path)
			case below == nil && s["properties"] != nil:
				c.leave(at+"."+key, "Gatehouse has no such setting")
			case below == nil && confidential(key, m[key]):
				c.leave(at+"."+key, "it looks like a secret, and what is below config is a ConfigMap: give the whole handler by a variable of extraEnv")
			case !empty(m[key]):
				c.carry(below, path+"."+key, at+"."+key, m[key])
			}
		}
		return
	}
	if secretive(s) {
		c.vary(path, at)
		return
	}
	if hides(s, v) {
		c.leave(at, fmt.Sprintf("its entries hold secrets, and what is below config is a ConfigMap: give %s by a Secret and extraEnv", variable(path)))
		return
	}
	c.set("config."+path, fit(s, v), at)
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

// secretive tells whether a key of the configuration is a secret, or a list of them.
func secretive(s schema) bool {
	items, _ := s["items"].(map[string]any)
	return s["writeOnly"] == true || items["writeOnly"] == true
}

// hides tells whether a value holds a secret somewhere below.
func hides(s schema, v any) bool {
	switch v := v.(type) {
	case []any:
		items, _ := s["items"].(map[string]any)
		return slices.ContainsFunc(v, func(one any) bool { return hides(items, one) })
	case map[string]any:
		for key, below := range v {
			if at := s.at(key); at == nil && confidential(key, below) || at != nil && hides(at, below) {
				return true
			}
		}
		return false
	}
	return s["writeOnly"] == true && !empty(v)
}

var (
	confident = regexp.MustCompile(`(?i)secret|passw|token|credential|authorization|api.?key|private`)
	harmless  = regexp.MustCompile(`(?i)_(url|urls|from|strategy|type|ttl|only|enabled|header|ranges)$`)
)

// confidential tells whether a key that the schema does not describe seems to hold a secret.
func confidential(key string, v any) bool {
	if _, ok := scalar(v); ok {
		return confident.MatchString(key) && !harmless.MatchString(key)
	}
	return hides(nil, v)
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
