package account

import (
	"fmt"
	"strconv"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/page"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// words speaks one language.
type words struct {
	site *page.Site
	lang string
}

// say gives a text of the pages.
func (w words) say(key string, pairs ...string) string {
	text, _ := w.site.Text(w.lang, key, pairs...)
	return text
}

// first gives the first text that there is.
func (w words) first(keys ...string) string {
	for _, key := range keys {
		if text, ok := w.site.Text(w.lang, key); ok {
			return text
		}
	}
	return ""
}

// labelID is the text that shows the title of a schema's field as it is.
const labelID = 1070002

// text gives a text of a flow: the operator's, or ours in the language. Titles of a schema's fields are the operator's own words;
// for the usual ones there is a translation.
func (w words) text(t ui.Text) string {
	if own, ok := w.site.TextIn(w.lang, strconv.Itoa(t.ID)); ok {
		return fillText(own, t.Context)
	}
	if t.ID == labelID {
		if own, ok := w.site.TextIn(w.lang, "label."+t.Text); ok {
			return own
		}
	}
	return ui.Localize(w.lang, t)
}

// fillText puts the values of a flow's text into an operator's words for it.
func fillText(s string, values map[string]any) string {
	pairs := make([]string, 0, 2*len(values))
	for name, v := range values {
		pairs = append(pairs, name, fmt.Sprint(v))
	}
	return page.Fill(s, pairs...)
}

// ago says when something was, in words that need no time zone.
func (w words) ago(then, now time.Time) string {
	d := now.Sub(then)
	count := func(key string, n int) string {
		if n == 1 {
			return w.say("ago." + key)
		}
		return w.say("ago."+key+"s", "n", strconv.Itoa(n))
	}
	switch {
	case d < time.Minute:
		return w.say("ago.now")
	case d < time.Hour:
		return count("minute", int(d/time.Minute))
	case d < 24*time.Hour:
		return count("hour", int(d/time.Hour))
	case d < 60*24*time.Hour:
		return count("day", int(d/(24*time.Hour)))
	}
	if w.lang == "de" {
		return then.UTC().Format("2.1.2006")
	}
	return then.UTC().Format("2 January 2006")
}

// scope says in words what an application may do with a scope: the operator's words, ours, or its name.
func (w words) scope(configured map[string]map[string]string, scope string) string {
	for _, lang := range []string{w.lang, "en"} {
		if text := configured[scope][lang]; text != "" {
			return text
		}
	}
	if text, ok := w.site.Text(w.lang, "scope."+scope); ok {
		return text
	}
	return scope
}
