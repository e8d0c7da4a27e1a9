package apiclient

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
)

// nextLink is the target of a link whose relation is next (RFC 8288 §3). A target may hold commas, which part links otherwise.
var nextLink = regexp.MustCompile(`<([^<>]*)>[^<>]*;\s*rel="?next\b`)

// NextPage reads from an answer what the query of the next page is (RFC 8288); nil where there is none. Only the query is taken from
// the link: where the list is, is known to who asked for it. A link that cannot be read is an error, since a list without an end
// would else look whole.
func NextPage(answered http.Header) (url.Values, error) {
	for _, line := range answered.Values("Link") {
		found := nextLink.FindStringSubmatch(line)
		if found == nil {
			continue
		}
		target, err := url.Parse(found[1])
		if err == nil {
			var query url.Values
			if query, err = url.ParseQuery(target.RawQuery); err == nil && len(query) > 0 {
				return query, nil
			}
		}
		return nil, errors.New("the server links to a next page that cannot be read")
	}
	return nil, nil
}
