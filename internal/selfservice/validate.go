package selfservice

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Validate returns everything that is wrong with c, each fault with the path of its field below `selfservice`.
func (c Config) Validate() []error {
	var faults []error
	faults = checkAddress(faults, "default_browser_return_url", c.DefaultBrowserReturnURL, false)
	for i, a := range c.AllowedReturnURLs {
		faults = checkAllowed(faults, fmt.Sprintf("allowed_return_urls[%d]", i), a)
	}
	f := c.Flows
	for _, flow := range []struct {
		name, ui string
		before   BeforeConfig
	}{
		{"login", f.Login.UIURL, f.Login.Before},
		{"registration", f.Registration.UIURL, f.Registration.Before},
		{"settings", f.Settings.UIURL, f.Settings.Before},
		{"recovery", f.Recovery.UIURL, f.Recovery.Before},
		{"verification", f.Verification.UIURL, f.Verification.Before},
	} {
		path := "flows." + flow.name
		faults = checkAddress(faults, path+".ui_url", flow.ui, false)
		faults = checkHooks(faults, path+".before.hooks", flow.before.Hooks, hookWeb)
	}
	faults = checkAddress(faults, "flows.error.ui_url", f.Error.UIURL, false)
	faults = checkAddress(faults, "flows.logout.after.default_browser_return_url", f.Logout.After.DefaultBrowserReturnURL, true)
	faults = oneOf(faults, "flows.login.style", f.Login.Style, StyleUnified, StyleIdentifierFirst)
	faults = oneOf(faults, "flows.registration.style", f.Registration.Style, StyleUnified, StyleProfileFirst)
	faults = oneOf(faults, "flows.settings.required_aal", f.Settings.RequiredAAL, "aal1", highestAvailable)
	faults = oneOf(faults, "flows.recovery.use", f.Recovery.Use, "code", "link")
	faults = oneOf(faults, "flows.verification.use", f.Verification.Use, "code", "link")
	return c.checkAfter(faults)
}

// checkAfter looks at what happens at the ends of the flows.
func (c Config) checkAfter(faults []error) []error {
	f := c.Flows
	for _, flow := range []struct {
		name  string
		after AfterConfig
		known []string
	}{
		{"login", f.Login.After.AfterConfig, []string{hookRevoke, hookRequireVerified, hookShowVerification, hookVerification, hookWeb}},
		{"registration", f.Registration.After, []string{hookSession, hookShowVerification, hookVerification, hookWeb}},
		{"settings", f.Settings.After, []string{hookRevoke, hookShowVerification, hookVerification, hookWeb}},
		{"recovery", f.Recovery.After, []string{hookRevoke, hookWeb}},
		{"verification", f.Verification.After, []string{hookSession, hookWeb}},
	} {
		path := "flows." + flow.name + ".after"
		faults = checkAddress(faults, path+".default_browser_return_url", flow.after.DefaultBrowserReturnURL, true)
		faults = checkHooks(faults, path+".hooks", flow.after.Hooks, flow.known...)
		for _, m := range afterMethods {
			own := flow.after.method(m)
			faults = checkAddress(faults, path+"."+m+".default_browser_return_url", own.DefaultBrowserReturnURL, true)
			faults = checkHooks(faults, path+"."+m+".hooks", own.Hooks, flow.known...)
		}
	}
	return checkHooks(faults, "flows.login.after.failed.hooks", f.Login.After.Failed.Hooks, hookWeb)
}

func oneOf(faults []error, path, value string, known ...string) []error {
	if !slices.Contains(known, value) {
		faults = append(faults, fmt.Errorf("%s: %q is not one of %s", path, value, strings.Join(known, ", ")))
	}
	return faults
}

func checkHooks(faults []error, path string, hooks []HookConfig, known ...string) []error {
	for i, c := range hooks {
		at := fmt.Sprintf("%s[%d]", path, i)
		faults = oneOf(faults, at+".hook", c.Hook, known...)
		if c.Hook != hookWeb {
			continue
		}
		for _, err := range c.Config.Validate() {
			faults = append(faults, fmt.Errorf("%s.config.%w", at, err))
		}
	}
	return faults
}

// checkAddress takes a path on the public listener or an absolute URL.
func checkAddress(faults []error, path, address string, optional bool) []error {
	if address == "" && optional {
		return faults
	}
	u, err := url.Parse(address)
	if err != nil || u.Fragment != "" || u.User != nil || strings.HasPrefix(address, "//") ||
		!strings.HasPrefix(address, "/") && (u.Scheme == "" || hasHost(u) && u.Host == "") {
		faults = append(faults, fmt.Errorf("%s: %q is neither a path such as /account/ nor an absolute URL without fragment", path, address))
	}
	return faults
}

// checkAllowed takes an absolute URL whose host may begin with a wildcard for whole labels.
func checkAllowed(faults []error, path, address string) []error {
	u, err := url.Parse(address)
	host := ""
	if err == nil {
		host = strings.TrimPrefix(u.Hostname(), "*.")
	}
	switch {
	case err != nil || u.Scheme == "" || hasHost(u) && host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return append(faults, fmt.Errorf("%s: %q is not an absolute URL without query and fragment, such as https://app.example.com/", path, address))
	case strings.Contains(host, "*"):
		return append(faults, fmt.Errorf("%s: in %q the wildcard must stand for whole labels, as in https://*.example.com", path, address))
	case strings.HasPrefix(u.Hostname(), "*.") && !strings.Contains(host, "."):
		return append(faults, fmt.Errorf("%s: %q would allow a whole top-level domain", path, address))
	}
	return faults
}
