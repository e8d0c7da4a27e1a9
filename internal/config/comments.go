package config

import (
	_ "embed" // for comments.json
	"encoding/json"
	"reflect"
	"strings"
)

// commentsJSON holds the comments of all configuration structs and their fields: "<package>.<Type>" and
// "<package>.<Type>.<Field>".
//
//go:embed comments.json
var commentsJSON []byte

// comments are the doc comments by the name of what they stand at.
type comments map[string]string

// embedded gives the comments as they were when this program's source was generated.
func embedded() comments {
	c := comments{}
	if err := json.Unmarshal(commentsJSON, &c); err != nil {
		panic("config: comments.json: " + err.Error()) // a test reads the same file
	}
	return c
}

// of gives the comment of a key, with the key's name in place of the Go name that it begins with.
func (c comments) of(f field) string {
	text := c[typeName(f.owner)+"."+f.name]
	if rest, found := strings.CutPrefix(text, f.name+" "); found {
		return "`" + f.key + "` " + rest
	}
	return text
}

// ofType gives the comment of a struct.
func (c comments) ofType(t reflect.Type) string { return c[typeName(t)] }

func typeName(t reflect.Type) string { return t.PkgPath() + "." + t.Name() }

// unit finds the unit of a key: its unit tag, or what its comment says behind "Unit:", else what its form implies.
func (c comments) unit(k key) string {
	if u := k.tag.Get("unit"); u != "" {
		return u
	}
	if _, rest, found := strings.Cut(c[typeName(k.owner)+"."+k.name], "Unit: "); found {
		u, _, _ := strings.Cut(rest, ".")
		return u
	}
	if formOf(k.typ) == duration {
		return "duration"
	}
	return ""
}
