// Package apirule makes APIRules true: each becomes access rules, which join the set of package ruleset, and a route that sends the host's
// requests to them.
//
// It owns what an APIRule means. Options.Translate says it, and looks at nothing but the APIRule and the controller's configuration:
//
//	rule of an APIRule       access rule                              route
//	allow, no_auth           noop, allow: everybody                   to the service, where the route can say exactly the same
//	anything else            the strategies as authenticators, allow  to the proxy of the gateway
//
// What can be said of paths and methods is different in each kind of route:
//
//	VirtualService  in the APIRule's namespace; regular expressions in the APIRule's order, with their methods
//	HTTPRoute       in the APIRule's namespace, with a ReferenceGrant beside the gateway; paths up to their first pattern, and what is open
//	                only where no earlier rule could mean the same requests
//	Ingress         in the gateway's namespace, since it reaches no other; everything goes through the gateway
//	none            whoever makes routes sends the host's requests to the gateway
//
// A route that sends too much to the gateway opens nothing: there the access rules decide, and what fits none is refused. That is why open
// rules are access rules too, and why a host that package ruleset does not grant gets no route.
//
// Routes carry the label of Kyma's API Gateway and are watched: what is changed or deleted by hand comes back.
package apirule
