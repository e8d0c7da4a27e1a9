package oauth_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/oauth"
)

func TestDefaultsAreValid(t *testing.T) {
	if faults := oauth.Defaults().Validate(); len(faults) != 0 {
		t.Error(faults)
	}
}

func TestValidateNamesEveryFault(t *testing.T) {
	c := oauth.Defaults()
	c.Issuer = "https://id.example.com/?x"
	c.AccessTokenStrategy = "paper"
	c.ScopeStrategy = "guess"
	c.DefaultScope = []string{"a\"b"}
	c.Lifespans.AccessToken = 0
	c.Lifespans.RefreshToken = -2
	c.Lifespans.AuthorizationCode = time.Hour
	c.Lifespans.AuthenticationSession = 181 * 24 * time.Hour
	c.Pairwise.Enabled = true
	c.URLs.Login = "/login"
	faults := c.Validate()
	text := ""
	for _, f := range faults {
		text += f.Error() + "\n"
	}
	for _, key := range []string{
		"issuer:", "access_token_strategy:", "scope_strategy:", "default_scope:", "lifespans.access_token:", "lifespans.refresh_token:",
		"lifespans.authorization_code:", "lifespans.authentication_session:", "pairwise.salt:",
		"urls.login:",
	} {
		if !strings.Contains(text, key) {
			t.Errorf("%s is not named in\n%s", key, text)
		}
	}
	if len(faults) != 10 {
		t.Errorf("%d faults\n%s", len(faults), text)
	}
	c = oauth.Defaults()
	c.Lifespans.RefreshToken = oauth.NeverExpires
	if faults := c.Validate(); len(faults) != 0 {
		t.Error(faults)
	}
}

func TestFrontChannelAllowed(t *testing.T) {
	yes, no := true, false
	for _, tc := range []struct {
		config      oauth.FrontChannelConfig
		development bool
		want        bool
	}{
		{oauth.FrontChannelConfig{}, true, true},
		{oauth.FrontChannelConfig{}, false, false},
		{oauth.FrontChannelConfig{Clients: []string{"spa"}}, false, true},
		{oauth.FrontChannelConfig{Clients: []string{"other"}}, false, false},
		{oauth.FrontChannelConfig{Default: &yes}, false, true},
		{oauth.FrontChannelConfig{Default: &no}, true, false},
		{oauth.FrontChannelConfig{Default: &no, Clients: []string{"spa"}}, true, true},
	} {
		if got := tc.config.Allowed("spa", tc.development); got != tc.want {
			t.Errorf("%+v in development %v: %v", tc.config, tc.development, got)
		}
	}
}
