package engine

import (
	"encoding/json"
	"maps"
	"net/textproto"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/access"
)

// boundInherited refuses settings of the API that name an address of their own for what the configuration has credentials for: they
// would be sent there, and whoever writes rules need not know them. What stands in the rule itself is its writer's.
func (c *compiler) boundInherited(path string, configured access.RawSettings, config json.RawMessage) {
	if !c.rule.FromAPI() || !configured.Written() || len(config) == 0 {
		return
	}
	settings, err := configured.With(nil)
	if err != nil {
		return // handlerOf says so
	}
	var base, rule map[string]any
	if json.Unmarshal([]byte(settings.Key()), &base) != nil || json.Unmarshal(config, &rule) != nil {
		return // likewise
	}
	secrets := credentialsIn("", base, rule, false)
	if len(secrets) == 0 {
		return
	}
	for _, where := range addressesIn("", rule, base) {
		c.fault(path+"."+where, "is an address of the rule's own, to which %s of the configuration would be sent: leave the address to the configuration, "+
			"or write that in the rule, too (null for none)", strings.Join(secrets, ", "))
	}
}

// credentialsIn gives the places of credentials among settings that others leave as they are: of what is called a secret or a password,
// and of headers but for those that say nothing of who asks. header tells that the members are headers.
func credentialsIn(path string, base, over map[string]any, header bool) (places []string) {
	for _, name := range slices.Sorted(maps.Keys(base)) {
		given, written := over[name]
		below, isGroup := base[name].(map[string]any)
		group, overGroup := given.(map[string]any)
		switch low := strings.ToLower(name); {
		case written && (!isGroup || !overGroup):
		case isGroup:
			places = append(places, credentialsIn(path+name+".", below, group, strings.HasSuffix(low, "headers"))...)
		case header && !saysNothing(name), strings.Contains(low, "secret"), strings.Contains(low, "password"):
			places = append(places, path+name)
		}
	}
	return places
}

// saysNothing reports whether a header is none of those that hold a credential.
func saysNothing(name string) bool {
	name = textproto.CanonicalMIMEHeaderKey(name)
	return strings.HasPrefix(name, "X-Forwarded-") || slices.Contains([]string{"Accept", "Content-Type", "User-Agent"}, name)
}

// addressesIn gives the places of URLs among settings, but for headers and for those that others have, too.
func addressesIn(path string, settings, others map[string]any) (places []string) {
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		switch v := settings[name].(type) {
		case map[string]any:
			same, _ := others[name].(map[string]any)
			if !strings.HasSuffix(strings.ToLower(name), "headers") {
				places = append(places, addressesIn(path+name+".", v, same)...)
			}
		case string:
			scheme, _, found := strings.Cut(v, "://")
			if found && v != others[name] && (strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https")) {
				places = append(places, path+name)
			}
		}
	}
	return places
}
