package activity

import (
	"bytes"
	"encoding/json"
	"strings"
)

// redacted stands where a secret was, so that the log tells that it changed.
const redacted = `"[redacted]"`

// Diff gives the members of two values that differ, each value as a JSON object; nil stands for nothing there. Members whose
// name says that they hold a secret read "[redacted]", at any depth. What is no object gives nothing.
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
	default:
		return value
	}
}

// secretName reports whether a member's name says that its value is a secret: words such as client_secret and
// registration_access_token, and the private members of a JWK (RFC 7518 §6.2.2, §6.3.2, §6.4.1).
func secretName(name string) bool {
	name = strings.ToLower(name)
	switch name {
	case "d", "p", "q", "dp", "dq", "qi", "oth", "k":
		return true
	case "token_endpoint_auth_method", "token_endpoint_auth_signing_alg", "access_token_strategy", "client_secret_expires_at":
		return false
	}
	if strings.HasSuffix(name, "_lifespan") {
		return false
	}
	for _, word := range []string{"secret", "password", "passwd", "token", "private", "credential", "authorization", "api_key", "apikey", "cookie"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}
