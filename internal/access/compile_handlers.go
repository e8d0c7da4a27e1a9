package access

import (
	"errors"
	"fmt"
	"maps"
	"net/textproto"
	"slices"
	"strings"
)

// handlers makes the handlers that the rule names.
func (c *compiler) handlers(one *compiled) {
	r, o := c.rule, c.options
	if len(r.Authenticators) == 0 {
		c.fault("authenticators", "is missing: name at least one authenticator; noop lets everybody on to the authorizer")
	}
	for i, ref := range r.Authenticators {
		path := fmt.Sprintf("authenticators[%d]", i)
		if h, ok := handlerOf(c, "authenticator", path, ref, o.Kinds.Authenticators, o.Config.Authenticators); ok {
			one.authenticators = append(one.authenticators, h)
			one.sets(h.handler)
		}
	}
	if h, ok := handlerOf(c, "authorizer", "authorizer", r.Authorizer, o.Kinds.Authorizers, o.Config.Authorizers); ok {
		one.authorizer = h
		one.sets(h.handler)
	}
	for i, ref := range r.Mutators {
		path := fmt.Sprintf("mutators[%d]", i)
		if h, ok := handlerOf(c, "mutator", path, ref, o.Kinds.Mutators, o.Config.Mutators); ok {
			one.mutators = append(one.mutators, h)
			one.sets(h.handler)
		}
	}
	one.strip = sortedOnce(append(one.strip, o.Config.Stripped()...))
	one.stripCookies = sortedOnce(one.stripCookies)
	c.errorHandlers(one)
}

func (c *compiler) errorHandlers(one *compiled) {
	var key strings.Builder
	for i, ref := range c.rule.Errors {
		c.boundSettings(fmt.Sprintf("errors[%d].config", i), ref.Config)
		fmt.Fprintf(&key, "%q %s\n", ref.Handler, ref.Config)
	}
	h := c.errors[key.String()]
	if h == nil {
		var err error
		if h, err = NewErrorHandlers(c.options.Config.Errors, c.rule.Errors); err != nil {
			c.fault("errors", "%s", err)
			return
		}
		c.errors[key.String()] = h
	}
	one.errors = h
}

// sets notes what a handler may set for the upstream.
func (c *compiled) sets(handler any) {
	if h, ok := handler.(HeaderSetter); ok {
		for _, name := range h.SetsHeaders() {
			c.strip = append(c.strip, textproto.CanonicalMIMEHeaderKey(name))
		}
	}
	if h, ok := handler.(CookieSetter); ok {
		c.stripCookies = append(c.stripCookies, h.SetsCookies()...)
	}
}

func sortedOnce(list []string) []string {
	slices.Sort(list)
	return slices.Clip(slices.Compact(list))
}

// handlerOf makes the handler that a rule names, or takes the one that was made for the same settings.
func handlerOf[T any](c *compiler, stage, path string, ref HandlerRef, kinds map[string]Kind[T], configs map[string]HandlerConfig) (named[T], bool) {
	none := named[T]{}
	kind, known := kinds[ref.Handler]
	configured := configs[ref.Handler]
	switch {
	case ref.Handler == "":
		c.fault(path+".handler", "is missing: write one of %s", strings.Join(slices.Sorted(maps.Keys(kinds)), ", "))
		return none, false
	case !known:
		c.fault(path+".handler", "%q is no %s%s", ref.Handler, stage, meant(ref.Handler, slices.Sorted(maps.Keys(kinds))))
		return none, false
	case configured.Enabled != nil && !*configured.Enabled:
		c.fault(path+".handler", "%s is switched off by access.%ss.%[1]s.enabled", ref.Handler, stage)
		return none, false
	}
	c.boundSettings(path+".config", ref.Config)
	settings, err := NewSettings(configured.Config.raw, ref.Config)
	if err != nil {
		c.fault(path+".config", "%s", err)
		return none, false
	}
	key := stage + " " + ref.Handler + " " + settings.Key()
	for _, from := range []handlers{c.made, c.before} {
		if h, ok := from[key].(T); ok {
			c.made[key] = h
			return named[T]{ref.Handler, h}, true
		}
	}
	h, err := kind(settings)
	if err == nil && any(h) == nil {
		err = errors.New("made no handler")
	}
	if err != nil {
		c.fault(path+".config", "%s", err)
		return none, false
	}
	c.made[key] = h
	return named[T]{ref.Handler, h}, true
}
