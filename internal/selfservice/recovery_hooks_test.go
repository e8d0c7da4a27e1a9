package selfservice_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/selfservice"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

func TestHooksOfRecoveryAndVerification(t *testing.T) {
	for _, kind := range []string{"recovery", "verification"} {
		t.Run(kind, func(t *testing.T) {
			l := listen(t)
			s := hooked(t, func(c *selfservice.Config) {
				c.Flows.Verification.Enabled = true
				after := selfservice.AfterConfig{Hooks: []selfservice.HookConfig{l.hook("/check", true), l.hook("/done", false)}}
				before := selfservice.BeforeConfig{Hooks: []selfservice.HookConfig{l.hook("/before", true)}}
				c.Flows.Recovery.Before, c.Flows.Recovery.After = before, after
				c.Flows.Verification.Before, c.Flows.Verification.After = before, after
			})
			proofs()(s)
			who := s.known("ada@example.com")
			app := s.app()
			f := app.submit(app.begin(kind, ""), map[string]any{"method": "code", "email": "ada@example.com"})
			if l.told("/before") == nil {
				t.Error("the hook before it was not called")
			}
			sent := s.sentCode("ada@example.com")
			l.answer["/check"] = `{"messages":[{"instance_ptr":"#/","messages":[{"id":1234,"text":"not on Sundays","type":"error"}]}]}`
			no := app.submit(f, map[string]any{"code": sent})
			if no.status != http.StatusBadRequest || !strings.Contains(no.body, "not on Sundays") || no.text("state") != ui.StateSentEmail {
				t.Errorf("%d %s", no.status, no.body)
			}
			if s.reload(who).VerifiableAddresses[0].Verified || s.countSessions() > 0 || l.told("/done") != nil {
				t.Error("what a hook refused was done")
			}
			delete(l.answer, "/check")
			expect(t, "state", app.submit(f, map[string]any{"code": sent}).text("state"), ui.StatePassedChallenge)
			told := l.told("/done")
			if told == nil || told["email"] != "ada@example.com" || told["session"] != (kind == "recovery") {
				t.Errorf("the hook after it was told %v", told)
			}
		})
	}
}
