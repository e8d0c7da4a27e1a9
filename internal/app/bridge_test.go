package app

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/oauth"
)

func TestPagesOfOAuthFlows(t *testing.T) {
	got, own := bridgedURLs(oauth.URLsConfig{Consent: "https://example.com/consent", PostLogoutRedirect: "https://example.com/"})
	want := oauth.URLsConfig{
		Login: "/self-service/login/browser", Registration: "/self-service/registration/browser",
		Consent: "https://example.com/consent", Logout: "/account/logout", PostLogoutRedirect: "https://example.com/",
	}
	if diff := cmp.Diff(want, got); diff != "" || !own {
		t.Errorf("own %v (-want +got):\n%s", own, diff)
	}
	// Who brings a login app keeps what was configured, whole.
	theirs := oauth.URLsConfig{Login: "https://example.com/login"}
	if got, own := bridgedURLs(theirs); own || got != theirs {
		t.Errorf("own %v, %+v", own, got)
	}
}
