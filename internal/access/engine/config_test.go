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
	var all strings.Builder
	for _, err := range bad.Validate() {
		all.WriteString(err.Error() + "\n")
	}
	for _, want := range []string{"strip_headers[1]:", "strip_headers[2]:", "errors.handlers.xml: is no error handler", `errors.fallback: handler: "redirekt" is no error handler; did you mean redirect?`} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("%q is not in\n%s", want, all.String())
		}
	}
	if faults := DefaultConfig().Validate(); len(faults) > 0 {
		t.Error(faults)
	}
}
