package access

import (
	"strconv"
	"strings"
)

// Compact gives the rules in as few pieces of memory as it can: what several of them say alike they share, and their texts stand
// together. Ten thousand rules differ in little, and a garbage collector looks at every piece of them again and again. The rules that
// it is given stay as they are.
func Compact(rules []Rule) []Rule {
	c := compactor{texts: make(map[string]string), lists: make(map[string][]string), refs: make(map[string][]HandlerRef)}
	compact := make([]Rule, len(rules))
	for i, r := range rules {
		for _, text := range []*string{
			&r.ID, &r.Version, &r.Description, &r.Match.URL, &r.Match.Authority, &r.Match.FullMethod, &r.Match.Path,
			&r.Upstream.URL, &r.Upstream.StripPath, &r.Source, (*string)(&r.Tenant),
		} {
			*text = c.text(*text)
		}
		r.Match.Methods, r.Match.Hosts = c.list(r.Match.Methods), c.list(r.Match.Hosts)
		r.Authenticators, r.Mutators, r.Errors = c.handlers(r.Authenticators), c.handlers(r.Mutators), c.handlers(r.Errors)
		r.Authorizer = c.handlers([]HandlerRef{r.Authorizer})[0]
		compact[i] = r
	}
	return compact
}

// compactor knows what was said already.
type compactor struct {
	texts map[string]string
	lists map[string][]string
	refs  map[string][]HandlerRef
	page  strings.Builder
	key   []byte // what a list says, for the time of a look
}

// pageSize is how much memory texts are put into at once, in bytes.
const pageSize = 32 << 10

func (c *compactor) text(s string) string {
	known, ok := c.texts[s]
	if ok {
		return known
	}
	if c.page.Len()+len(s) > c.page.Cap() {
		c.page = strings.Builder{}
		c.page.Grow(max(pageSize, len(s)))
	}
	begin := c.page.Len()
	c.page.WriteString(s)
	known = c.page.String()[begin:]
	c.texts[known] = known
	return known
}

func (c *compactor) list(of []string) []string {
	if of == nil {
		return nil
	}
	c.key = c.key[:0]
	for _, s := range of {
		c.key = strconv.AppendQuote(c.key, s)
	}
	known, ok := c.lists[string(c.key)]
	if !ok {
		key := string(c.key)
		known = make([]string, len(of))
		for i, s := range of {
			known[i] = c.text(s)
		}
		c.lists[key] = known
	}
	return known
}

func (c *compactor) handlers(of []HandlerRef) []HandlerRef {
	if of == nil {
		return nil
	}
	c.key = c.key[:0]
	for _, ref := range of {
		c.key = strconv.AppendInt(strconv.AppendQuote(c.key, ref.Handler), int64(len(ref.Config)), 10)
		c.key = append(append(c.key, ' '), ref.Config...)
	}
	known, ok := c.refs[string(c.key)]
	if !ok {
		key := string(c.key)
		known = make([]HandlerRef, len(of))
		for i, ref := range of {
			known[i] = HandlerRef{c.text(ref.Handler), ref.Config}
		}
		c.refs[key] = known
	}
	return known
}
