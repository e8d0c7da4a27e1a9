package secret

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// pemKey matches what PEM files of private keys begin with (RFC 7468 §10, §11).
var pemKey = regexp.MustCompile(`-{5}BEGIN [A-Z ]*PRIVATE KEY-{5}`)

// HoldsPrivateKey tells whether a text holds a private key: in PEM, or as a JSON Web Key somewhere in a document, also where the text is an
// address that has it within, such as base64://….
func HoldsPrivateKey(text string) bool {
	if scheme, rest, found := strings.Cut(text, "://"); found && (scheme == "base64" || scheme == "inline") {
		decoded, err := base64.RawStdEncoding.DecodeString(strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(rest, "=")))
		if err != nil {
			return false
		}
		text = string(decoded)
	}
	if pemKey.MatchString(text) {
		return true
	}
	var document any
	return strings.Contains(text, `"kty"`) && json.Unmarshal([]byte(text), &document) == nil && anyPrivate(document)
}

func anyPrivate(document any) bool {
	switch document := document.(type) {
	case []any:
		return slices.ContainsFunc(document, anyPrivate)
	case map[string]any:
		return IsPrivateKey(document) || slices.ContainsFunc(slices.Collect(maps.Values(document)), anyPrivate)
	}
	return false
}

// IsPrivateKey tells whether an object is a JSON Web Key that is private or symmetric (RFC 7517 §9.3, RFC 7518 §6).
func IsPrivateKey(object map[string]any) bool {
	private, _ := object["d"].(string)
	symmetric, _ := object["k"].(string)
	return object["kty"] != nil && private+symmetric != ""
}
