package harden

import (
	"slices"
	"strings"
	"time"
)

func operationChecks() []Check {
	return append(append(doorChecks(), cacheChecks()...), []Check{
		{
			ID: "log-leaks", Severity: Critical, Title: "The log holds people's data and usable tokens",
			Why: "Who reads logs acts as those who are in them.", How: "Take log.leak_sensitive_values out.",
			Settings: []string{"log.leak_sensitive_values"}, Reference: "CWE-532", find: setTo("log.leak_sensitive_values", "true"),
		},
		{
			ID: "log-chatty", Severity: Medium, Title: "The log tells more than operation needs",
			Why: "At debug and trace it grows without bound and hides what matters.", How: "Set log.level to info.",
			Settings: []string{"log.level"}, Reference: "CIS Controls 8.3",
			find: func(f *Facts) (v verdict) {
				if level := strings.ToLower(f.text("log.level")); level == "debug" || level == "trace" {
					v.at("log.level", "is %s", level)
				}
				return v
			},
		},
		{
			ID: "log-silent", Severity: Low, Title: "No request is logged, not even those that failed",
			Why: "An attack leaves no trace but in the activity log.", How: "Set log.access to errors, and log.level to info.",
			Settings: []string{"log.access", "log.level"}, Reference: "CIS Controls 8.2",
			find: func(f *Facts) (v verdict) {
				if f.text("log.access") == "none" {
					v.at("log.access", "is none")
				}
				if level := f.text("log.level"); level == "error" {
					v.at("log.level", "is error")
				}
				return v
			},
		},
		{
			ID: "tracing-in-the-clear", Severity: Medium, Title: "Traces go over the network in the clear",
			Why: "They tell which requests are made, and carry the collector's credential.", How: "Write https in tracing.endpoint, or send to a collector on this machine.",
			Settings: []string{"tracing.endpoint"}, Reference: "CWE-319",
			find: func(f *Facts) (v verdict) {
				if u := f.text("tracing.endpoint"); plainURL(u) {
					v.at("tracing.endpoint", "is %s", shown(u))
				}
				return v
			},
		},
		{
			ID: "activity-only-here", Severity: Low, Title: "The activity log is kept in one place only",
			Why: "Who takes over the server and its database takes the traces with them; the chain tells that a line is gone, not what it said.", How: "Send it elsewhere by activity.exports.",
			Settings: []string{"activity.exports[].url"}, Reference: "CIS Controls 8.9, NSA/CISA Kubernetes Hardening Guide: audit logging",
			find: func(f *Facts) (v verdict) {
				if len(f.like("activity.exports[].url")) == 0 {
					v.at("activity.exports", "names nobody")
				}
				return v
			},
		},
		{
			ID: "activity-in-the-clear", Severity: Medium, Title: "The activity log is sent over the network in the clear",
			Why: "Anybody on the way reads who did what, and can leave lines out.", How: "Write https or syslog+tls in activity.exports[].url.",
			Settings: []string{"activity.exports[].url"}, Reference: "RFC 5425, CWE-319",
			find: func(f *Facts) (v verdict) {
				for _, s := range f.like("activity.exports[].url") {
					u := s.Values[0]
					if plainURL(u) || (strings.HasPrefix(u, "syslog+tcp:") || strings.HasPrefix(u, "syslog+udp:")) && !near(hostOf(u)) {
						v.at(s.Key, "is %s", shown(u))
					}
				}
				return v
			},
		},
		{
			ID: "activity-short", Severity: Medium, Title: "The activity log is kept for less than 90 days",
			Why: "What is noticed late cannot be looked into any more.", How: "Lengthen activity.retention.",
			Settings: []string{"activity.retention"}, Reference: "CIS Controls 8.10",
			find: func(f *Facts) (v verdict) {
				if d := f.duration("activity.retention"); d > 0 && d < 90*24*time.Hour {
					v.at("activity.retention", "is %s", f.text("activity.retention"))
				}
				return v
			},
		},
	}...)
}

