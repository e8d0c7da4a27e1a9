package activity

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
)

// redacted stands where a secret was, so that the log tells that it changed.
const redacted = `"[redacted]"`

// Diff gives the members of two values that differ, each value as a JSON object; nil stands for nothing there. Members whose
// name says that they hold a secret read "[redacted]", at any depth; so do the values of headers, and what signs in to an address. What is
// no object gives nothing.
func Diff(before, after any) (json.RawMessage, json.RawMessage) {
	b, a := members(before), members(after)
	for name, value := range b {
		if other, ok := a[name]; ok && bytes.Equal(value, other) {
			delete(b, name)
			delete(a, name)
		}
	}
	return object(b), object(a)
}

func members(v any) map[string]json.RawMessage {
	if v == nil {
		return nil
	}
	encoded, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	var m map[string]json.RawMessage
	if json.Unmarshal(encoded, &m) != nil {
		return nil
	}
	return m
}

// object writes members, without their secrets.
func object(m map[string]json.RawMessage) json.RawMessage {
	if len(m) == 0 {
		return nil
	}
	for name, value := range m {
		m[name] = clean(name, value)
	}
	encoded, err := json.Marshal(m)
	if err != nil {
		return nil
	}
	return encoded
}

// clean gives a member's value without secrets.
func clean(name string, value json.RawMessage) json.RawMessage {
	if secretName(name) {
		return json.RawMessage(redacted)
	}
	trimmed := bytes.TrimSpace(value)
	if len(trimmed) == 0 {
		return value
	}
	switch trimmed[0] {
	case '{':
		var m map[string]json.RawMessage
		if json.Unmarshal(trimmed, &m) != nil {
			return json.RawMessage(redacted)
		}
		if len(m) == 0 {
			return value
		}
		if strings.EqualFold(name, "headers") { // an API key has whatever name its service gave it
			for header := range m {
				m[header] = json.RawMessage(redacted)
			}
		}
		return object(m)
	case '[':
		var list []json.RawMessage
		if json.Unmarshal(trimmed, &list) != nil {
			return json.RawMessage(redacted)
		}
		for i := range list {
			list[i] = clean("", list[i])
		}
		encoded, err := json.Marshal(list)
		if err != nil {
			return json.RawMessage(redacted)
		}
		return encoded
	case '"':
		return address(trimmed)
	default:
		return value
	}
}

// address gives a text without what signs in to it, where it is an address: a password, or a key among the parameters.
func address(text json.RawMessage) json.RawMessage {
	var s string
	if json.Unmarshal(text, &s) != nil || !strings.Contains(s, "://") {
		return text
	}
	u, err := url.Parse(s)
	if err != nil { // whose parts nobody can tell
		if strings.Contains(s, "@") {
			return json.RawMessage(redacted)
		}
		return text
	}
	if u.User != nil {
		return json.RawMessage(redacted)
	}
	for name := range u.Query() {
		if secretName(name) {
			return json.RawMessage(redacted)
		}
	}
	return text
}

// secretName reports whether a member's name says that its value is a secret: words such as client_secret and
// registration_access_token, the private members of a JWK (RFC 7518 §6.2.2, §6.3.2, §6.4.1), and value, which is the API key where a name
// and a value are what a handler or hook shows to a service.
func secretName(name string) bool {
	name = strings.ToLower(name)
	switch name {
	case "d", "p", "q", "dp", "dq", "qi", "oth", "k", "value":
		return true
	case "token_endpoint_auth_method", "token_endpoint_auth_signing_alg", "access_token_strategy", "client_secret_expires_at":
		return false
	}
	if strings.HasSuffix(name, "_lifespan") {
		return false
	}
	name = strings.NewReplacer("-", "", "_", "").Replace(name)
	for _, word := range []string{"secret", "password", "passwd", "token", "private", "credential", "authorization", "apikey", "accesskey", "cookie"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}
