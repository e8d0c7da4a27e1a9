package backup

import (
	"os"
	"path/filepath"
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

// The key of an object store comes from a file as well, whose content no message repeats.
func TestKeyFile(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct{ content, want, fault string }{
		"one line":   {"the-key\n", "the-key", ""},
		"empty":      {"\n", "", "one line"},
		"several":    {"hidden-1\nhidden-2\n", "", "one line"},
		"very large": {strings.Repeat("hidden-", 1000), "", "4 KiB"},
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		to := S3Config{Bucket: "kept", AccessKeyID: "keeper", SecretAccessKeyFile: path}
		if faults := to.validate(); len(faults) > 0 {
			t.Error(faults)
		}
		key, err := to.key()
		if key.Reveal() != c.want || (err == nil) != (c.fault == "") || err != nil && (!strings.Contains(err.Error(), c.fault) || strings.Contains(err.Error(), "hidden")) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]S3Config{
		"both":           {Bucket: "kept", AccessKeyID: "keeper", SecretAccessKey: "key", SecretAccessKeyFile: "/file"},
		"without its id": {Bucket: "kept", SecretAccessKeyFile: "/file"},
		"an id alone":    {Bucket: "kept", AccessKeyID: "keeper"},
	} {
		if faults := c.validate(); len(faults) != 1 {
			t.Errorf("%s: %v", name, faults)
		}
	}
	if _, err := openBucket(DestinationConfig{Name: "far", S3: S3Config{Bucket: "kept", AccessKeyID: "keeper", SecretAccessKeyFile: filepath.Join(dir, "none")}}); err == nil ||
		!strings.Contains(err.Error(), "far") || !strings.Contains(err.Error(), "secret_access_key_file") {
		t.Error(err)
	}
}

// Two names for one place are no two places, and the second of two that write there would break what the first one writes.
func TestPlacesAreApart(t *testing.T) {
	recipients := []string{"age16fukhfsmklawx5tkqun66mcr54q0eesg9643ht43n7kts0ev63cq9uxjeg"}
	for name, c := range map[string]struct {
		one, two DestinationConfig
		fault    string
	}{
		"a directory": {DestinationConfig{Directory: "/mnt/near"}, DestinationConfig{Directory: "/mnt/other/../near/"}, "destinations[1].directory: is the same place as that of one"},
		"a bucket": {
			DestinationConfig{S3: S3Config{Bucket: "kept", Endpoint: "s3.example.com", Prefix: "a"}},
			DestinationConfig{S3: S3Config{Bucket: "kept", Endpoint: "https://s3.example.com/", Prefix: "a/", PathStyle: true}}, "destinations[1].s3.bucket: is the same place as that of one",
		},
		"prefixes":    {DestinationConfig{S3: S3Config{Bucket: "kept", Prefix: "a"}}, DestinationConfig{S3: S3Config{Bucket: "kept", Prefix: "b"}}, ""},
		"directories": {DestinationConfig{Directory: "/mnt/near"}, DestinationConfig{Directory: "/mnt/near/far"}, ""},
	} {
		c.one.Name, c.two.Name = "one", "two"
		faults := Config{Destinations: []DestinationConfig{c.one, c.two}, Recipients: recipients, Keep: KeepConfig{Last: 1}}.Validate()
		if len(faults) > 1 || (len(faults) == 1) != (c.fault != "") || len(faults) == 1 && !strings.HasPrefix(faults[0].Error(), c.fault) {
			t.Errorf("%s: %v", name, faults)
		}
	}
}