func doorChecks() []Check {
	open := []string{"serve.proxy.enabled", "serve.decisions.enabled", "serve.ext_authz.enabled"}
	// asked runs a check only where requests come in by a door.
	asked := func(find func(*Facts) verdict) func(*Facts) verdict {
		return func(f *Facts) verdict {
			if slices.ContainsFunc(open, f.truth) {
				return find(f)
			}
			return verdict{}
		}
	}
	return []Check{
		{
			ID: "door-normalizes", Severity: Medium, Title: "A door decides about another path than the application sees",
			Why: "Where the two are read otherwise, a request gets past its rule.", How: "Set access.unnormalized to refuse, which is the default.",
			Settings: append([]string{"access.unnormalized"}, open...), Reference: "CWE-436, CWE-22", find: asked(setTo("access.unnormalized", "normalize")),
		},
		{
			ID: "door-keeps-overrides", Severity: Medium, Title: "Clients may send headers that change path or method behind the door",
			Why: "The application does something else than what was decided about.", How: "Take the header out of access.keep_headers, unless every rule of the applications allows all paths or methods alike.",
			Settings: append([]string{"access.keep_headers"}, open...), Reference: "CWE-436",
			find: asked(func(f *Facts) (v verdict) {
				for i, h := range f.values("access.keep_headers") {
					v.at(place("access.keep_headers", i), "is %s", h)
				}
				return v
			}),
		},
		{
			ID: "rules-in-the-clear", Severity: High, Title: "Access rules are read over the network in the clear",
			Why: "Whoever is on the way decides who gets in.", How: "Write https in access.rules.repositories and access.rules.sources[].url.",
			Settings: append([]string{"access.rules.repositories", "access.rules.sources[].url"}, open...), Reference: "CWE-319",
			find: asked(func(f *Facts) (v verdict) {
				for i, u := range f.values("access.rules.repositories") {
					if plainURL(u) {
						v.at(place("access.rules.repositories", i), "is %s", shown(u))
					}
				}
				for _, s := range f.like("access.rules.sources[].url") {
					if plainURL(s.Values[0]) {
						v.at(s.Key, "is %s", shown(s.Values[0]))
					}
				}
				return v
			}),
		},
		{
			ID: "geoip-unbounded", Severity: Low, Title: "Databases of countries are believed however old they are",
			Why: "Networks move between countries; a rule that asks for one slowly lets others in.", How: "Set access.geoip.max_age, such as 720h, where rules ask for countries.",
			Settings: append([]string{"access.geoip.max_age", "access.geoip.source"}, open...), Reference: "NIST SP 800-207 §3.3",
			find: asked(func(f *Facts) (v verdict) {
				if f.text("access.geoip.source") != "off" && f.duration("access.geoip.max_age") == 0 {
					v.at("access.geoip.max_age", "is 0s")
				}
				return v
			}),
		},
	}
}

func cacheChecks() []Check {
	// far asks about the addresses of Redis that are other machines'.
	far := func(why string, unsafe func(f *Facts) bool) func(*Facts) verdict {
		return func(f *Facts) (v verdict) {
			for i, address := range f.values("cache.redis.addresses") {
				if !near(hostOf("//"+address)) && unsafe(f) {
					v.at(place("cache.redis.addresses", i), "is %s, %s", address, why)
				}
			}
			return v
		}
	}
	return []Check{
		{
			ID: "cache-in-the-clear", Severity: High, Title: "The shared cache is reached in the clear",
			Why: "Whoever is on the way reads its password and takes values out. What lies there is sealed, and cannot be read or made up.", How: "Set cache.redis.tls.enabled: true.",
			Settings: []string{"cache.redis.addresses", "cache.redis.tls.enabled"}, Reference: "CWE-319",
			find: far("without TLS", func(f *Facts) bool { return !f.truth("cache.redis.tls.enabled") }),
		},
		{
			ID: "cache-without-password", Severity: High, Title: "The shared cache asks for no password",
			Why: "Everything on its network can empty it, and fill it until it is full.", How: "Give Redis a user and a password, and name them in cache.redis.username and cache.redis.password, or show it a certificate by cache.redis.tls.cert_file.",
			Settings: []string{"cache.redis.addresses", "cache.redis.password", "cache.redis.tls.cert_file"}, Reference: "CWE-306",
			find: far("without a password or certificate", func(f *Facts) bool {
				return f.text("cache.redis.password") == "" && f.text("cache.redis.tls.cert_file") == ""
			}),
		},
	}
}
