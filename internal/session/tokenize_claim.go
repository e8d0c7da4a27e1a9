package session

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	gotemplate "github.com/DataDog/datadog-agent/pkg/template/text"
)

// maxClaim bounds what a template may write into one claim, in bytes.
const maxClaim = 8 << 10

// claim is one entry of a template's claims: a path, or a Go template.
type claim struct {
	path []string
	text *gotemplate.Template
}

// parseClaim reads the entry; what it finds wrong is for the operator.
func parseClaim(source string) (claim, error) {
	if strings.Contains(source, "{{") {
		t, err := gotemplate.New("claim").Option("missingkey=zero").Parse(source)
		if err != nil {
			return claim{}, fmt.Errorf("is not a Go template: %w", err)
		}
		return claim{text: t}, nil
	}
	path := strings.Split(source, ".")
	if slices.Contains(path, "") {
		return claim{}, errors.New("must be the path of a member of the session, such as identity.traits.email, or a Go template")
	}
	return claim{path: path}, nil
}

// value returns the claim for a session's document; false where its path leads nowhere.
func (c claim) value(tree any) (any, bool, error) {
	if c.text != nil {
		var out bounded
		if err := c.text.Execute(&out, tree); err != nil {
			return nil, false, err
		}
		return strings.ReplaceAll(out.String(), "<no value>", ""), true, nil
	}
	for _, name := range c.path {
		switch at := tree.(type) {
		case map[string]any:
			tree = at[name]
		case []any:
			if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(at) {
				tree = at[i]
				continue
			}
			return nil, false, nil
		default:
			return nil, false, nil
		}
	}
	return tree, tree != nil, nil
}

// bounded refuses to grow beyond maxClaim.
type bounded struct{ strings.Builder }

// Write implements io.Writer.
func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > maxClaim {
		return 0, fmt.Errorf("is longer than %d bytes", maxClaim)
	}
	return b.Builder.Write(p)
}
