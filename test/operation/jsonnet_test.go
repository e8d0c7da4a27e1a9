package operation

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gatehouse-iam/gatehouse/test/process"
)

// The released server brings Jsonnet's standard library as text: the body of a hook uses functions of it that are written in
// Jsonnet, and ones that are not.
func TestReleasedServerRunsJsonnet(t *testing.T) {
	const program = `function(ctx) { sorted: std.join("", std.sort(["c", "a", "b"])), doc: std.manifestYamlDoc({ a: [1] }),
		digest: std.sha256("x")[:8], pad: std.lstripChars("xxy", "x"), kind: std.get(ctx.flow, "type"), none: std.prune([null]) }`
	const want = `{"digest":"2d711642","doc":"\"a\":\n- 1","kind":"api","none":[],"pad":"y","sorted":"abc"}`
	told := make(chan string, 1)
	listener := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var compact bytes.Buffer
		if err := json.Compact(&compact, body); err != nil {
			t.Error(err)
		}
		select {
		case told <- compact.String():
		default: // asked again
		}
	}))
	t.Cleanup(listener.Close)
	s := process.Start(t, process.Options{Config: fmt.Sprintf(
		"selfservice: {flows: {login: {before: {hooks: [{hook: web_hook, config: {url: %q, body: %q}}]}}}}\n",
		listener.URL, "base64://"+base64.StdEncoding.EncodeToString([]byte(program)))})
	if status, body := s.Try(s.Public + "/self-service/login/api"); status != http.StatusOK {
		t.Fatalf("a login flow is answered with %d %s", status, body)
	}
	select {
	case got := <-told:
		if got != want {
			t.Errorf("the hook was told %s, want %s", got, want)
		}
	default:
		t.Error("the hook was not called, and it is waited for")
	}
}
