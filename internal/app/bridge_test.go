package app

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

func TestPagesOfOAuthFlows(t *testing.T) {
	base, err := web.ParseBaseURL("https://id.example.com/auth/")
	if err != nil {
		t.Fatal(err)
	}
	got, own := bridgedURLs(oauth.URLsConfig{Consent: "https://example.com/consent", PostLogoutRedirect: "https://example.com/"}, base)
	want := oauth.URLsConfig{
		Login: "https://id.example.com/auth/self-service/login/browser", Registration: "https://id.example.com/auth/self-service/registration/browser",
		Consent: "https://example.com/consent", Logout: "https://id.example.com/auth/account/logout", PostLogoutRedirect: "https://example.com/",
	}
	if diff := cmp.Diff(want, got); diff != "" || !own {
		t.Errorf("own %v (-want +got):\n%s", own, diff)
	}
	// Who brings a login app keeps what was configured, whole.
	theirs := oauth.URLsConfig{Login: "https://example.com/login"}
	if got, own := bridgedURLs(theirs, base); own || got != theirs {
		t.Errorf("own %v, %+v", own, got)
	}
}
