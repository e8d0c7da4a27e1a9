package harden

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// renewAhead is how long before its end a certificate should have been renewed.
const renewAhead = 14 * 24 * time.Hour

// of lists a key of each of some listeners.
func of(key string, listeners ...string) []string {
	all := make([]string, len(listeners))
	for i, l := range listeners {
		all[i] = "serve." + l + "." + key
	}
	return all
}

// every is the names of all listeners.
var every = []string{"public", "admin", "proxy", "decisions", "ext_authz"}

// providerIssuers are the addresses of the providers at which people sign in.
const providerIssuers = "selfservice.methods.oidc.config.providers[].issuer_url"

// each asks about every open listener of those names.
func each(names []string, ask func(f *Facts, l Listener, v *verdict)) func(*Facts) verdict {
	return func(f *Facts) (v verdict) {
		for _, l := range f.Listeners {
			if slices.Contains(names, l.Name) {
				ask(f, l, &v)
			}
		}
		return v
	}
}

// inClear tells whether a listener speaks plain HTTP to a network. A socket does not.
func inClear(f *Facts, l Listener) bool {
	return !strings.HasPrefix(l.Address, "unix:") && f.text(l.path("tls.cert_file")) == "" && len(f.values(l.path("tls.terminated_by"))) == 0
}

// everybody tells whether a network is the whole world, or so large a part of it that a few make the whole: larger than 10.0.0.0/8 and
// fc00::/7, the largest that anybody has for himself (RFC 1918 §3, RFC 4193 §3.1).
func everybody(network string) bool {
	n, err := netip.ParsePrefix(network)
	return err == nil && (n.Bits() < 7 || n.Addr().Is4() && n.Bits() < 8)
}

func listenerChecks() []Check {
	return slices.Concat(transportChecks(), certificateChecks(), adminChecks(), corsChecks())
}

