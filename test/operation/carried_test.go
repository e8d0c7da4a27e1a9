package operation

import (
	"net/http"
	"strings"

	"github.com/gatehouse-iam/gatehouse/test/process"
)

// worlds fills what is not the default tenant's clients and people: another tenant, with a client of its own, and a rule of access.
func (s *switching) worlds(old *process.Server) {
	s.Helper()
	s.call(s.http(), http.MethodPost, old.Admin+"/admin/tenants", `{"id":"acme","path_prefix":"/t/acme"}`, http.StatusCreated)
	made := s.call(s.http(), http.MethodPost, old.Admin+"/t/acme/admin/clients",
		`{"client_id":"guest","grant_types":["client_credentials"],"token_endpoint_auth_method":"client_secret_post"}`, http.StatusCreated)
	s.guest, _ = made["client_secret"].(string)
	s.call(s.http(), http.MethodPut, old.Admin+"/admin/rules/carried", `{"id":"carried","match":{"url":"http://app.example.com/<.*>","methods":["GET"]},
		"authenticators":[{"handler":"anonymous"}],"authorizer":{"handler":"allow"},"mutators":[{"handler":"noop"}]}`, http.StatusCreated)
}

// carried makes sure that this is there, that what somebody agreed to is, and that the activity log is still one chain.
func (s *switching) carried(fresh *process.Server) {
	s.Helper()
	s.call(s.http(), http.MethodPost, fresh.Public+"/t/acme/oauth2/token", credentials("guest", s.guest), http.StatusOK)
	for path, want := range map[string]string{
		"/admin/rules/carried": `http://app.example.com/`, "/admin/activity/verify": `"intact":true`, "/t/acme/admin/activity/verify": `"intact":true`,
		"/admin/oauth2/auth/sessions/consent?subject=somebody": `"offline_access"`,
	} {
		if code, body := fresh.Try(fresh.Admin + path); code != http.StatusOK || !strings.Contains(body, want) {
			s.Errorf("%s answers %d, without %s: %s", path, code, want, body)
		}
	}
}
