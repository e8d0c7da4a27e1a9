// Package harden says what about an installation is unsafe: one table of checks over facts, and what an operator accepted of it.
//
// It owns the checks, how weak secrets are recognized, the acceptances of the configuration and the forms of a report. It gathers no
// facts of its own but from Kubernetes manifests: package config gives those of a configuration, package app those that only a running
// server knows. It holds no secret: facts can be sent and printed.
//
//	facts of        given by                             checks that ask them
//	configuration   config.Facts                         secrets, listeners, databases, tokens, sign-in, doors
//	server          app, by GET /admin/harden            clients, connections, replicas, backups, ages
//	manifests       ReadManifests, and config.Facts      pods, services, policies, and the configuration in ConfigMaps
//	                for what ConfigMaps hold
//
// A check finds nothing, finds something at a path (a setting, a client, a container), or says why it could not look. Judge runs
// all of them and marks what was accepted. In the production profile a server does not start with a critical finding of its
// configuration that nobody accepted.
package harden
