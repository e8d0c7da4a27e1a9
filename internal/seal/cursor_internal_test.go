package seal

import (
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// FuzzCursor: whatever an administrator sends is a place in the list, or is refused.
func FuzzCursor(f *testing.F) {
	columns := []secret.Column{
		{Database: "oauth", Table: "a", Name: "c", Key: []string{"tenant_id", "id"}},
		{Database: "management", Table: "b", Name: "c", Key: []string{"id"}},
	}
	for _, seed := range []string{"", "x", cursor{Column: "oauth.a.c"}.String(), cursor{"management.b.c", []string{"1"}}.String(), cursor{"oauth.a.c", []string{"1"}}.String()} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, key, err := parseCursor(text, columns)
		if err == nil && (at < 0 || at >= len(columns) || key != nil && len(key) != len(columns[at].Key)) {
			t.Errorf("%q is place %d, %v", text, at, key)
		}
	})
}
