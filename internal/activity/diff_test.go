package activity_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
)

// What was changed is told, but not what opens something: by the member's name, among headers, in an address.
func TestDiffKeepsSecrets(t *testing.T) {
	const hidden = "hush-hush-7"
	for _, document := range []string{
		`{"client_secret":"hush-hush-7"}`, `{"X-Api-Key":"hush-hush-7"}`, `{"aws":{"accessKeyId":"hush-hush-7"}}`, `{"jwks":{"keys":[{"kty":"EC","d":"hush-hush-7"}]}}`,
		`{"auth":{"type":"api_key","config":{"in":"header","name":"X-Functions-Key","value":"hush-hush-7"}}}`,
		`{"auth":{"type":"basic_auth","config":{"user":"a","password":"hush-hush-7"}}}`,
		`{"mutators":[{"handler":"header","config":{"headers":{"X-Functions-Key":"hush-hush-7"}}}]}`, `{"headers":{"X":["hush-hush-7"]}}`,
		`{"remote":"https://robot:hush-hush-7@authz.example.com/"}`, `{"remote":"https://hush-hush-7@authz.example.com/"}`,
		`{"remote":"https://authz.example.com/?api-key=hush-hush-7"}`, `{"urls":["https://authz.example.com/?a=b&access_token=hush-hush-7"]}`,
		`{"remote":"https://robot:hush-hush-7%zz@authz.example.com/"}`,
	} {
		before, after := activity.Diff(nil, json.RawMessage(document))
		if before != nil || strings.Contains(string(after), hidden) || !strings.Contains(string(after), "[redacted]") {
			t.Errorf("of %s is told %s", document, after)
		}
	}
	const plain = `{"match":{"methods":["GET"],"url":"https://app.example.com/\u003c.*\u003e?a=b"},"token_endpoint_auth_method":"none","upstream":{"url":"http://10.0.0.1:80"}}`
	if _, after := activity.Diff(nil, json.RawMessage(plain)); string(after) != plain {
		t.Errorf("of %s is told %s", plain, after)
	}
	if before, after := activity.Diff(json.RawMessage(`{"a":1,"b":"same"}`), json.RawMessage(`{"a":2,"b":"same"}`)); string(before) != `{"a":1}` || string(after) != `{"a":2}` {
		t.Errorf("%s became %s", before, after)
	}
}
