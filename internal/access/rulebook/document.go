package rulebook

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"

	"github.com/gatehouse-iam/gatehouse/internal/access"
)

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
	return etagOf([]*storedRule{r})
}

// setTag is the entity tag of a set, and "" where there is none.
func setTag(rules []*storedRule) string {
	if len(rules) == 0 {
		return ""
	}
	return etagOf(rules)
}

// etagOf is an entity tag of what the rules say (RFC 9110 §8.8.3).
func etagOf(rules []*storedRule) string {
	sum := sha256.New()
	for _, r := range rules {
		_, _ = io.WriteString(sum, r.document+"\n") // a hash takes everything
	}
	return `"` + base64.RawURLEncoding.EncodeToString(sum.Sum(nil)[:18]) + `"`
}
