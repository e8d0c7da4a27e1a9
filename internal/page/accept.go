package page

import "strings"

// wantsHTML reports whether a page is a fitting answer: unless JSON is asked for and HTML is not.
func wantsHTML(accept []string) bool {
	json := false
	for _, line := range accept {
		for item := range strings.SplitSeq(line, ",") {
			media, _, _ := strings.Cut(item, ";")
			switch media = strings.ToLower(strings.TrimSpace(media)); {
			case media == "text/html" || media == "application/xhtml+xml":
				return true
			case media == "application/json" || strings.HasSuffix(media, "+json"):
				json = true
			}
		}
	}
	return !json
}
