package engine

import (
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/access"
)

func TestConfigIsChecked(t *testing.T) {
	bad := DefaultConfig()
	bad.StripHeaders = []string{"X-A", "X B", ""}
	bad.Errors.Fallback = []string{"redirekt"}
	bad.Errors.Handlers = map[string]access.HandlerConfig{"xml": {}}
	bad.Authenticators = map[string]access.HandlerConfig{"anonymus": {}, "jwt": {}}
	bad.Authorizers = map[string]access.HandlerConfig{"remote_jsn": {}}
	bad.Mutators = map[string]access.HandlerConfig{"json": {}}
	var all strings.Builder
	for _, err := range bad.Validate() {
		all.WriteString(err.Error() + "\n")
	}
	for _, want := range []string{"strip_headers[1]:", "strip_headers[2]:", "errors.handlers.xml: is no error handler", `errors.fallback: handler: "redirekt" is no error handler; did you mean redirect?`,
		"authenticators.anonymus: is no authenticator; did you mean anonymous?", "authorizers.remote_jsn: is no authorizer; did you mean remote_json?", "mutators.json: is no mutator",
	} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("%q is not in\n%s", want, all.String())
		}
	}
	if strings.Contains(all.String(), "authenticators.jwt") {
		t.Error(all.String())
	}
	if faults := DefaultConfig().Validate(); len(faults) > 0 {
		t.Error(faults)
	}
}
