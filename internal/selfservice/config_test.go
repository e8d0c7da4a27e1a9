package selfservice

import (
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/hook"
)

func TestDefaultConfigIsValid(t *testing.T) {
	if faults := DefaultConfig().Validate(); len(faults) > 0 {
		t.Error(faults)
	}
}

func TestValidate(t *testing.T) {
	for key, change := range map[string]func(*Config){
		"default_browser_return_url":       func(c *Config) { c.DefaultBrowserReturnURL = "account" },
		"allowed_return_urls[0]":           func(c *Config) { c.AllowedReturnURLs = []string{"/path"} },
		"allowed_return_urls[1]":           func(c *Config) { c.AllowedReturnURLs = []string{"https://a.example.com", "https://*.com"} },
		"flows.login.ui_url":               func(c *Config) { c.Flows.Login.UIURL = "//evil.example.com" },
		"flows.login.style":                func(c *Config) { c.Flows.Login.Style = "baroque" },
		"flows.registration.style":         func(c *Config) { c.Flows.Registration.Style = "" },
		"flows.settings.required_aal":      func(c *Config) { c.Flows.Settings.RequiredAAL = "aal3" },
		"flows.recovery.use":               func(c *Config) { c.Flows.Recovery.Use = "pigeon" },
		"flows.login.before.hooks[0].hook": func(c *Config) { c.Flows.Login.Before.Hooks = []HookConfig{{Hook: hookSession}} },
		"flows.login.after.hooks[0].hook":  func(c *Config) { c.Flows.Login.After.Hooks = []HookConfig{{Hook: hookSession}} },
		"flows.registration.after.password.hooks[0]": func(c *Config) {
			c.Flows.Registration.After.Password.Hooks = []HookConfig{{Hook: hookRevoke}}
		},
		"flows.login.after.failed.hooks[0].config.": func(c *Config) {
			c.Flows.Login.After.Failed.Hooks = []HookConfig{{Hook: hookWeb, Config: hook.Config{URL: "nowhere"}}}
		},
	} {
		c := DefaultConfig()
		change(&c)
		faults := c.Validate()
		found := false
		for _, err := range faults {
			found = found || strings.HasPrefix(err.Error(), key)
		}
		if !found {
			t.Errorf("%s: %v", key, faults)
		}
	}
}

func TestHooksOfAMethodReplaceTheOthers(t *testing.T) {
	a := AfterConfig{
		DefaultBrowserReturnURL: "/a", Hooks: []HookConfig{{Hook: hookSession}},
		Code: MethodAfterConfig{DefaultBrowserReturnURL: "/b", Hooks: []HookConfig{{Hook: hookWeb}}},
	}
	if got := a.hooks("code"); len(got) != 1 || got[0].Hook != hookWeb {
		t.Error(got)
	}
	if got := a.hooks("password"); len(got) != 1 || got[0].Hook != hookSession {
		t.Error(got)
	}
	if a.returnTo("code") != "/b" || a.returnTo("password") != "/a" || a.returnTo("passkey") != "/a" {
		t.Error("a method's address is not its own")
	}
}
