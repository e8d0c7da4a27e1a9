package oauth_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/oauth"
)

func TestParseAudience(t *testing.T) {
	for _, tc := range []struct {
		in   []string
		want oauth.Audience
	}{
		{nil, nil},
		{[]string{"https://a https://b https://a"}, oauth.Audience{"https://a", "https://b"}},
		{[]string{"https://a", "", "https://b"}, oauth.Audience{"https://a", "https://b"}},
	} {
		got, err := oauth.ParseAudience(tc.in)
		if err != nil || !cmp.Equal(tc.want, got) {
			t.Errorf("ParseAudience(%q) = %q, %v", tc.in, got, err)
		}
	}
	if _, err := oauth.ParseAudience([]string{"a\x00b"}); !errors.Is(err, oauth.ErrInvalidTarget) {
		t.Errorf("got %v", err)
	}
}

func TestAudienceRefused(t *testing.T) {
	list := oauth.Audience{"https://api.example.com/users", "my-api", "https://root.example.com/"}
	for want, allowed := range map[string]bool{
		"https://api.example.com/users":           true,
		"https://api.example.com/users/1":         true,
		"https://API.example.com/users":           true,
		"https://api.example.com/users/":          true,
		"https://api.example.com/usersandmore":    false,
		"https://api.example.com/":                false,
		"https://api.example.com/users/../admin":  false,
		"https://api.example.com/users/%2e%2e/x":  false,
		"http://api.example.com/users":            false,
		"https://api.example.com:444/users":       false,
		"https://api.example.com/users?x":         false,
		"https://u@api.example.com/users":         false,
		"https://api.example.com.evil.test/users": false,
		"https://root.example.com/any/path":       true,
		"my-api":                                  true,
		"my-api/x":                                false,
		"other":                                   false,
	} {
		if _, refused := list.Refused([]string{want}); refused == allowed {
			t.Errorf("%s: refused = %v", want, refused)
		}
	}
}
