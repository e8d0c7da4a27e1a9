package kube

import "testing"

func TestScopesThatOpenTheAdminAPI(t *testing.T) {
	c := &Config{AdminScopes: []string{"iam", "ops-*"}}
	for scopes, opens := range map[string]bool{
		"": false, "read write": false, "gatehouse": false, "x:gatehouse:admin": false, "*.x": false, "read.*": false,
		"gatehouse:admin": true, "read gatehouse:viewer": true, "gatehouse:anything": true, "*": true, "read\t*": true, "read\n gatehouse:operator": true,
	} {
		if fail := c.refuseScopes("team", scopes); (fail != nil) != opens {
			t.Errorf("%q: %v", scopes, fail)
		}
		for _, namespace := range []string{"iam", "ops-a"} {
			if fail := c.refuseScopes(namespace, scopes); fail != nil {
				t.Errorf("%q in %s: %v", scopes, namespace, fail)
			}
		}
	}
}
