package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gatehouse-iam/gatehouse/internal/config"
)

var explainColumns = []column{
	{title: "KEY", field: "key"}, {title: "VALUE", field: "value"}, {title: "FROM", field: "source"}, {title: "ENVIRONMENT VARIABLE", field: "environment"},
}

// explain prints the settings whose keys begin with one of the prefixes, or all of them.
func explain(cmd *cobra.Command, cfg *config.Config, prefixes []string) error {
	var lines []document
	for _, l := range cfg.Explain() {
		if !below(l.Key, prefixes) {
			continue
		}
		lines = append(lines, document{
			"key": l.Key, "value": l.Value, "source": l.Source, "environment": l.Environment, "unit": l.Unit, "meaning": l.Meaning,
		})
	}
	if len(lines) == 0 {
		return fmt.Errorf("no setting begins with %s; `gatehouse config explain` lists all", strings.Join(prefixes, ", "))
	}
	return showList(cmd, explainColumns, lines)
}

// below reports whether a key is one of the prefixes or lies under one.
func below(key string, prefixes []string) bool {
	if len(prefixes) == 0 {
		return true
	}
	for _, p := range prefixes {
		if rest, ok := strings.CutPrefix(key, p); ok && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			return true
		}
	}
	return false
}