func transportChecks() []Check {
	return []Check{
		{
			ID: "listener-plain-http", Severity: Critical, Title: "A listener speaks plain HTTP to the network",
			Why:      "Anybody on the way reads passwords, cookies and tokens.",
			How:      "Give serve.….tls.cert_file and key_file, or in serve.….tls.terminated_by the networks of the proxy that ends TLS.",
			Settings: slices.Concat(of("tls.cert_file", "public", "admin", "proxy"), of("tls.terminated_by", "public", "admin", "proxy")), Reference: "RFC 6749 §3.1, " + bcp + " §2.6",
			find: each([]string{"public", "admin", "proxy"}, func(f *Facts, l Listener, v *verdict) {
				if inClear(f, l) && !(l.Name == "admin" && l.Local) {
					v.at(l.path("tls"), "is not written, and the address is %s", l.Address)
				}
			}),
		},
		{
			ID: "door-plain-http", Severity: Low, Title: "A door at which proxies ask is in the clear",
			Why:      "Whoever is on the way between the proxy and this server reads the credentials that people send to applications, and can change the answer.",
			How:      "Bind serve.decisions.address and serve.ext_authz.address to where only the proxy reaches them, or give them a certificate in tls.cert_file.",
			Settings: slices.Concat(of("tls.cert_file", "decisions", "ext_authz"), of("tls.terminated_by", "decisions", "ext_authz")), Reference: "NIST SP 800-207 §3.3",
			find: each([]string{"decisions", "ext_authz"}, func(f *Facts, l Listener, v *verdict) {
				if inClear(f, l) && !l.Local {
					v.at(l.path("tls"), "is not written, and the address is %s", l.Address)
				}
			}),
		},
		{
			ID: "base-url-plain-http", Severity: Critical, Title: "A base URL is not https",
			Why:      "Browsers are led to plain HTTP, and cookies are made without Secure.",
			How:      "Write the https URL under which browsers reach the server in serve.….base_url.",
			Settings: of("base_url", "public", "admin", "proxy"), Reference: "RFC 6265 §4.1.2.5, " + bcp + " §2.6",
			find: each([]string{"public", "admin", "proxy"}, func(f *Facts, l Listener, v *verdict) {
				if strings.HasPrefix(l.Address, "unix:") || l.Name == "admin" && l.Local {
					return
				}
				if u := f.text(l.path("base_url")); u != "" && !strings.HasPrefix(strings.ToLower(u), "https://") {
					v.at(l.path("base_url"), "is %s", u)
				}
			}),
		},
		{
			ID: "provider-plain-http", Severity: High, Title: "A provider at which people sign in is in the clear",
			Why:      "Whoever is on the way can give this server keys of his own, and then sign in as anybody.",
			How:      "Write the provider's https address in issuer_url.",
			Settings: []string{providerIssuers}, Reference: "OpenID Connect Discovery §7.1",
			find: func(f *Facts) (v verdict) {
				for _, s := range f.like(providerIssuers) {
					if len(s.Values) > 0 && plainURL(s.Values[0]) {
						v.at(s.Key, "is %s", s.Values[0])
					}
				}
				return v
			},
		},
		{
			ID: "issuer-plain-http", Severity: Critical, Title: "The issuer is not https",
			Why: "Clients must not accept such an issuer, and whoever is on the way can give them keys of his own.", How: "Write an https URL in oauth.issuer, or leave it away: then it is serve.public.base_url.",
			Settings: []string{"oauth.issuer", "serve.public.base_url", "tenants[].issuer"}, Reference: "OpenID Connect Core §2, RFC 8414 §2",
			find: func(f *Facts) (v verdict) {
				// One that follows from the base URL is told of there.
				if u := f.text("oauth.issuer"); u != "" && u != f.text("serve.public.base_url") && !strings.HasPrefix(u, "https://") {
					v.at("oauth.issuer", "is %s", u)
				}
				for _, s := range f.like("tenants[].issuer") {
					if !strings.HasPrefix(s.Values[0], "https://") {
						v.at(s.Key, "is %s", s.Values[0])
					}
				}
				return v
			},
		},
		{
			ID: "tls-terminated-by-anybody", Severity: Critical, Title: "Everybody counts as the proxy that ends TLS",
			Why: "Anybody can claim https and any client address by a header.", How: "List the proxy's own networks in serve.….tls.terminated_by.",
			Settings: of("tls.terminated_by", every...), Reference: "CWE-348",
			find: each(every, func(f *Facts, l Listener, v *verdict) { widest(f, l.path("tls.terminated_by"), v) }),
		},
		{
			ID: "trusted-proxies-anybody", Severity: High, Title: "Everybody counts as a trusted proxy",
			Why: "Anybody chooses the address that limits count and that logs show.", How: "List the proxies' own networks in serve.….trusted_proxies.",
			Settings: of("trusted_proxies", every...), Reference: "RFC 7239 §8.1, CWE-348",
			find: each(every, func(f *Facts, l Listener, v *verdict) { widest(f, l.path("trusted_proxies"), v) }),
		},
	}
}

// widest finds the networks of a list that are the whole world, or nearly.
func widest(f *Facts, path string, v *verdict) {
	for i, n := range f.values(path) {
		if everybody(n) {
			v.at(place(path, i), "is %s, which is everybody, or nearly", n)
		}
	}
}

