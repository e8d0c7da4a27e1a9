package main

import (
	"strings"
	"testing"
)

// An empty name, or none where some were meant, is not taken for all namespaces.
func TestNamespacesAreNamed(t *testing.T) {
	t.Setenv("KUBECONFIG", t.TempDir()+"/none")
	const all, none = "leave it out for all", `"" is no name of a namespace`
	for _, command := range [][]string{{"release"}, {"--hydra-url", "http://127.0.0.1"}} {
		for given, says := range map[string]string{"": all, "shop,": none, ",": none, "Shop": `"Shop" is no name`} {
			var out strings.Builder
			args := append(command, "--namespace", given)
			if status := run(args, &out, &out); status != 2 || !strings.Contains(out.String(), says) {
				t.Errorf("%q ends with %d and without %q: %s", args, status, says, out.String())
			}
		}
		for _, empty := range [][]string{{"--namespace", "shop", "--namespace", ""}, {"--namespace", "", "--namespace", "shop"}} {
			var out strings.Builder
			if status := run(append(command, empty...), &out, &out); status != 2 || !strings.Contains(out.String(), all) {
				t.Errorf("%v of %q ends with %d: %s", command, empty, status, out.String())
			}
		}
		var out strings.Builder
		if status := run(append(command, "--namespace", "shop"), &out, &out); status != 1 || !strings.Contains(out.String(), "no way to an API server") {
			t.Errorf("%v of a namespace ends with %d: %s", command, status, out.String())
		}
	}
}

// Nothing is let go beside a controller because the name of its Deployment is empty.
func TestUnlessNamesADeployment(t *testing.T) {
	t.Setenv("KUBECONFIG", t.TempDir()+"/none")
	for _, given := range []string{"", "/", "iam", "iam/", "/gatehouse-controller"} {
		var out strings.Builder
		if status := run([]string{"release", "--unless", given}, &out, &out); status != 2 || !strings.Contains(out.String(), "NAMESPACE/DEPLOYMENT") {
			t.Errorf("--unless %q ends with %d: %s", given, status, out.String())
		}
	}
}
