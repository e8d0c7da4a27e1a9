package harden

import (
	"slices"
	"strings"
	"time"
)

// setTo is a check's function that finds a key with a value.
func setTo(key, value string) func(*Facts) verdict {
	return func(f *Facts) (v verdict) {
		if f.text(key) == value {
			v.at(key, "is %s", value)
		}
		return v
	}
}

// longerThan is one that finds a time that is longer, or for ever.
func longerThan(most time.Duration, keys ...string) func(*Facts) verdict {
	return func(f *Facts) (v verdict) {
		for _, key := range keys {
			if d := f.duration(key); d > most || d < 0 {
				v.at(key, "is %s", f.text(key))
			}
		}
		return v
	}
}

func tokenChecks() []Check {
	return []Check{
		{
			ID: "implicit-grant", Severity: High, Title: "Every client may get tokens through the browser's address",
			Why: "Such tokens are in histories, logs and Referer headers, and bound to nobody.", How: "Take oauth.front_channel_tokens.default out: production turns it off. Name single clients in oauth.front_channel_tokens.clients.",
			Settings: []string{"oauth.front_channel_tokens.default"}, Reference: bcp + " §2.1.2",
			find: func(f *Facts) (v verdict) {
				if on := f.text("oauth.front_channel_tokens.default"); on == "true" || on == "" && f.Profile == "development" {
					v.at("oauth.front_channel_tokens.default", "lets every client use response types with token or id_token")
				}
				return v
			},
		},
		{
			ID: "implicit-clients", Severity: Low, Title: "Some clients may get tokens through the browser's address",
			Why: "Such tokens are in histories, logs and Referer headers, and bound to nobody.", How: "Move them to the code flow with PKCE and take them out of oauth.front_channel_tokens.clients.",
			Settings: []string{"oauth.front_channel_tokens.clients"}, Reference: bcp + " §2.1.2",
			find: func(f *Facts) (v verdict) {
				if list := f.values("oauth.front_channel_tokens.clients"); len(list) > 0 {
					v.at("oauth.front_channel_tokens.clients", "names %s", strings.Join(list, ", "))
				}
				return v
			},
		},
		{
			ID: "pkce-not-required", Severity: High, Title: "Public clients need no PKCE",
			Why: "A stolen code of theirs can be redeemed by anybody.", How: "Take oauth.pkce.required_for_public_clients: false out.",
			Settings: []string{"oauth.pkce.required_for_public_clients"}, Reference: bcp + " §2.1.1", find: setTo("oauth.pkce.required_for_public_clients", "false"),
		},
		{
			ID: "access-token-long", Severity: Medium, Title: "Access tokens live for more than a day",
			Why: "Who steals one uses it for as long; a JWT cannot be taken back at those who check it themselves.", How: "Shorten oauth.lifespans.access_token; refresh tokens are there for the rest.",
			Settings: []string{"oauth.lifespans.access_token"}, Reference: bcp + " §4.10, RFC 6819 §5.1.5.3", find: longerThan(24*time.Hour, "oauth.lifespans.access_token"),
		},
		{
			ID: "authorization-code-long", Severity: Medium, Title: "Authorization codes live for more than ten minutes",
			Why: "A code that leaks can be used for as long as it lives.", How: "Shorten oauth.lifespans.authorization_code.",
			Settings: []string{"oauth.lifespans.authorization_code"}, Reference: "RFC 6749 §4.1.2", find: longerThan(10*time.Minute, "oauth.lifespans.authorization_code"),
		},
		{
			ID: "refresh-token-endless", Severity: Medium, Title: "Refresh tokens never expire",
			Why: "A forgotten one opens the door years later, and its row is never deleted.", How: "Set oauth.lifespans.refresh_token to a time, such as 720h; each use begins it anew.",
			Settings: []string{"oauth.lifespans.refresh_token"}, Reference: bcp + " §4.14.2", find: setTo("oauth.lifespans.refresh_token", "-1"),
		},
		{
			ID: "redirect-plain-scheme", Severity: Medium, Title: "Redirect URIs may have schemes that any app can claim",
			Why: "Another app on the device takes the code.", How: "Take the scheme out of oauth.clients.plain_redirect_schemes; use https links of apps, or a reversed domain name as scheme.",
			Settings: []string{"oauth.clients.plain_redirect_schemes"}, Reference: "RFC 8252 §8.4",
			find: func(f *Facts) (v verdict) {
				for i, s := range f.values("oauth.clients.plain_redirect_schemes") {
					v.at(place("oauth.clients.plain_redirect_schemes", i), "is %s", s)
				}
				return v
			},
		},
		{
			ID: "client-documents-inside", Severity: High, Title: "Documents of clients may be fetched from your own network",
			Why: "Who registers clients has the server ask addresses that only it reaches.", How: "Take oauth.clients.allow_private_addresses out: production turns it off.",
			Settings: []string{"oauth.clients.allow_private_addresses"}, Reference: "RFC 9101 §10.4, CWE-918", find: setTo("oauth.clients.allow_private_addresses", "true"),
		},
		{
			ID: "client-credentials-all-scopes", Severity: Medium, Title: "Machines get every scope that they do not ask for",
			Why: "A token can do more than its holder needs.", How: "Take oauth.client_credentials.default_grant_allowed_scope out, and have clients ask for scopes.",
			Settings: []string{"oauth.client_credentials.default_grant_allowed_scope"}, Reference: bcp + " §2.3", find: setTo("oauth.client_credentials.default_grant_allowed_scope", "true"),
		},
		{
			ID: "signing-key-old", Severity: Medium, Title: "Signing keys are kept for more than a year, or for ever",
			Why: "A key that leaked unnoticed goes on signing.", How: "Shorten keys.rotate_every; successors are published ahead, so nothing breaks.",
			Settings: []string{"keys.rotate_every"}, Reference: "NIST SP 800-57 part 1 §5.3.6", find: longerThan(366*24*time.Hour, "keys.rotate_every"),
		},
		{
			ID: "return-url-plain-http", Severity: Medium, Title: "People may be led back to pages in the clear",
			Why: "Whoever is on the way changes the page that they trust.", How: "Write https in selfservice.allowed_return_urls.",
			Settings: []string{"selfservice.allowed_return_urls"}, Reference: "CWE-319",
			find: func(f *Facts) (v verdict) {
				for i, u := range f.values("selfservice.allowed_return_urls") {
					if plainURL(u) {
						v.at(place("selfservice.allowed_return_urls", i), "is %s", u)
					}
				}
				return v
			},
		},
		{
			ID: "return-url-subdomains", Severity: Medium, Title: "People may be led back to every subdomain",
			Why: "One name in the domain that somebody else takes over gets people who have just signed in.", How: "List the hosts one by one in selfservice.allowed_return_urls.",
			Settings: []string{"selfservice.allowed_return_urls"}, Reference: bcp + " §4.11, CWE-601",
			find: func(f *Facts) (v verdict) {
				for i, u := range f.values("selfservice.allowed_return_urls") {
					if strings.Contains(u, "://*.") {
						v.at(place("selfservice.allowed_return_urls", i), "is %s", u)
					}
				}
				return v
			},
		},
		{
			ID: "page-plain-http", Severity: High, Title: "A page of yours that takes part in sign-in is in the clear",
			Why: "Whoever is on the way reads the challenge, or takes the page's place.", How: "Write https in oauth.urls.login, consent, logout and error, and in selfservice.flows.….ui_url.",
			Settings:  []string{"oauth.urls.login", "oauth.urls.registration", "oauth.urls.consent", "oauth.urls.logout", "oauth.urls.error", "oauth.urls.post_logout_redirect", "selfservice.flows.**.ui_url"},
			Reference: bcp + " §2.6", find: plainPages,
		},
	}
}

func plainPages(f *Facts) (v verdict) {
	for _, s := range slices.Concat(f.like("oauth.urls.**"), f.like("selfservice.flows.**.ui_url")) {
		if plainURL(s.Values[0]) {
			v.at(s.Key, "is %s", shown(s.Values[0]))
		}
	}
	return v
}
