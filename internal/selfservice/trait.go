package selfservice

import (
	"encoding/json"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// traitNodes are the fields of a schema.
func traitNodes(s *identity.Schema, group string) []*ui.Node {
	var nodes []*ui.Node
	for _, field := range s.Fields() {
		nodes = append(nodes, TraitNode(field, group))
	}
	return nodes
}

// TraitNode is the input of one trait.
func TraitNode(field identity.Field, group string) *ui.Node {
	options := []ui.Option{ui.WithLabel(ui.Label(field.Title, field.Name))}
	if field.Required {
		options = append(options, ui.WithRequired())
	}
	if field.Autocomplete != "" {
		options = append(options, ui.WithAutocomplete(field.Autocomplete))
	}
	if field.Pattern != "" {
		options = append(options, ui.WithPattern(field.Pattern))
	}
	if field.MaxLength > 0 {
		options = append(options, ui.WithMaxLength(field.MaxLength))
	}
	if len(field.Choices) > 0 {
		options = append(options, ui.WithChoices(field.Choices...))
	}
	return ui.Input(group, field.Name, field.Kind, options...)
}

func names(s *identity.Schema) []string {
	var out []string
	for _, field := range s.Fields() {
		out = append(out, field.Name)
	}
	return out
}

// hideTraits makes the fields of the first step hidden ones that carry what was typed.
func (f *Flow) hideTraits(traits json.RawMessage) {
	typed := Submission{Values: map[string]any{"traits": decoded(traits)}}
	for i, n := range f.Form.Nodes {
		if n.Type == ui.TypeInput && len(n.Attributes.Name) > 7 && n.Attributes.Name[:7] == "traits." {
			f.Form.Nodes[i] = ui.Hidden(n.Group, n.Attributes.Name, typed.value(n.Attributes.Name))
			f.Form.Nodes[i].Meta = n.Meta
		}
	}
}

func decoded(raw json.RawMessage) any {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return nil
	}
	return v
}
