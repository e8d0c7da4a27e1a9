package link

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/courier"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/selfservice"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

func sent(t testing.TB) (*Method, *selfservice.Flow, string) {
	t.Helper()
	clock := new(testkit.Clock)
	m := &Method{Sending: selfservice.Sending{Now: clock.Now}, Config: DefaultConfig()}
	f := &selfservice.Flow{ID: "one", Kind: selfservice.KindVerification, ExpiresAt: clock.Now().Add(time.Hour), Form: ui.NewForm("https://login.example.com/auth/self-service/verification?flow=one")}
	who := &identity.Identity{ID: "ada"}
	if err := m.BeginVerification(t.Context(), f, who, identity.VerifiableAddress{Via: "email", Value: "ada@example.com"}, "de"); err != nil {
		t.Fatal(err)
	}
	link, _ := f.Sent()[0].Data["verification_url"].(string)
	return m, f, link
}

func TestLink(t *testing.T) {
	m, f, link := sent(t)
	message := f.Sent()[0]
	if message.Template != courier.VerificationValid || message.Recipient != "ada@example.com" || message.Lang != "de" {
		t.Errorf("%+v", message)
	}
	u, err := url.Parse(link)
	if err != nil || !strings.HasPrefix(link, "https://login.example.com/auth/self-service/verification?") || u.Query().Get("flow") != "one" {
		t.Fatalf("%s: %v", link, err)
	}
	token := u.Query().Get("token")
	if c := f.Internal.Code; len(token) != 43 || strings.Contains(c.Digest, token) || !c.ExpiresAt.Equal(m.Now().Add(15*time.Minute)) {
		t.Errorf("token %s: %+v", token, c)
	}
	in := &selfservice.Submission{Values: map[string]any{"token": token}}
	v, err := m.Verify(t.Context(), f, in)
	if err != nil || *v != (selfservice.Verified{IdentityID: "ada", Via: "email", Value: "ada@example.com"}) {
		t.Errorf("%+v, %v", v, err)
	}
}

func FuzzToken(f *testing.F) {
	for _, s := range []string{"", "x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "\x00", strings.Repeat("a", 500)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, token string) {
		m, fl, link := sent(t)
		u, err := url.Parse(link)
		if err != nil {
			t.Fatal(err)
		}
		_, err = m.Verify(t.Context(), fl, &selfservice.Submission{Values: map[string]any{"token": token}})
		if right := token == u.Query().Get("token"); right != (err == nil) {
			t.Errorf("%q: %v", token, err)
		}
		if fl.Internal.Code.Tries != 0 {
			t.Error("tries of tokens are counted")
		}
	})
}