func certificateChecks() []Check {
	files := of("tls.cert_file", every...)
	look := func(ask func(f *Facts, l Listener, v *verdict)) func(*Facts) verdict {
		return func(f *Facts) verdict {
			v := each(every, func(f *Facts, l Listener, v *verdict) {
				if l.Certificate != nil {
					ask(f, l, v)
				}
			})(f)
			for _, l := range f.Listeners {
				if l.Unread != "" {
					v.unchecked = l.path("tls.cert_file") + ": " + l.Unread
				}
			}
			return v
		}
	}
	return []Check{
		{
			ID: "certificate-development", Severity: Critical, Title: "A certificate was made for trying out",
			Why:      "Nobody vouches for it, so people and programs learn to look away; the key of a published one is known to everybody.",
			How:      "Put a certificate of an authority that clients trust into serve.….tls.cert_file and its key into key_file; they are read again without a restart.",
			Settings: files, Reference: "CIS Kubernetes Benchmark 5.4, CWE-295",
			find: look(func(_ *Facts, l Listener, v *verdict) {
				if why := l.Certificate.Development; why != "" {
					v.at(l.path("tls.cert_file"), "%s", why)
				}
			}),
		},
		{
			ID: "certificate-ending", Severity: High, Title: "A certificate has expired or is about to",
			Why: "After that nobody gets in.", How: "Renew serve.….tls.cert_file, and look why that did not happen by itself.",
			Settings: files, Reference: "CWE-298",
			find: look(func(f *Facts, l Listener, v *verdict) {
				if ends := l.Certificate.Ends; ends.Before(f.Read.Add(renewAhead)) {
					v.at(l.path("tls.cert_file"), "ends at %s", ends.UTC().Format(time.RFC3339))
				}
			}),
		},
		{
			ID: "certificate-name", Severity: High, Title: "A certificate is not for the host of the base URL",
			Why: "Clients that check, as all should, do not connect.", How: "Have a certificate made for the host of serve.….base_url.",
			Settings: slices.Concat(files, of("base_url", every...)), Reference: "RFC 9525 §6",
			find: look(func(_ *Facts, l Listener, v *verdict) {
				if host := l.Certificate.Misses; host != "" {
					v.at(l.path("tls.cert_file"), "is not for %s", host)
				}
			}),
		},
	}
}

func adminChecks() []Check {
	return []Check{
		{
			ID: "admin-without-credential", Severity: Critical, Title: "The admin listener asks for no credential",
			Why: "Whoever reaches it makes clients, signs in as anybody and reads private keys.", How: "Set profile: production, in which it always asks, or put a key of 32 characters or more into secrets.admin.",
			Settings: []string{"profile", "secrets.admin"}, Reference: "CWE-306, " + guide + ": authentication",
			find: func(f *Facts) (v verdict) {
				if f.Profile != "production" && len(f.values("secrets.admin")) == 0 {
					v.at("secrets.admin", "is missing in the development profile")
				}
				return v
			},
		},
		{
			ID: "admin-key-configured", Severity: Low, Title: "A key in the configuration may everything, and never expires",
			Why: "Whoever has it is every administrator, and the activity log cannot tell who that was.", How: "Make keys with a role and an end by `gatehouse admin keys create`, and take secrets.admin out once nothing uses it.",
			Settings: []string{"secrets.admin"}, Reference: "CIS Controls 5.4, 6.8",
			find: func(f *Facts) (v verdict) {
				for i := range f.values("secrets.admin") {
					v.at(place("secrets.admin", i), "is a key for everything")
				}
				return v
			},
		},
		{
			ID: "admin-certificate-any", Severity: Medium, Title: "Every client certificate of an authority opens the admin listener",
			Why: "An authority that signs for others too makes administrators of them.", How: "Name subject, uri or dns in serve.admin.certificates, in place of any.",
			Settings: []string{"serve.admin.certificates[].any"}, Reference: "CWE-297",
			find: func(f *Facts) (v verdict) {
				for _, s := range f.like("serve.admin.certificates[].any") {
					if s.Values[0] == "true" {
						v.at(s.Key, "is true")
					}
				}
				return v
			},
		},
		{
			ID: "admin-exposed", Severity: Medium, Title: "The admin listener is on the network and asks for keys alone",
			Why:      "A key that leaks is enough, from wherever the listener is reached.",
			How:      "Bind serve.admin.address to this machine or a socket, or ask for client certificates as well in serve.admin.tls.client_ca_file.",
			Settings: []string{"serve.admin.address", "serve.admin.tls.client_ca_file"}, Reference: "NIST SP 800-123 §4.2.1",
			find: each([]string{"admin"}, func(f *Facts, l Listener, v *verdict) {
				if !l.Local && f.text("serve.admin.tls.client_ca_file") == "" {
					v.at("serve.admin.address", "is %s", l.Address)
				}
			}),
		},
		{
			ID: "admin-at-public-host", Severity: High, Title: "The admin listener is reached under the public host's name",
			Why: "What is meant for operators is where everybody is, one mistake of a proxy away.", How: "Give serve.admin.base_url a host of its own, in a network of its own.",
			Settings: []string{"serve.admin.base_url", "serve.public.base_url"}, Reference: "OWASP ASVS 14.4",
			find: each([]string{"admin"}, func(f *Facts, l Listener, v *verdict) {
				if host := hostOf(f.text("serve.admin.base_url")); !l.Local && host != "" && host == hostOf(f.text("serve.public.base_url")) {
					v.at("serve.admin.base_url", "has the host of serve.public.base_url, %s", host)
				}
			}),
		},
	}
}

