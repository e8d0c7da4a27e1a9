package engine

import (
	"errors"
	"fmt"
	"maps"
	"net/textproto"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/spell"
)

// sharedStages makes the handlers that the rule names, unless another rule names the same.
func (c *compiler) sharedStages() *stages {
	r := c.rule
	var key strings.Builder
	fmt.Fprint(&key, r.FromAPI()) // which decides what settings are bound by
	for _, list := range [][]access.HandlerRef{r.Authenticators, {r.Authorizer}, r.Mutators, r.Errors} {
		key.WriteByte('\n')
		for _, ref := range list {
			fmt.Fprintf(&key, "%q %q ", ref.Handler, ref.Config)
		}
	}
	if known := c.stages[key.String()]; known != nil {
		return known
	}
	before := len(c.faults)
	s := c.makeStages()
	if len(c.faults) == before { // a fault is each rule's own
		c.stages[key.String()] = s
	}
	return s
}

func (c *compiler) makeStages() *stages {
	s, r, o := &stages{}, c.rule, c.options
	if len(r.Authenticators) == 0 {
		c.fault("authenticators", "is missing: name at least one authenticator; noop lets everybody on to the authorizer")
	}
	for i, ref := range r.Authenticators {
		path := fmt.Sprintf("authenticators[%d]", i)
		if h, ok := handlerOf(c, "authenticator", path, ref, o.Kinds.Authenticators, o.Config.Authenticators); ok {
			s.authenticators = append(s.authenticators, h)
			s.sets(h.handler)
			s.warns(path, h.handler)
		}
	}
	if h, ok := handlerOf(c, "authorizer", "authorizer", r.Authorizer, o.Kinds.Authorizers, o.Config.Authorizers); ok {
		s.authorizer = h
		s.sets(h.handler)
		s.warns("authorizer", h.handler)
	}
	for i, ref := range r.Mutators {
		path := fmt.Sprintf("mutators[%d]", i)
		if h, ok := handlerOf(c, "mutator", path, ref, o.Kinds.Mutators, o.Config.Mutators); ok {
			s.mutators = append(s.mutators, h)
			s.sets(h.handler)
			s.warns(path, h.handler)
		}
	}
	s.strip = sortedOnce(append(s.strip, o.Config.Stripped()...))
	s.stripCookies = sortedOnce(s.stripCookies)
	for i, ref := range r.Errors {
		c.boundSettings(fmt.Sprintf("errors[%d].config", i), ref.Config)
	}
	var err error
	if s.errors, err = access.NewErrorHandlers(o.Config.Errors, r.Errors); err != nil {
		c.fault("errors", "%s", err)
	}
	return s
}

// sets notes what a handler may set for the upstream.
func (s *stages) sets(handler any) {
	if h, ok := handler.(access.HeaderSetter); ok {
		for _, name := range h.SetsHeaders() {
			s.strip = append(s.strip, textproto.CanonicalMIMEHeaderKey(name))
		}
	}
	if h, ok := handler.(access.CookieSetter); ok {
		s.stripCookies = append(s.stripCookies, h.SetsCookies()...)
	}
}

// warns notes what a handler has to say of its settings.
func (s *stages) warns(path string, handler any) {
	if h, ok := handler.(access.Warner); ok {
		for _, warning := range h.Warnings() {
			s.warnings = append(s.warnings, path+".config."+warning)
		}
	}
}

func sortedOnce(list []string) []string {
	slices.Sort(list)
	return slices.Clip(slices.Compact(list))
}

// handlerOf makes the handler that a rule names, or takes the one that was made for the same settings.
func handlerOf[T any](c *compiler, stage, path string, ref access.HandlerRef, kinds map[string]access.Kind[T], configs map[string]access.HandlerConfig) (named[T], bool) {
	none := named[T]{}
	kind, known := kinds[ref.Handler]
	configured := configs[ref.Handler]
	switch {
	case ref.Handler == "":
		c.fault(path+".handler", "is missing: write one of %s", strings.Join(slices.Sorted(maps.Keys(kinds)), ", "))
		return none, false
	case !known:
		c.fault(path+".handler", "%q is no %s%s", ref.Handler, stage, spell.Meant(ref.Handler, slices.Sorted(maps.Keys(kinds))))
		return none, false
	case configured.Enabled != nil && !*configured.Enabled:
		c.fault(path+".handler", "%s is switched off by access.%ss.%[1]s.enabled", ref.Handler, stage)
		return none, false
	}
	c.boundSettings(path+".config", ref.Config)
	c.boundInherited(path+".config", configured.Config, ref.Config)
	settings, err := configured.Config.With(ref.Config)
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
