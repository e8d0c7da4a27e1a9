package backup

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"filippo.io/age"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// Config says where backups go and who can open them. The keys that open them are no part of it: a server makes backups that it
// cannot read.
type Config struct {
	// Destinations are where every backup goes: to each of them, so give two that do not fail together. Default: none, and no
	// backups.
	Destinations []DestinationConfig `yaml:"destinations"`
	// Recipients are public keys of age (age1…, as `age-keygen` prints them). Whoever has the private key of any of them can open
	// the backups; keep it away from the servers and from secrets.system. Required where there are destinations.
	Recipients []string `yaml:"recipients"`
	// Decisions says whether decisions at the doors (the database flow) are kept too. They are many, and expire soon. Default: false.
	Decisions bool `yaml:"decisions"`
	// FullEvery is the age of a full backup at which the next one is full again; those between hold what changed. After 31 of
	// these a full one is made in any case. Unit: duration. Default: 168h, a week. 0s makes every backup a full one.
	FullEvery time.Duration `yaml:"full_every" default:"168h" min:"0s" max:"8784h"`
	// Schedule is when a server makes a backup, as a cron expression in UTC: minute, hour, day of the month, month, day of the week.
	// Of several servers on the same databases one makes it. Default: none; `gatehouse backup create` is called from outside.
	Schedule string `yaml:"schedule"`
	// Prune has the server that made a scheduled backup, and wrote it to every destination, remove those that keep does not name any more.
	// Default: false; `gatehouse backup prune` is called from outside, where servers shall not be able to delete backups.
	Prune bool `yaml:"prune"`
	// Keep says which backups pruning leaves. What a kept one builds on stays with it.
	Keep KeepConfig `yaml:"keep"`
}

// DestinationConfig is one place for backups.
type DestinationConfig struct {
	// Name tells it from the others, in messages and metrics: 1 to 63 of a-z, 0-9 and "-". Required.
	Name string `yaml:"name"`
	// Directory is an absolute path; it is made when it is missing. Best on another machine's disk. This or s3 is required.
	Directory string `yaml:"directory"`
	// S3 is a bucket of an object store that speaks S3.
	S3 S3Config `yaml:"s3"`
}

// S3Config is a bucket. What an upload that was killed left behind is removed by the store, where it has a rule for incomplete
// multipart uploads.
type S3Config struct {
	// Bucket is its name; it exists.
	Bucket string `yaml:"bucket"`
	// Prefix stands before the names of all objects, with a slash between. Default: none.
	Prefix string `yaml:"prefix"`
	// Region is the bucket's. Default: the store is asked.
	Region string `yaml:"region"`
	// Endpoint is the store's host, with its port where it is another than 443; http:// in front for one without TLS. Default:
	// s3.amazonaws.com.
	Endpoint string `yaml:"endpoint"`
	// PathStyle has the bucket stand in the path of requests and not in the host name, as many stores want it that are not
	// Amazon's. Default: false.
	PathStyle bool `yaml:"path_style"`
	// AccessKeyID is the id of the key. It must be allowed to list, get, put and delete objects. Default: the keys that Amazon's own
	// tools would use: AWS_ACCESS_KEY_ID and its like, the credentials file, the machine's role.
	AccessKeyID string `yaml:"access_key_id"`
	// SecretAccessKey is the key. Better name a file.
	SecretAccessKey secret.String `yaml:"secret_access_key"`
	// SecretAccessKeyFile is the file that holds the key. It is read when the server, or a command, starts. Default: none.
	SecretAccessKeyFile string `yaml:"secret_access_key_file"`
	// SessionToken goes with a key that expires. Default: none.
	SessionToken secret.String `yaml:"session_token"`
}

// DefaultConfig makes no backups.
func DefaultConfig() Config {
	return Config{FullEvery: 7 * 24 * time.Hour, Keep: KeepConfig{Last: 14, For: 30 * 24 * time.Hour}}
}

