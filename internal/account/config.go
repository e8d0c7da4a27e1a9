package account

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/page"
)

// Config is the section `account`: how the built-in pages look, and what applications get to know about people.
type Config struct {
	// Brand is your name, logo and colours.
	Brand page.Brand `yaml:"brand"`
	// OverridePath is a directory whose files take the place of ours: *.html defines templates anew, en.json, de.json and
	// other languages change texts, style.css is added to the stylesheet, and assets/ is served at /account/assets/.
	// Default: none. A change is seen within seconds, without a restart. A file that is wrong is reported in the log and left
	// out, so that the built-in page is shown instead.
	OverridePath string `yaml:"override_path"`
	// Scopes say in words what an application may do, for the page on which people allow it: by scope, then by
	// language, such as `orders.read: {en: See your orders, de: Ihre Bestellungen sehen}`. Default: words for the scopes of OpenID
	// Connect. A scope without words is shown by its name, which most people do not understand.
	Scopes map[string]map[string]string `yaml:"scopes"`
	// Claims are what ID tokens and the userinfo endpoint tell about a person: by scope, then by claim, the place where the
	// value is. A place is a path, such as traits.name.first or metadata_public.plan; several paths, separated by blanks,
	// are joined by a blank; verified(traits.email) is whether that address was verified; id, external_id and updated_at
	// are the identity's own. What is missing makes no claim. Default: the claims that OpenID Connect Core §5.4 gives to email, profile and
	// phone, from the traits email, name and phone. A scope that is written here replaces its default whole.
	Claims map[string]map[string]string `yaml:"claims"`
}

// DefaultConfig maps the traits of the built-in identity schema to the standard claims.
func DefaultConfig() Config {
	return Config{
		Brand: page.DefaultBrand(),
		Claims: map[string]map[string]string{
			"email": {
				"email": "traits.email", "email_verified": "verified(traits.email)",
			},
			"profile": {
				"name": "traits.name.first traits.name.last", "given_name": "traits.name.first", "family_name": "traits.name.last",
				"preferred_username": "traits.username", "picture": "traits.picture", "website": "traits.website",
				"locale": "traits.locale", "zoneinfo": "traits.zoneinfo", "updated_at": "updated_at",
			},
			"phone": {
				"phone_number": "traits.phone", "phone_number_verified": "verified(traits.phone)",
			},
		},
	}
}

// Validate returns all that is wrong, each fault beginning with its key below `account`.
func (c Config) Validate() []error {
	var faults []error
	for _, err := range c.Brand.Validate() {
		faults = append(faults, fmt.Errorf("brand.%w", err))
	}
	for _, scope := range slices.Sorted(maps.Keys(c.Scopes)) {
		for _, lang := range slices.Sorted(maps.Keys(c.Scopes[scope])) {
			if strings.TrimSpace(c.Scopes[scope][lang]) == "" {
				faults = append(faults, fmt.Errorf("scopes.%s.%s: must not be empty", scope, lang))
			}
		}
	}
	for _, scope := range slices.Sorted(maps.Keys(c.Claims)) {
		for _, claim := range slices.Sorted(maps.Keys(c.Claims[scope])) {
			if err := checkClaim(claim, c.Claims[scope][claim]); err != nil {
				faults = append(faults, fmt.Errorf("claims.%s.%s: %w", scope, claim, err))
			}
		}
	}
	return faults
}
