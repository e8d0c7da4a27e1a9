package actor

import "testing"

func TestRolesCoverThoseBefore(t *testing.T) {
	for _, c := range []struct {
		has, need Role
		want      bool
	}{
		{RoleViewer, RoleViewer, true}, {RoleViewer, RoleOperator, false}, {RoleViewer, RoleAdmin, false},
		{RoleOperator, RoleViewer, true}, {RoleOperator, RoleOperator, true}, {RoleOperator, RoleAdmin, false},
		{RoleAdmin, RoleViewer, true}, {RoleAdmin, RoleOperator, true}, {RoleAdmin, RoleAdmin, true},
		{"", RoleViewer, false}, {"", "", false}, {"root", RoleViewer, false}, {"Admin", RoleViewer, false},
		{RoleViewer, "", true}, {RoleAdmin, "root", false}, {"root", "root", false},
	} {
		if got := c.has.Covers(c.need); got != c.want {
			t.Errorf("%q covers %q: %t", c.has, c.need, got)
		}
	}
	for _, r := range Roles() {
		if !r.Valid() {
			t.Errorf("%q is no role", r)
		}
	}
}
