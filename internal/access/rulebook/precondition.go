package rulebook

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/access"
)

// Precondition is what a change demands of what is there (RFC 9110 §13.1).
type Precondition struct {
	// Match is the field If-Match, None the field If-None-Match, of which only "*" is known.
	Match, None string
}

// holds reports whether a thing with the tag is what the change was made for.
func (p Precondition) holds(etag string, exists bool) bool {
	if p.None == "*" && exists {
		return false
	}
	if p.Match == "" {
		return true
	}
	if !exists {
		return false
	}
	for tag := range strings.SplitSeq(p.Match, ",") {
		if tag = strings.TrimSpace(tag); tag == "*" || tag == etag {
			return true
		}
	}
	return false
}

// documentOf is a rule as it is stored and compared.
func documentOf(r access.Rule) string {
	text, err := json.Marshal(r)
	if err != nil { // only a config that is no JSON could be the reason, and ParseRules has read it
		return ""
	}
	return string(text)
}

func (r *storedRule) etag() string {
	if r == nil {
		return ""
	}
	return etagOf([]storedRule{*r})
}

// etagOf is an entity tag of what the rules say (RFC 9110 §8.8.3).
func etagOf(rules []storedRule) string {
	sum := sha256.New()
	for _, r := range rules {
		_, _ = sum.Write([]byte(r.document + "\n")) // a hash takes everything
	}
	return `"` + base64.RawURLEncoding.EncodeToString(sum.Sum(nil)[:18]) + `"`
}
