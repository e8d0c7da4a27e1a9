package kube

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Files of TLS that cannot be used are refused before anything is watched, by the flag that names them.
func TestFilesOfTLS(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	const at = "https://admin.iam.svc:4445"
	for _, test := range []struct {
		server Server
		want   string
	}{
		{Server{URL: at, CAFile: "/nowhere/ca.crt"}, "--tls-trust-store: open /nowhere/ca.crt"},
		{Server{URL: at, CAFile: text}, "--tls-trust-store: " + text + " holds no certificate"},
		{Server{URL: at, CertFile: text}, "--client-cert needs --client-key"},
		{Server{URL: at, CertFile: text, KeyFile: "/nowhere/tls.key"}, "--client-key: open /nowhere/tls.key"},
		{Server{URL: at, CertFile: text, KeyFile: text}, "--client-cert " + text + " and --client-key " + text},
		{Server{URL: "http://localhost:4445", CAFile: text}, "are for https"},
	} {
		if err := test.server.validate(); err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "4445") {
			t.Errorf("%+v: %v, and not %s", test.server, err, test.want)
		}
	}
}
