package interop

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/gatehouse-iam/gatehouse/test/process"
)

func TestMain(m *testing.M) { process.Main(m) }

// The npm package runs in its own process and says itself what it checked; its report is kept for a failure.
func TestNodeOpenIDClient(t *testing.T) {
	dir, err := filepath.Abs("openid-client")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules")); err != nil {
		if err := process.InstallPackages(dir); err != nil {
			t.Fatal(err)
		}
	}
	// One address signs in many people here, and nobody outside is asked about passwords.
	root := process.Start(t, process.Options{Config: "limits: {enabled: false}\nhashing: {memory: 8192, time: 1}\n" +
		"selfservice: {methods: {password: {config: {haveibeenpwned_enabled: false}}}}\n"})
	for name, s := range map[string]*process.Server{"root": root, "below a prefix": root.Tenant(`{"id":"acme","path_prefix":"/t/acme"}`)} {
		t.Run(name, func(t *testing.T) {
			run := exec.CommandContext(t.Context(), "node", "--test")
			run.Dir = dir
			run.Env = append(os.Environ(), "GATEHOUSE_PUBLIC="+s.Public, "GATEHOUSE_ADMIN="+s.Admin)
			out, err := run.CombinedOutput()
			if err != nil {
				t.Fatalf("openid-client: %v\n%s", err, out)
			}
			t.Logf("%s", out)
		})
	}
}
