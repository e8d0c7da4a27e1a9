package identity

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/spell"
)

// Kinds of handles besides the types of credentials and the addresses.
const (
	kindExternalID = "external_id"
	kindSearch     = "search"
)

const (
	maxKey    = 191 // bytes of a value that is kept as it is
	maxSearch = 96  // bytes of a value that can be searched for
	maxWords  = 8   // words of one trait that can be searched for
	maxFound  = 48  // values of one identity that can be searched for
)

// handle is one row of identity_handle, without the identity.
type handle struct {
	kind, value string
	unique      bool
	field       string // of what is not unique: the traits that hold the value
}

// addressKind is the kind of handle of an address.
func addressKind(purpose, via string) string { return purpose + ":" + via }

// handleValue is how a value stands in a key: itself, or its digest behind a sign that no kept value begins with.
func handleValue(value string) string {
	if len(value) > maxKey || strings.HasPrefix(value, "#") {
		return "#" + secret.Digest(value)
	}
	return value
}

// identifierHandle is the value under which an identifier of credentials is found. What people type is normalised, what
// other servers and devices say is not.
func identifierHandle(credential, identifier string) string {
	switch credential {
	case Password, Code, WebAuthn:
		return handleValue(NormalizeIdentifier(identifier))
	}
	return handleValue(identifier)
}

// handles lists what finds the identity, each kind and value once. Identifiers of the schema are there whether or not
// the credential is.
func (p *prepared) handles(id *Identity, credentials map[string]Credential) []handle {
	var all []handle
	seen := make(map[[2]string]bool)
	unique := func(kind, value string) {
		if key := [2]string{kind, value}; !seen[key] {
			seen[key] = true
			all = append(all, handle{kind: kind, value: value, unique: true})
		}
	}
	for _, credential := range sortedNames(p.found.Identifiers) {
		for _, identifier := range p.found.Identifiers[credential] {
			unique(credential, identifierHandle(credential, identifier))
		}
	}
	for _, credential := range sortedNames(credentials) {
		for _, identifier := range credentials[credential].Identifiers {
			unique(credential, identifierHandle(credential, identifier))
		}
	}
	for _, h := range id.addressHandles() {
		unique(h.kind, h.value)
	}
	if id.ExternalID != "" {
		unique(kindExternalID, handleValue(id.ExternalID))
	}
	return append(all, searchHandles(p.value, id.ExternalID)...)
}

// addressHandles are the handles of the addresses that the identity has.
func (i *Identity) addressHandles() []handle {
	all := make([]handle, 0, len(i.VerifiableAddresses)+len(i.RecoveryAddresses))
	for _, a := range i.VerifiableAddresses {
		all = append(all, handle{kind: addressKind(Verify, a.Via), value: handleValue(a.Value), unique: true})
	}
	for _, a := range i.RecoveryAddresses {
		all = append(all, handle{kind: addressKind(Recover, a.Via), value: handleValue(a.Value), unique: true})
	}
	return all
}

func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// searchHandles are the beginnings of words in the traits and in the external id.
func searchHandles(traits map[string]any, externalID string) []handle {
	fields := make(map[string][]string)
	var order []string
	add := func(field, text string) {
		for _, value := range searchValues(text) {
			if _, known := fields[value]; !known {
				if len(order) >= maxFound {
					return
				}
				order = append(order, value)
			}
			if !slices.Contains(fields[value], field) {
				fields[value] = append(fields[value], field)
			}
		}
	}
	if externalID != "" {
		add(kindExternalID, externalID)
	}
	eachText("traits", traits, add)
	all := make([]handle, len(order))
	for i, value := range order {
		all[i] = handle{kind: kindSearch, value: value, field: "|" + strings.Join(fields[value], "|") + "|"}
	}
	return all
}

// eachText calls fn with the path and text of every scalar in v. Members of a list have the list's path.
func eachText(path string, v any, fn func(path, text string)) {
	switch v := v.(type) {
	case map[string]any:
		for _, name := range sortedNames(v) {
			eachText(path+"."+name, v[name], fn)
		}
	case []any:
		for _, member := range v {
			eachText(path, member, fn)
		}
	case string:
		fn(path, v)
	case json.Number:
		fn(path, v.String())
	}
}

// searchValues are a text from the beginning of each of its words on. Only white space and "@" divide words, so that
// "example.com" finds an address there and "lovelace" a full name.
func searchValues(text string) []string {
	text = searchText(text)
	var values []string
	begin := true
	for i, r := range text {
		divides := unicode.IsSpace(r) || r == '@'
		if begin && !divides {
			values = append(values, spell.Fit(text[i:], maxSearch))
			if len(values) == maxWords {
				break
			}
		}
		begin = divides
	}
	return values
}

// searchText is a text as it is searched for: normalised, on one line.
func searchText(text string) string {
	return strings.Join(strings.FieldsFunc(fold(strings.ToValidUTF8(text, "")), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " ")
}
