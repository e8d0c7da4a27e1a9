package password

import (
	"errors"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// said gives the id of the one text of a refusal, 0 for none.
func said(t *testing.T, err error) int {
	t.Helper()
	if err == nil {
		return 0
	}
	var invalid *ui.Invalid
	if !errors.As(err, &invalid) || len(invalid.Texts) != 1 || invalid.Texts[0].Pointer != field {
		t.Fatalf("not one text about the password: %v", err)
	}
	return invalid.Texts[0].Text.ID
}

func TestPolicy(t *testing.T) {
	const tooShort, tooLong, tooClose = 4000032, 4000033, 4000031
	policy := DefaultConfig().Config
	for _, tc := range []struct {
		name, password string
		identifiers    []string
		longest, want  int
	}{
		{"empty", "", nil, 1024, tooShort},
		{"seven characters", "abcdefg", nil, 1024, tooShort},
		{"eight characters", "abcdefgh", nil, 1024, 0},
		{"seven characters of many bytes", "äöüßäöü", nil, 1024, tooShort},
		{"eight characters of many bytes", "äöüßäöüß", nil, 1024, 0},
		{"as long as can be hashed", strings.Repeat("x", 72), nil, 72, 0},
		{"longer than can be hashed", strings.Repeat("x", 73), nil, 72, tooLong},
		{"longer than can be hashed, in bytes", strings.Repeat("ä", 37), nil, 72, tooLong},
		{"the identifier", "ada@example.com", []string{"ada@example.com"}, 1024, tooClose},
		{"the identifier in capitals", "ADA@Example.COM", []string{"ada@example.com"}, 1024, tooClose},
		{"the identifier and a digit", "ada@example.com1", []string{"ada@example.com"}, 1024, tooClose},
		{"the name of the address", "adalovelace", []string{"ada.lovelace@example.com"}, 1024, tooClose},
		{"mostly a piece of the identifier", "example.com42", []string{"ada@example.com"}, 1024, tooClose},
		{"a second identifier", "+4915112345678", []string{"ada@example.com", "+4915112345678"}, 1024, tooClose},
		{"nothing of the identifier", "correct horse battery", []string{"ada@example.com"}, 1024, 0},
		{"long, with a piece of the identifier", "my cat ada is not called example at all", []string{"ada@example.com"}, 1024, 0},
		{"no identifier", "ada@example.com", []string{""}, 1024, 0},
	} {
		if got := said(t, policy.wrong(tc.password, tc.identifiers, tc.longest)); got != tc.want {
			t.Errorf("%s: %d, want %d", tc.name, got, tc.want)
		}
	}
	policy.IdentifierSimilarityCheckEnabled = false
	if err := policy.wrong("ada@example.com", []string{"ada@example.com"}, 1024); err != nil {
		t.Errorf("with the comparison off: %v", err)
	}
}

func TestDistance(t *testing.T) {
	for _, tc := range []struct {
		a, b             string
		distance, common int
	}{
		{"", "", 0, 0}, {"abc", "", 3, 0}, {"", "abc", 3, 0}, {"kitten", "sitting", 3, 3}, {"flaw", "lawn", 2, 3},
		{"abcdef", "xxcdexx", 4, 3}, {"aaaa", "aa", 2, 2}, {"ä", "a", 1, 0}, {"ababab", "babababa", 2, 6},
	} {
		if d := distance([]rune(tc.a), []rune(tc.b)); d != tc.distance {
			t.Errorf("distance of %q and %q is %d, want %d", tc.a, tc.b, d, tc.distance)
		}
		if c := common([]rune(tc.a), []rune(tc.b)); c != tc.common {
			t.Errorf("common to %q and %q is %d, want %d", tc.a, tc.b, c, tc.common)
		}
	}
}

func TestConfigFaults(t *testing.T) {
	if faults := DefaultConfig().Validate(); len(faults) > 0 {
		t.Errorf("the default: %v", faults)
	}
	for want, change := range map[string]func(*PolicyConfig){
		"config.migrate_hook.config.url: is no absolute https or http URL": func(c *PolicyConfig) { c.MigrateHook.Enabled = true },
		"config.migrate_hook.config.method: must be POST, is \"GET\"": func(c *PolicyConfig) {
			c.MigrateHook = migrating("https://old.example.com")
			c.MigrateHook.Config.Method = "GET"
		},
		"config.migrate_hook.config.body: must begin with file:// or base64://": func(c *PolicyConfig) {
			c.MigrateHook = migrating("https://old.example.com")
			c.MigrateHook.Config.Body = "x"
		},
		"config.haveibeenpwned_host: must be a host name without scheme and path, such as api.pwnedpasswords.com, is \"https://x\"": func(c *PolicyConfig) { c.HaveIBeenPwnedHost = "https://x" },
	} {
		c := DefaultConfig()
		change(&c.Config)
		if faults := c.Validate(); len(faults) != 1 || faults[0].Error() != want {
			t.Errorf("%v, want %s", faults, want)
		}
	}
}

func migrating(url string) MigrateHookConfig {
	c := defaultMigrateHook()
	c.Enabled, c.Config.URL = true, url
	return c
}
