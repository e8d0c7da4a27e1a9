package identity

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// Bounds of traits.
const (
	maxTraits  = 256 << 10
	maxVisits  = 20000 // of a schema with a value, in one extraction
	maxNesting = 200   // of schemas applied in one another
)

// decodeTraits reads traits, which are an object. Its errors are *ui.Invalid.
func decodeTraits(traits json.RawMessage) (map[string]any, error) {
	reject := func(why string) (map[string]any, error) { return nil, ui.RejectField("traits", ui.Generic(why)) }
	if len(traits) > maxTraits {
		return reject("The traits are too large.")
	}
	if !utf8.Valid(traits) {
		return reject("The traits are not UTF-8.")
	}
	switch err := checkText(traits); {
	case errors.Is(err, errNumber):
		return reject("The traits have a number that is too long.")
	case err != nil:
		return reject("The traits are nested too deeply.")
	}
	if len(bytes.TrimSpace(traits)) == 0 {
		return map[string]any{}, nil
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(traits))
	if err != nil {
		return reject("The traits are not JSON.")
	}
	object, ok := value.(map[string]any)
	if !ok {
		return reject("The traits are not an object.")
	}
	return object, nil
}

// extractor goes through a schema and a value together.
type extractor struct {
	Extraction

	marked map[*jsonschema.Schema]bool
	visits int
}

func (s *Schema) extract(traits any) Extraction {
	x := &extractor{marked: s.marked}
	x.Identifiers, x.CodeVia = make(map[string][]string), make(map[string]string)
	x.visit(s.traits, traits, 0)
	return x.Extraction
}

// visit applies the schema to the value. Of alternatives those count that the value fits. Schemas may refer to themselves,
// so both depth and number of visits are bounded.
func (x *extractor) visit(s *jsonschema.Schema, v any, depth int) {
	if x.visits++; s == nil || !x.marked[s] || depth > maxNesting || x.visits > maxVisits {
		return
	}
	depth++
	if e := extensionOf(s); e != nil {
		x.note(e, v)
	}
	x.visit(s.Ref, v, depth)
	for _, sub := range s.AllOf {
		x.visit(sub, v, depth)
	}
	for _, sub := range slices.Concat(s.AnyOf, s.OneOf) {
		if x.marked[sub] && sub.Validate(v) == nil {
			x.visit(sub, v, depth)
		}
	}
	if s.If != nil {
		if s.If.Validate(v) == nil {
			x.visit(s.If, v, depth)
			x.visit(s.Then, v, depth)
		} else {
			x.visit(s.Else, v, depth)
		}
	}
	switch v := v.(type) {
	case map[string]any:
		x.object(s, v, depth)
	case []any:
		x.list(s, v, depth)
	}
}

func (x *extractor) object(s *jsonschema.Schema, v map[string]any, depth int) {
	for _, name := range sortedKeys(v) {
		known := false
		if of, ok := s.Properties[name]; ok {
			known = true
			x.visit(of, v[name], depth)
		}
		for pattern, of := range s.PatternProperties {
			if pattern.MatchString(name) {
				known = true
				x.visit(of, v[name], depth)
			}
		}
		if other, ok := s.AdditionalProperties.(*jsonschema.Schema); ok && !known {
			x.visit(other, v[name], depth)
		}
		if of, ok := s.DependentSchemas[name]; ok {
			x.visit(of, v, depth)
		}
	}
}

func (x *extractor) list(s *jsonschema.Schema, v []any, depth int) {
	single, _ := s.Items.(*jsonschema.Schema)
	first := s.PrefixItems
	if tuple, ok := s.Items.([]*jsonschema.Schema); ok {
		first = tuple
	}
	for i, member := range v {
		switch {
		case i < len(first):
			x.visit(first[i], member, depth)
		case single != nil:
			x.visit(single, member, depth)
		default:
			x.visit(s.Items2020, member, depth)
		}
	}
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// note takes what the keyword says of one value.
func (x *extractor) note(e *extension, v any) {
	s, ok := v.(string)
	if !ok {
		return
	}
	via := e.Credentials.Code.Via
	for _, credential := range e.identifies() {
		value := NormalizeIdentifier(s)
		if credential == Code {
			if value, via, ok = codeAddress(via, s); !ok {
				continue
			}
			x.CodeVia[value] = via
		}
		if validIdentifier(value) && !slices.Contains(x.Identifiers[credential], value) {
			x.Identifiers[credential] = append(x.Identifiers[credential], value)
		}
	}
	x.Verifiable = addAddress(x.Verifiable, e.Verification.Via, s)
	x.Recovery = addAddress(x.Recovery, e.Recovery.Via, s)
	if e.Credentials.TOTP.AccountName && x.TOTPAccount == "" {
		x.TOTPAccount = s
	}
	if e.Credentials.Passkey.DisplayName && x.PasskeyName == "" {
		x.PasskeyName = s
	}
}

// codeAddress finds out how a code reaches an identifier of which the schema does not say it.
func codeAddress(via, s string) (value, how string, ok bool) {
	if via != "" {
		value, ok = NormalizeAddress(via, s)
		return value, via, ok
	}
	for _, via := range []string{ViaEmail, ViaSMS} {
		if value, ok := NormalizeAddress(via, s); ok {
			return value, via, true
		}
	}
	return "", "", false
}

func addAddress(list []Address, via, s string) []Address {
	value, ok := NormalizeAddress(via, s)
	if a := (Address{Value: value, Via: via}); ok && !slices.Contains(list, a) {
		return append(list, a)
	}
	return list
}
