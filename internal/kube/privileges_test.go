package kube

import "testing"

func TestScopesThatOpenTheAdminAPI(t *testing.T) {
	c := &Config{AdminScopes: []string{"iam", "ops-*"}}
	for scopes, opens := range map[string]bool{
		"": false, "read write": false, "gatehouse": false, "x:gatehouse:admin": false, "*.x": false, "read.*": false,
		"gatehouse:admin": true, "read gatehouse:viewer": true, "gatehouse:anything": true, "*": true, "read\t*": true, "read\n gatehouse:operator": true,
	} {
		if fail := c.refusePrivileges("team", &description{Scope: scopes}); (fail != nil) != opens {
			t.Errorf("%q: %v", scopes, fail)
		}
		for _, namespace := range []string{"iam", "ops-a"} {
			if fail := c.refusePrivileges(namespace, &description{Scope: scopes}); fail != nil {
				t.Errorf("%q in %s: %v", scopes, namespace, fail)
			}
		}
	}
}

// Whoever may make clients gets nobody's data without a question, unless the operator says so.
func TestConsentIsSkippedByLeaveAlone(t *testing.T) {
	c := &Config{SkipConsent: []string{"iam", "ops-*"}}
	for namespace, may := range map[string]bool{"iam": true, "ops-a": true, "team": false, "iam-not": false, "": false} {
		if fail := c.refusePrivileges(namespace, &description{SkipConsent: true}); (fail == nil) != may {
			t.Errorf("%q: %v", namespace, fail)
		}
		if fail := c.refusePrivileges(namespace, &description{}); fail != nil {
			t.Errorf("%q, which asks for nothing: %v", namespace, fail)
		}
	}
}
