package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestLimits: what is written beyond the limits that a key's tags tell, in the schema and in the reference, is refused by its name,
// wherever it is written and whether it is used or not.
func TestLimits(t *testing.T) {
	tried := 0
	for _, k := range keysOf(reflect.TypeFor[Config]()) {
		for tag, step := range map[string]int64{"min": -1, "max": 1} {
			limit := k.tag.Get(tag)
			if limit == "" {
				continue
			}
			tried++
			value := beyond(t, k.path, limit, step)
			file := filepath.Join(t.TempDir(), "gatehouse.yaml")
			if err := os.WriteFile(file, []byte(documentOf(strings.Split(k.path, "."), value)), 0o600); err != nil {
				t.Fatal(err)
			}
			_, inFile := read([]string{file}, nil)
			refused(t, inFile, strings.NewReplacer("[]", "[0]", "*", "any").Replace(k.path), value)
			if variable := k.environ(); variable != "" {
				_, inVariable := read(nil, []string{variable + "=" + value})
				refused(t, inVariable, k.path, value)
			}
		}
	}
	if tried < 100 {
		t.Errorf("only %d limits were tried", tried)
	}
}

// beyond gives what lies next to a limit.
func beyond(t *testing.T, path, limit string, step int64) string {
	t.Helper()
	if n, err := strconv.ParseInt(limit, 10, 64); err == nil {
		return strconv.FormatInt(n+step, 10)
	}
	d, err := time.ParseDuration(limit)
	if err != nil {
		t.Fatalf("%s: the limit %s is neither a number nor a duration", path, limit)
	}
	return (d + time.Duration(step)*time.Microsecond).String()
}

// documentOf is one in which a key alone is written.
func documentOf(path []string, value string) string {
	name, isList := strings.CutSuffix(path[0], "[]")
	switch {
	case isList:
		value = "[" + documentOf(path[1:], value) + "]"
	case len(path) > 1:
		value = documentOf(path[1:], value)
	}
	return "{" + strings.Replace(name, "*", "any", 1) + ": " + value + "}"
}

func refused(t *testing.T, faults Faults, path, value string) {
	t.Helper()
	told := 0
	for _, f := range faults {
		if f.Path == path && strings.HasPrefix(f.Message, "must be ") && strings.HasSuffix(f.Message, ", is "+value) && f.Where != "" {
			told++
		}
	}
	if told != 1 {
		t.Errorf("%s: %s is refused %d times: %v", path, value, told, faults)
	}
}