// Validate returns all that is wrong, each fault beginning with its key.
func (c Config) Validate() (faults []error) {
	bad := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	names, places := map[string]bool{}, map[string]string{}
	for i, d := range c.Destinations {
		for _, err := range d.validate() {
			bad("destinations[%d].%w", i, err)
		}
		if names[d.Name] {
			bad("destinations[%d].name: %q is there twice", i, d.Name)
		}
		names[d.Name] = true
		key, place := d.place()
		if other, taken := places[place]; taken && place != "" {
			bad("destinations[%d].%s: is the same place as that of %s: name one that does not fail together with it", i, key, other)
		}
		places[place] = d.Name
	}
	if len(c.Destinations) > 0 && len(c.Recipients) == 0 {
		bad("recipients: name at least one public key (age1…): `age-keygen -o backup.key` makes a pair and prints it")
	}
	for i, r := range c.Recipients {
		if _, err := parseRecipient(r); err != nil {
			bad("recipients[%d]: %w", i, err)
		}
	}
	if c.Schedule != "" {
		if _, err := parseCron(c.Schedule); err != nil {
			bad("schedule: %w", err)
		}
		if len(c.Destinations) == 0 {
			bad("schedule: there are no destinations for what it makes")
		}
	}
	if c.Prune && c.Schedule == "" {
		bad("prune: follows a scheduled backup, and there is no schedule: set backup.schedule, or call `gatehouse backup prune`")
	}
	return faults
}

func (d DestinationConfig) validate() (faults []error) {
	if !isName(d.Name) {
		faults = append(faults, errors.New("name: must be 1 to 63 of a-z, 0-9 and \"-\""))
	}
	switch {
	case d.S3 == (S3Config{}):
		if !filepath.IsAbs(d.Directory) {
			faults = append(faults, errors.New("directory: must be an absolute path"))
		}
		return faults
	case d.Directory != "":
		faults = append(faults, errors.New("directory: a destination is a directory or a bucket, not both"))
	}
	for _, err := range d.S3.validate() {
		faults = append(faults, fmt.Errorf("s3.%w", err))
	}
	return faults
}

// place gives the key that says where a destination is, and what no other one may share with it.
func (d DestinationConfig) place() (key, place string) {
	switch {
	case d.Directory != "":
		return "directory", filepath.Clean(d.Directory)
	case d.S3.Bucket == "": // which is wrong by itself
		return "", ""
	}
	return "s3.bucket", strings.Join([]string{"", d.S3.host(), d.S3.Bucket, strings.Trim(d.S3.Prefix, "/")}, "\n")
}

// host is the store's, without http:// or https://.
func (c S3Config) host() string {
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(c.Endpoint, "https://"), "http://"), "/")
}

func (c S3Config) validate() (faults []error) {
	if c.Bucket == "" || strings.ContainsAny(c.Bucket, "/?#") {
		faults = append(faults, errors.New("bucket: must be the name of a bucket"))
	}
	if strings.ContainsAny(c.host(), "/@?#") {
		faults = append(faults, errors.New("endpoint: must be a host, such as minio.example.com:9000"))
	}
	switch given := c.SecretAccessKey != "" || c.SecretAccessKeyFile != ""; {
	case c.SecretAccessKey != "" && c.SecretAccessKeyFile != "":
		faults = append(faults, errors.New("secret_access_key_file: stands beside secret_access_key: write one of the two"))
	case given != (c.AccessKeyID != ""):
		faults = append(faults, errors.New("secret_access_key: access_key_id goes together with secret_access_key or secret_access_key_file"))
	}
	return faults
}

// key gives the secret access key, wherever it is.
func (c S3Config) key() (secret.String, error) {
	if c.SecretAccessKeyFile == "" {
		return c.SecretAccessKey, nil
	}
	key, err := secret.FromFile(c.SecretAccessKeyFile)
	if err != nil {
		return "", fmt.Errorf("secret_access_key_file: %w", err)
	}
	return key, nil
}

func isName(s string) bool {
	return s != "" && len(s) <= 63 && !slices.ContainsFunc([]byte(s), func(c byte) bool {
		return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-'
	})
}

// parseRecipient reads a public key. What it says of a private one repeats nothing of it.
func parseRecipient(text string) (age.Recipient, error) {
	if strings.HasPrefix(text, "AGE-SECRET-KEY") {
		return nil, errors.New("is a private key, which opens backups and must not be on a server: write the public one, which begins with age1")
	}
	if strings.HasPrefix(text, "age1pq1") { // no other key has a 1 there
		return age.ParseHybridRecipient(text)
	}
	return age.ParseX25519Recipient(text)
}

func (c Config) recipients() ([]age.Recipient, error) {
	all := make([]age.Recipient, len(c.Recipients))
	for i, text := range c.Recipients {
		var err error
		if all[i], err = parseRecipient(text); err != nil {
			return nil, fmt.Errorf("backup.recipients[%d]: %w", i, err)
		}
	}
	if len(all) == 0 {
		return nil, errors.New("backup.recipients: name at least one public key (age1…)")
	}
	return all, nil
}
