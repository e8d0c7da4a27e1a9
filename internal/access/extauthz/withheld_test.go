package extauthz

import (
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/door"
	"github.com/gatehouse-iam/gatehouse/internal/access/engine"
	"github.com/gatehouse-iam/gatehouse/internal/flow"
)

// What Envoy's client says in fields that only this server may set is removed, also where this server says nothing in them.
func TestEnvoyRemovesWhatTheClientSaysOfItself(t *testing.T) {
	decision := &access.Decision{
		Strip:     []string{"X-Group", "X-Kratos-Authenticated-Identity-Id", "X-Mail", "X-User"},
		Principal: &access.Principal{Header: access.Header{"X-User": {"ada"}, "X-Mail": nil, "X-Other": nil}},
	}
	r := &access.Request{Header: access.Header{"X_user": {"root"}, "X_colour": {"red"}}}
	answer := passed(r, decision).GetOkResponse()
	want := []string{"x-group", "x-kratos-authenticated-identity-id", "x-mail", "x-other", "x_user"}
	if d := cmp.Diff(want, answer.GetHeadersToRemove()); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"x-user: ada OVERWRITE_IF_EXISTS_OR_ADD"}, shown(answer.GetHeaders())); d != "" {
		t.Error(d)
	}
}

// So is that by which the application would read another method or path than the one that was decided about.
func TestEnvoyRemovesOverrides(t *testing.T) {
	answer, err := envoy(t)(held("GET", "/api", map[string]string{"authorization": "ada", "x-http-method-override": "DELETE", "x-original-url": "/admin"}))
	if err != nil {
		t.Fatal(err)
	}
	removed := answer.GetOkResponse().GetHeadersToRemove()
	for _, name := range []string{"x-http-method-override", "x-original-url"} {
		if !slices.Contains(removed, name) {
			t.Errorf("%s is not among %v", name, removed)
		}
	}
	if slices.Contains(removed, "x-rewrite-url") {
		t.Error("a field that nobody sent is removed")
	}
}

// A URL that nobody can read is counted and recorded as every refusal is.
func TestWhatCannotBeReadIsRecorded(t *testing.T) {
	var seen []string
	note := func(words ...string) { seen = append(seen, strings.Join(words, " ")) }
	h := &Handler{Door: door.Door{
		Name: "ext_authz", Engine: engine.New(engine.Options{}), Now: time.Now,
		Record:  func(e flow.Event) { note(e.Method, e.Host, e.Path, string(e.Verdict), e.Reason) },
		Observe: func(door string, v flow.Verdict, _ time.Duration) { note(door, string(v)) },
	}}
	answer, err := h.check(t.Context(), connect.NewRequest(held("GET", "/a%2fb?c", nil)))
	if err != nil || answer.Msg.GetDeniedResponse().GetStatus().GetCode() != 400 {
		t.Error(answer, err)
	}
	if d := cmp.Diff([]string{"ext_authz invalid", "GET app.example.com /a%2fb invalid ambiguous_url"}, seen); d != "" {
		t.Error(d)
	}
}
