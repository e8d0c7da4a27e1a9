package selfservice_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/selfservice"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// TestHooksAreNotToldWhatALinkProves: a link that a person opens, in whichever browser, holds what nobody else may know until it
// is spent, and hooks run before that.
func TestHooksAreNotToldWhatALinkProves(t *testing.T) {
	for _, by := range []string{"link", "code"} {
		for _, elsewhere := range []bool{false, true} {
			l := listen(t)
			check := l.hook("/check", true)
			check.Config.Body = "base64://" + base64.StdEncoding.EncodeToString([]byte(`function(ctx) ctx`))
			s := hooked(t, func(c *selfservice.Config) {
				c.Flows.Verification.Enabled, c.Flows.Verification.Use = true, by
				c.Flows.Verification.After = selfservice.AfterConfig{Hooks: []selfservice.HookConfig{check}}
			})
			proofs()(s)
			s.known("ada@example.com")
			b := s.browser()
			b.submit(b.begin("verification", "token=not-ours&after=1"), map[string]any{"method": by, "email": "ada@example.com"})
			link := s.sentLink("ada@example.com")
			if elsewhere {
				b = s.browser()
			}
			if a := b.get(link); elsewhere || by == "code" {
				f, values := b.flow("verification", a), map[string]any{"method": by}
				for _, name := range []string{"token", "code"} {
					if v, ok := f.node(name); ok {
						values[name] = v
					}
				}
				b.submit(f, values)
			}
			u, err := url.Parse(link)
			if err != nil {
				t.Fatal(err)
			}
			told, err := json.Marshal(l.told("/check"))
			if err != nil || !strings.Contains(string(told), "after=1") {
				t.Fatalf("%s: the hook was told %s: %v", by, told, err)
			}
			proof := u.Query().Get("token") + u.Query().Get("code")
			if proof == "" || strings.Contains(string(told), proof) || strings.Contains(string(told), "not-ours") {
				t.Errorf("%s, elsewhere %t: the hook was told the proof %q: %s", by, elsewhere, proof, told)
			}
		}
	}
}

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
