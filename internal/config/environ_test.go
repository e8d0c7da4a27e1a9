package config

import (
	"strings"
	"testing"
)

// A mounted file that is still empty must not make the server fall back to a new embedded database, or to an admin
// listener without keys.
func TestEmptyEnvironmentFiles(t *testing.T) {
	empty, blank := write(t, "empty", ""), write(t, "blank", " \n\n")
	got := faultsOf(t, "secrets: {admin: [0123456789abcdefghijklmnopqrstuvwxyz]}",
		"GATEHOUSE_DATABASES_DSN_FILE="+empty, "GATEHOUSE_SECRETS_ADMIN_FILE="+blank)
	for i, want := range []string{
		"databases.dsn (GATEHOUSE_DATABASES_DSN_FILE): the file " + empty + " is empty",
		"secrets.admin (GATEHOUSE_SECRETS_ADMIN_FILE): the file " + blank + " is empty",
	} {
		if i >= len(got) || got[i] != want {
			t.Errorf("fault %d of %v is not %q", i, got, want)
		}
	}
}

// Whoever sets a port of their own invention is told; what Kubernetes sets is a URL.
func TestPortsThatAreNoServiceLinks(t *testing.T) {
	for _, name := range []string{"GATEHOUSE_PORT", "GATEHOUSE_SERVE_PUBLIC_PORT"} {
		got := faultsOf(t, "", name+"=4444")
		if len(got) != 1 || !strings.HasPrefix(got[0], name+": is not a known variable") {
			t.Errorf("%s: %v", name, got)
		}
	}
	mustRead(t, "", "GATEHOUSE_ADMIN_PORT=tcp://10.0.0.2:4445", "GATEHOUSE_SYSLOG_PORT=udp://10.0.0.2:514")
}
