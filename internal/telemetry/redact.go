package telemetry

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"strconv"
	"strings"
)

// hidden stands where a value was.
const hidden = "[redacted]"

// redactAttr is the ReplaceAttr of our loggers. Groups are not passed to it, their members are.
func redactAttr(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && builtIn(a) {
		return a
	}
	secretive := sensitive(a.Key)
	for _, g := range groups {
		secretive = secretive || sensitive(g)
	}
	switch a.Value.Kind() {
	case slog.KindBool, slog.KindDuration, slog.KindTime:
		return a
	case slog.KindInt64, slog.KindUint64, slog.KindFloat64:
		if secretive && !plural(a.Key) {
			a.Value = slog.StringValue(hidden)
		}
		return a
	}
	switch {
	case secretive:
		a.Value = slog.StringValue(hidden)
	case addressKey(a.Key):
		a.Value = slog.StringValue(maskAddress(scalar(a.Value)))
	case a.Value.Kind() == slog.KindString:
		a.Value = slog.StringValue(Redact(a.Value.String()))
	default:
		a.Value = slog.AnyValue(redactAny(a.Value.Any()))
	}
	a.Key = Redact(a.Key)
	return a
}

// builtIn tells what slog itself adds from an attribute that only has the name of it, which may hold anything.
func builtIn(a slog.Attr) bool {
	switch a.Key {
	case slog.TimeKey:
		return a.Value.Kind() == slog.KindTime
	case slog.LevelKey:
		_, ok := a.Value.Any().(slog.Level)
		return ok
	case slog.SourceKey:
		_, ok := a.Value.Any().(*slog.Source)
		return ok
	default:
		return false
	}
}

// plural lets counts through: "tokens=3".
func plural(key string) bool { return strings.HasSuffix(key, "s") }

func scalar(v slog.Value) string {
	if v.Kind() == slog.KindString {
		return v.String()
	}
	return fmt.Sprint(v.Any())
}

// redactAny returns something that a handler prints in place of v and that holds nothing to hide. What panics when it
// is asked for its text, as many nil pointers do, must not end the request that logs it.
func redactAny(v any) (clean any) {
	defer func() {
		if recover() != nil {
			clean = fmt.Sprintf("[%T]", v)
		}
	}()
	switch t := v.(type) {
	case nil:
		return nil
	case error:
		return Redact(t.Error())
	case fmt.Stringer:
		return Redact(t.String())
	case []byte:
		return "[" + strconv.Itoa(len(t)) + " bytes]"
	case string:
		return Redact(t)
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprintf("[%T]", v) // fmt would show fields that are not exported, also those of secret types
	}
	var tree any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&tree); err != nil {
		return hidden
	}
	return redactTree(tree)
}

// redactTree walks decoded JSON.
func redactTree(v any) any {
	switch t := v.(type) {
	case map[string]any:
		clean := make(map[string]any, len(t))
		for k, m := range t {
			if sensitive(k) && !harmless(k, m) {
				m = hidden
			} else if s, ok := m.(string); ok && addressKey(k) {
				m = maskAddress(s)
			} else {
				m = redactTree(m)
			}
			clean[Redact(k)] = m
		}
		return clean
	case []any:
		for i := range t {
			t[i] = redactTree(t[i])
		}
		return t
	case string:
		return Redact(t)
	default:
		return v
	}
}

// harmless is the same exception as for attributes: truth values, nothing, and counts.
func harmless(key string, v any) bool {
	switch v.(type) {
	case nil, bool:
		return true
	case json.Number:
		return plural(key)
	default:
		return false
	}
}

// addressKey reports whether a key names a client's network address.
func addressKey(key string) bool {
	var room [maxKey]byte
	switch string(normalize(room[:0], key)) {
	case "ip", "clientip", "remoteip", "remoteaddr", "remoteaddress", "clientaddress", "xforwardedfor", "xrealip", "ipaddress":
		return true
	default:
		return false
	}
}

// maskAddress keeps the network of an address: enough to see an attack, too little to know a person.
func maskAddress(s string) string {
	a, err := netip.ParseAddr(s)
	if err != nil {
		ap, err := netip.ParseAddrPort(s)
		if err != nil {
			if s == "" || s == "invalid IP" { // netip's word for no address
				return ""
			}
			return hidden
		}
		a = ap.Addr()
	}
	a = a.Unmap().WithZone("")
	if a.IsLoopback() {
		return a.String()
	}
	bits := 48
	if a.Is4() {
		bits = 24
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return hidden
	}
	return p.String()
}
