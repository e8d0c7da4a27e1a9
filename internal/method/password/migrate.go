package password

import (
	"fmt"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/hook"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// MigrateHookConfig is `config.migrate_hook`.
type MigrateHookConfig struct {
	// Whether the password of somebody whose credential says use_password_migration_hook, and has no hash, is asked for at
	// another system. When that knows it, it is stored here and the other system is not asked again.
	Enabled bool `yaml:"enabled" default:"false"`
	// Where and how it is asked.
	Config MigrateConfig `yaml:"config"`
}

// MigrateConfig says how the other system is asked. It gets {"identifier": "…", "password": "…"} and answers 200 with
// {"status": "password_match"}, or anything else with 200, 401, 403 or 404 for a wrong one.
type MigrateConfig struct {
	// Where it is asked: https, or http inside of one's own network.
	URL string `yaml:"url"`
	// With which HTTP method: POST, and no other.
	Method string `yaml:"method" default:"POST" enum:"POST"`
	// Headers of the request. Values may be secrets and are never shown.
	Headers map[string]secret.String `yaml:"headers"`
	// How the other system knows this server.
	Auth fetch.AuthConfig `yaml:"auth"`
	// URI (file:// or base64://) of a Jsonnet program, a function of ctx with ctx.identifier and ctx.password, that makes the
	// body. Empty: the body above.
	Body string `yaml:"body"`
	// How long the other system has to answer.
	Timeout time.Duration `yaml:"timeout" default:"5s" min:"100ms" max:"1m"`
}

func defaultMigrateHook() MigrateHookConfig {
	return MigrateHookConfig{Config: MigrateConfig{Method: "POST", Timeout: 5 * time.Second}}
}

// CheckPrograms compiles the program that asks an older system for passwords, and returns what is wrong with it, with the path of
// its field below the method.
func (c Config) CheckPrograms(j *hook.Jsonnet) []error {
	hooked := c.Config.MigrateHook
	if !hooked.Enabled {
		return nil
	}
	if err := j.Check(hook.Config{Body: hooked.Config.Body}); err != nil {
		return []error{fmt.Errorf("config.migrate_hook.config.%w", err)}
	}
	return nil
}

func (c MigrateHookConfig) validate() (faults []error) {
	const at = "config.migrate_hook.config."
	if !c.Enabled {
		return nil
	}
	like := hook.Config{URL: c.Config.URL, Headers: c.Config.Headers, Auth: c.Config.Auth}
	for _, err := range like.Validate() {
		faults = append(faults, fmt.Errorf(at+"%w", err))
	}
	if m := c.Config.Method; m != "" && m != "POST" {
		faults = append(faults, fmt.Errorf(at+"method: must be POST, is %q", m))
	}
	if c.Config.Body != "" {
		if _, err := fetch.ParseLocal(c.Config.Body); err != nil {
			faults = append(faults, fmt.Errorf(at+"body: %w", err))
		}
	}
	return faults
}
