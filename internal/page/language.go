package page

import (
	"slices"
	"strconv"
	"strings"
)

// choose gives the language, of those that there are, that somebody reads best. asked are ui_locales, the best first; accept
// are the Accept-Language headers (RFC 9110 §12.5.4). The first that there is counts where nothing fits.
func choose(have, asked, accept []string) string {
	for _, tag := range asked {
		if l := match(have, tag); l != "" {
			return l
		}
	}
	best, weight := have[0], 0.0
	for _, line := range accept {
		if len(line) > 512 {
			continue // nobody reads so many languages
		}
		for item := range strings.SplitSeq(line, ",") {
			tag, q := quality(item)
			if l := match(have, tag); l != "" && q > weight {
				best, weight = l, q
			}
		}
	}
	return best
}

// match finds a language by its tag: "de-AT" is answered by "de" (RFC 4647 §3.4).
func match(have []string, tag string) string {
	tag = strings.ToLower(strings.TrimSpace(tag))
	for tag != "" {
		if slices.Contains(have, tag) {
			return tag
		}
		i := strings.LastIndexAny(tag, "-_")
		if i < 0 {
			return ""
		}
		tag = tag[:i]
	}
	return ""
}

// quality reads an item of Accept-Language: a tag and how much it is wanted.
func quality(item string) (tag string, q float64) {
	tag, params, _ := strings.Cut(item, ";")
	value, ok := strings.CutPrefix(strings.TrimSpace(params), "q=")
	if !ok {
		return tag, 1
	}
	q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil || q < 0 || q > 1 {
		return tag, 0
	}
	return tag, q
}
