package tenant

import (
	"context"
	"time"
)

// ID is the short name of a tenant: 1 to 63 of a-z, 0-9 and "-", not at the ends. It is part of primary keys.
type ID string

// Default is the tenant that is there without being made, where the configuration lists none. Events that concern the whole
// installation are in its activity log, which stays when it is deleted.
const Default ID = "default"

// Key is the context key under which a *ID lies. Only a package that implements context.Context itself needs
// it; everybody else calls With and From.
type Key struct{}

// With returns a context whose work is done for the tenant.
func With(ctx context.Context, id ID) context.Context {
	return context.WithValue(ctx, Key{}, &id)
}

// From returns the tenant of the context, and false where nobody said one.
func From(ctx context.Context) (ID, bool) {
	p, ok := ctx.Value(Key{}).(*ID)
	if !ok || p == nil || *p == "" {
		return "", false
	}
	return *p, true
}

// Valid reports whether the id has the form that ID describes.
func (id ID) Valid() bool {
	if len(id) == 0 || len(id) > 63 || id[0] == '-' || id[len(id)-1] == '-' {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// State says what is served of a tenant. It is stored, so its values never change.
type State string

// The states of tenants.
const (
	Active    State = "active"
	Suspended State = "suspended" // nothing is served, and nothing is lost
	Deleting  State = "deleting"  // nothing is served, and what there was is being deleted
	Deleted   State = "deleted"   // nothing is left but the id, which nobody gets by mistake
)

// Source says who keeps a tenant.
type Source string

// The sources of tenants.
const (
	Configured Source = "configuration" // only the configuration changes it
	Registered Source = "registry"      // made and changed by the admin API
	BuiltIn    Source = "built-in"      // Default, as long as nobody has changed it
)

// Tenant is what is known of one.
type Tenant struct {
	ID     ID
	Source Source
	State  State
	// Name is what operators call it.
	Name string
	// Hosts are the host names at which it is reached, in the form in which they compare; Prefix is the path below which it is,
	// on hosts that are no tenant's own. At most one of them is there.
	Hosts  []string
	Prefix string
	// Settings are what is its own and not the installation's.
	Settings Settings
	// Version counts changes; 0 where they are not counted.
	Version int64
	// Created, Changed and Since are when it was made, changed and came into its state; zero for what was never stored.
	Created, Changed, Since time.Time
}

// Served tells whether requests to the tenant are to be answered.
func (t *Tenant) Served() bool { return t.State == Active }

// Settings are what a tenant may have of its own. What it leaves empty is as it is for the installation.
type Settings struct {
	// Issuer is its issuer identifier (OpenID Connect Core §2).
	Issuer string `json:"issuer,omitempty"`
	// Branding is how its pages and mails look.
	Branding *Branding `json:"branding,omitempty"`
}

// Branding is a tenant's name, logo, colours and addresses; each as in the configuration's account.brand, where what is empty comes
// from.
type Branding struct {
	// Name of what people sign in to. Default: that of account.brand.
	Name string `json:"name,omitempty" yaml:"name"`
	// LogoURL is the logo: an https URL or a path on this server. Default: that of account.brand.
	LogoURL string `json:"logo_url,omitempty" yaml:"logo_url"`
	// LogoDarkURL is the logo for people whose device is set to dark. Default: logo_url, else that of account.brand.
	LogoDarkURL string `json:"logo_dark_url,omitempty" yaml:"logo_dark_url"`
	// Accent is the colour of buttons and links, as #rrggbb. Default: that of account.brand. It is refused when it cannot be read.
	Accent string `json:"accent,omitempty" yaml:"accent"`
	// AccentDark is the same for dark pages. Default: derived from accent, else that of account.brand.
	AccentDark string `json:"accent_dark,omitempty" yaml:"accent_dark"`
	// SupportURL is where people find help: an https URL or mailto: address. Default: that of account.brand.
	SupportURL string `json:"support_url,omitempty" yaml:"support_url"`
	// ImprintURL is the page that says who you are. Default: that of account.brand.
	ImprintURL string `json:"imprint_url,omitempty" yaml:"imprint_url"`
	// PrivacyURL is the privacy policy. Default: that of account.brand.
	PrivacyURL string `json:"privacy_url,omitempty" yaml:"privacy_url"`
	// TermsURL are the terms of service. Default: those of account.brand.
	TermsURL string `json:"terms_url,omitempty" yaml:"terms_url"`
}
