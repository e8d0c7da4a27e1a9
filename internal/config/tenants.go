package config

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/page"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// Tenants are those that the configuration declares.
type Tenants []Tenant

// Tenant is one of them.
type Tenant struct {
	tenant.Entry `yaml:",inline"`

	// Identity has the tenant's own identity schemas, as the group `identity` has the installation's. Default: none; then the tenant
	// has the installation's, unless the admin API gives it some of its own.
	Identity identity.Config `yaml:"identity"`
}

// Directory returns what the tenants' directory is made from.
func (t Tenants) Directory() tenant.Config {
	entries := make(tenant.Config, len(t))
	for i, one := range t {
		entries[i] = one.Entry
	}
	return entries
}

// OwnSchemas returns the identity schemas of a tenant, and false where the configuration has none for it.
func (t Tenant) OwnSchemas() (identity.Config, bool) {
	c := t.Identity
	c.DefaultSchemaID = cmp.Or(c.DefaultSchemaID, identity.DefaultConfig().DefaultSchemaID)
	return c, len(c.Schemas) > 0
}

// Validate returns everything that is wrong with t, each fault with its path below `tenants`. brand is the installation's, which fills in
// what a tenant's leaves out.
func (t Tenants) Validate(brand page.Brand) []error {
	faults := t.Directory().Validate()
	for i, one := range t {
		for _, err := range BrandOf(one.Brand, brand).Validate() {
			if one.Brand != (tenant.Branding{}) {
				faults = append(faults, fmt.Errorf("[%d].brand.%w", i, err))
			}
		}
		own, ok := one.OwnSchemas()
		if !ok {
			if one.Identity.DefaultSchemaID != "" {
				faults = append(faults, fmt.Errorf("[%d].identity.default_schema_id: %w", i, errNoSchemas))
			}
			continue
		}
		for _, err := range own.Validate() {
			faults = append(faults, fmt.Errorf("[%d].identity.%w", i, err))
		}
	}
	return faults
}

var errNoSchemas = errors.New("the tenant has no schemas of its own: list them below schemas, or leave this out")

// checkSchemas reads the schemas that need no network.
func (t Tenants) checkSchemas() (faults []error) {
	for i, one := range t {
		own, ok := one.OwnSchemas()
		if !ok {
			continue
		}
		for _, err := range own.CheckSchemas() {
			faults = append(faults, fmt.Errorf("[%d].identity.%w", i, err))
		}
	}
	return faults
}

// BrandOf fills in what a tenant's branding leaves empty from the installation's brand. With a colour of its own a tenant has not the
// installation's for dark pages, nor with a logo.
func BrandOf(b tenant.Branding, of page.Brand) page.Brand {
	if b.Accent != "" {
		of.AccentDark = ""
	}
	if b.LogoURL != "" {
		of.LogoDarkURL = ""
	}
	return page.Brand{
		Name: cmp.Or(b.Name, of.Name), LogoURL: cmp.Or(b.LogoURL, of.LogoURL), LogoDarkURL: cmp.Or(b.LogoDarkURL, of.LogoDarkURL),
		Accent: cmp.Or(b.Accent, of.Accent), AccentDark: cmp.Or(b.AccentDark, of.AccentDark), SupportURL: cmp.Or(b.SupportURL, of.SupportURL),
		ImprintURL: cmp.Or(b.ImprintURL, of.ImprintURL), PrivacyURL: cmp.Or(b.PrivacyURL, of.PrivacyURL), TermsURL: cmp.Or(b.TermsURL, of.TermsURL),
	}
}
