// Package telemetry is how Gatehouse is watched: logs, metrics, traces.
//
// It owns the logger with its redaction, the Prometheus registry, and the OpenTelemetry tracer. It does not own
// what is logged or counted; packages get a *slog.Logger or a function from package app and need not import it.
//
// What the redaction hides, at every level, in messages, attributes, groups, errors, and inside of URLs and JSON:
//
//	under a telling key      passwords, secrets, tokens, codes, cookies, Authorization, DSNs, e-mail addresses, names, phones
//	by its shape             e-mail addresses, JWTs, our own tokens, any random text of 40 characters, user and password of a URL
//	client addresses         cut to their network: /24 for IPv4, /48 for IPv6
//
// log.leak_sensitive_values turns it off; values of type secret.String stay hidden even then.
package telemetry
