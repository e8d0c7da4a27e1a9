package kube

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// refuseScopes keeps out scopes by which a client's tokens could open the admin API, unless the namespace may have them. The server
// permits such a client to administrators alone; the controller is one, and who makes resources need not be.
func (c *Config) refuseScopes(namespace, scopes string) *failure {
	for scope := range strings.FieldsSeq(scopes) {
		if !opensAdmin(scope) || slices.ContainsFunc(c.AdminScopes, func(pattern string) bool {
			ok, err := path.Match(pattern, namespace)
			return ok && err == nil
		}) {
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
