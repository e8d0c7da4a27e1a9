package access

import "testing"

// A cookie that only this server may set comes from no client, neither in a spelling that many applications read alike.
func TestCookiesOfTheServerAreItsOwn(t *testing.T) {
	d := &Decision{Principal: &Principal{Cookies: map[string]string{"x_user": "ada"}}, StripCookies: []string{"x_group", "x_user"}}
	for sent, want := range map[string]string{
		"a=b; x_user=root; x_group=root":                       "a=b; x_user=ada",
		"x.user=root; x.group=root; a.b=1":                     "a.b=1; x_user=ada",
		"x%5Fuser=root; %78_group=root; x%2Egroup=root; %zz=1": "%zz=1; x_user=ada",
		"X_User=other": "X_User=other; x_user=ada",
	} {
		got := d.Upstream(Header{"Cookie": {sent}})["Cookie"]
		if len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q, want %q", sent, got, want)
		}
	}
}