func corsChecks() []Check {
	browsers := []string{"public", "proxy", "decisions"}
	return []Check{
		{
			ID: "admin-cors", Severity: High, Title: "Other sites' pages may call the admin listener",
			Why: "A page in an operator's browser could administrate for him.", How: "Take serve.admin.cors out: programs need none.",
			Settings: []string{"serve.admin.cors.enabled"}, Reference: "CWE-942",
			find: func(f *Facts) (v verdict) {
				if f.truth("serve.admin.cors.enabled") {
					v.at("serve.admin.cors.enabled", "is true")
				}
				return v
			},
		},
		{
			ID: "cors-any-origin", Severity: Medium, Title: "Pages of every site may read answers",
			Why: "A wide list hides which sites need it; what listeners answer without a cookie can be read from anywhere.", How: "List the origins of your pages in serve.….cors.allowed_origins, or in a client's allowed_cors_origins.",
			Settings: slices.Concat(of("cors.enabled", browsers...), of("cors.allowed_origins", browsers...)), Reference: "CWE-942, OWASP ASVS 14.5.3",
			find: each(browsers, func(f *Facts, l Listener, v *verdict) {
				for i, o := range origins(f, l) {
					if o == "*" {
						v.at(place(l.path("cors.allowed_origins"), i), "is *")
					}
				}
			}),
		},
		{
			ID: "cors-subdomains-with-credentials", Severity: High, Title: "Pages of every subdomain may act as whoever is signed in",
			Why: "One forgotten name in the domain that somebody else takes over is enough.", How: "List the origins one by one in serve.….cors.allowed_origins where cors.allow_credentials is true.",
			Settings: slices.Concat(of("cors.enabled", browsers...), of("cors.allowed_origins", browsers...), of("cors.allow_credentials", browsers...)), Reference: "CWE-942",
			find: each(browsers, func(f *Facts, l Listener, v *verdict) {
				for i, o := range origins(f, l) {
					if strings.Contains(o, "://*.") && f.truth(l.path("cors.allow_credentials")) {
						v.at(place(l.path("cors.allowed_origins"), i), "is %s, with credentials", o)
					}
				}
			}),
		},
		{
			ID: "cors-plain-http", Severity: Medium, Title: "Pages that came in the clear may call this server",
			Why: "Whoever is on the way puts a script of his own into such a page.", How: "List https origins in serve.….cors.allowed_origins.",
			Settings: slices.Concat(of("cors.enabled", browsers...), of("cors.allowed_origins", browsers...)), Reference: "CWE-319",
			find: each(browsers, func(f *Facts, l Listener, v *verdict) {
				for i, o := range origins(f, l) {
					if plainURL(o) {
						v.at(place(l.path("cors.allowed_origins"), i), "is %s", o)
					}
				}
			}),
		},
	}
}

// origins are those that may call a listener from a browser.
func origins(f *Facts, l Listener) []string {
	if !f.truth(l.path("cors.enabled")) {
		return nil
	}
	return f.values(l.path("cors.allowed_origins"))
}
