package kube

import (
	"fmt"
	"strings"
)

// refusePrivileges keeps out what the server permits to its administrators, of whom the controller is one, and who makes resources need
// not be: scopes by which a client's tokens could open the admin API, and to have nobody asked what a client may know of him.
func (c *Config) refusePrivileges(namespace string, d *description) *failure {
	if d.SkipConsent && !Fits(c.SkipConsent, namespace) {
		return &failure{reason: reasonConsentRefused, code: codeRegister, message: fmt.Sprintf(
			"skipConsent gives a client what it asks for of each person, without a question, which clients of namespace %s may not: leave it out, or have whoever runs the controller allow it with --skip-consent %[1]s",
			namespace)}
	}
	for scope := range strings.FieldsSeq(d.Scope) {
		if !opensAdmin(scope) || Fits(c.AdminScopes, namespace) {
			continue
		}
		return &failure{reason: reasonScopeRefused, code: codeRegister, message: fmt.Sprintf(
			"scope %s can open the server's admin API, which clients of namespace %s may not: whoever runs the controller can allow it with --admin-scopes %[2]s",
			cut(scope), namespace)}
	}
	return nil
}

// opensAdmin reports whether a client of that scope may ask for gatehouse:viewer, gatehouse:operator or gatehouse:admin, in whichever way
// the server compares scopes: * is the one wildcard that stands for a scope without dots.
func opensAdmin(scope string) bool { return scope == "*" || strings.HasPrefix(scope, "gatehouse:") }
