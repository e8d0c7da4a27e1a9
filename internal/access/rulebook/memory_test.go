package rulebook

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Rules are alive as long as the server, and a garbage collector looks at all of them again and again: how long it takes, requests
// wait for. So ten thousand rules that differ in where they are for are few pieces of memory, and not many bytes.
func TestMemoryOfRules(t *testing.T) {
	const few, many = 1000, 10_000
	objectsOfFew, bytesOfFew := memoryOf(t, few)
	objectsOfMany, bytesOfMany := memoryOf(t, many)
	objects, bytes := (objectsOfMany-objectsOfFew)/(many-few), (bytesOfMany-bytesOfFew)/(many-few)
	t.Logf("%.2f objects and %.0f bytes for each rule", objects, bytes)
	if objects > 0.5 || bytes > 1150 { // 0.0 and 920 when this was written
		t.Errorf("a rule is %.2f objects and %.0f bytes", objects, bytes)
	}
}

// memoryOf says what n rules keep alive, with all that follows from them.
func memoryOf(t *testing.T, n int) (objects, bytes float64) {
	t.Helper()
	var text strings.Builder
	for i := range n {
		by := [...]string{"noop", "token", "jwt", "session"}[i%4]
		fmt.Fprintf(&text, "- id: %s-%d\n  match: {url: \"http://app%d.example.com/application/%[2]d/%[1]s/<.*>\", methods: [GET]}\n"+
			"  authenticators: [{handler: noop}]\n  authorizer: {handler: allow}\n  mutators: [{handler: tell}]\n"+
			"  upstream: {url: \"http://127.0.0.1:8080\"}\n", by, i, i%(n/10))
	}
	path := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	text.Reset()
	c := fast("file://" + path)
	c.FilePoll = time.Hour
	before := alive()
	b, e, _ := bookOf(t, c)
	if err := b.Ready(); err != nil || len(e.Rules()) != n {
		t.Fatal(err, b.Warnings())
	}
	after := alive()
	runtime.KeepAlive(b)
	return float64(after.HeapObjects) - float64(before.HeapObjects), float64(after.HeapAlloc) - float64(before.HeapAlloc)
}

// alive says what is on the heap when all garbage is gone: what sync.Pool holds goes with the second collection.
func alive() (m runtime.MemStats) {
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m
}
