package extauthz

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/access"
)

// What Envoy's client says in fields that only this server may set is removed, also where this server says nothing in them.
func TestEnvoyRemovesWhatTheClientSaysOfItself(t *testing.T) {
	h := &Handler{Door: access.Door{Strip: []string{"X-Kratos-Authenticated-Identity-Id"}}}
	decision := &access.Decision{
		Strip:     []string{"X-Group", "X-Mail", "X-User"},
		Principal: &access.Principal{Header: access.Header{"X-User": {"ada"}, "X-Mail": nil, "X-Other": nil}},
	}
	r := &access.Request{Header: access.Header{"X_user": {"root"}, "X_colour": {"red"}}}
	answer := h.passed(r, decision).GetOkResponse()
	want := []string{"x-group", "x-kratos-authenticated-identity-id", "x-mail", "x-other", "x_user"}
	if d := cmp.Diff(want, answer.GetHeadersToRemove()); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"x-user: ada OVERWRITE_IF_EXISTS_OR_ADD"}, shown(answer.GetHeaders())); d != "" {
		t.Error(d)
	}
}
