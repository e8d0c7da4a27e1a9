package backup

import (
	"strings"
	"testing"

	"filippo.io/age"
)

// Public keys of both kinds are read, whatever they look like, and a private one is refused without being repeated.
func TestRecipients(t *testing.T) {
	hybrid, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{hybrid.Recipient().String(), "age1pqwlg8jk535ra6f0s5a9fmxfgqrfdvwg7hujw2qgk28fpz8f3p3snvyawj"} {
		if _, err := parseRecipient(text); err != nil {
			t.Error(err)
		}
	}
	if _, err := parseRecipient(hybrid.String()); err == nil || strings.Contains(err.Error(), hybrid.String()[20:40]) {
		t.Error(err)
	}
}
