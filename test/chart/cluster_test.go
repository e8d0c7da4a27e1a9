package chart

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/gatehouse-iam/gatehouse/test/mortal"
)

// patience is how long the API server may take to come and go.
const patience = 3 * time.Minute

// warnings are what the API server says beside its answers, about Pod Security above all.
type warnings struct {
	mu   sync.Mutex
	said []string
}

// HandleWarningHeaderWithContext implements rest.WarningHandlerWithContext.
func (w *warnings) HandleWarningHeaderWithContext(_ context.Context, _ int, _, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, text)
}

// take gives what was said since the last time.
func (w *warnings) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	said := w.said
	w.said = nil
	return said
}

// cluster is a real API server with a namespace in which pods have to be restricted.
type cluster struct {
	client.Client
	config   *rest.Config
	env      *envtest.Environment
	warnings *warnings
	// assets is the directory of the API server's program, and of kubectl.
	assets string
}

// started is stopped when the tests have ended, and mortals, its programs, are removed; where the tests are killed, it ends with them.
var (
	started *envtest.Environment
	mortals string
)

// open starts the API server, once.
var open = sync.OnceValues(func() (*cluster, error) {
	assets := os.Getenv("KUBEBUILDER_ASSETS")
	if assets == "" {
		build := exec.Command("scripts/kubernetes", "etcd", "kube-apiserver", "kubectl")
		build.Dir, build.Stderr = repository, os.Stderr
		out, err := build.Output()
		if err != nil {
			return nil, fmt.Errorf("building the API server: %w", err)
		}
		assets = strings.TrimSpace(string(out))
	}
	programs, err := mortal.Directory(assets, "etcd", "kube-apiserver")
	if err != nil {
		return nil, err
	}
	definitions, err := definitionsOfOthers()
	if err != nil {
		return nil, err
	}
	c := &cluster{warnings: &warnings{}, assets: assets, env: &envtest.Environment{
		BinaryAssetsDirectory: programs, ControlPlaneStartTimeout: patience, ControlPlaneStopTimeout: patience,
		CRDInstallOptions: envtest.CRDInstallOptions{Paths: definitions, ErrorIfPathMissing: true, MaxTime: patience},
	}}
	started, mortals = c.env, programs
	if c.config, err = c.env.Start(); err != nil {
		return nil, err
	}
	c.config.QPS = -1
	c.config.WarningHandlerWithContext = c.warnings
	if c.Client, err = client.New(c.config, client.Options{}); err != nil {
		return nil, err
	}
	labels := map[string]any{}
	for _, mode := range []string{"enforce", "warn"} {
		labels["pod-security.kubernetes.io/"+mode] = "restricted"
	}
	return c, c.Create(context.Background(), &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": namespace, "labels": labels},
	}})
})

// others are kinds of other projects that the chart makes objects of, by the modules that define them: the kind and the definition's file.
var others = map[string]map[string]string{
	"sigs.k8s.io/gateway-api": {
		"gateway-gateway": "config/crd/standard/gateway.networking.k8s.io_gateways.yaml", "httproute-gateway": "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml",
		"backendtlspolicy-gateway": "config/crd/standard/gateway.networking.k8s.io_backendtlspolicies.yaml",
	},
	"github.com/cert-manager/cert-manager": {"certificate-cert-manager": "deploy/crds/cert-manager.io_certificates.yaml"},
	"github.com/prometheus-operator/prometheus-operator": {
		"servicemonitor-monitoring": "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
		"podmonitor-monitoring":     "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml",
		"prometheusrule-monitoring": "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
	},
}

// definitionsOfOthers are the files with the definitions of these kinds, of the modules that tools/definitions names.
func definitionsOfOthers() ([]string, error) {
	cmd := exec.Command("go", append([]string{"mod", "download", "-json"}, slices.Sorted(maps.Keys(others))...)...)
	cmd.Dir, cmd.Env = filepath.Join(repository, "tools", "definitions"), append(os.Environ(), "GOFLAGS=")
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("fetching definitions: %w\n%s", err, out)
	}
	var files []string
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var module struct{ Path, Dir string }
		if err := d.Decode(&module); errors.Is(err, io.EOF) {
			return files, nil
		} else if err != nil {
			return nil, err
		}
		for _, file := range others[module.Path] {
			files = append(files, filepath.Join(module.Dir, filepath.FromSlash(file)))
		}
	}
}

// What an API server says is the judge: every object of every example is taken as it is, with no unknown field, and Pod Security
// `restricted` has nothing to say about any pod, Jobs and the database included.
func TestAPIServerTakesTheExamples(t *testing.T) {
	c, err := open()
	if err != nil {
		t.Fatal(err)
	}
	for name, given := range everything(t) {
		t.Run(name, func(t *testing.T) {
			for _, o := range mustRender(t, given).objects {
				c.warnings.take()
				u := &unstructured.Unstructured{Object: o}
				err := c.Create(t.Context(), u, client.DryRunAll, client.FieldValidation(metav1.FieldValidationStrict))
				if err != nil {
					t.Errorf("%s %s: %v", o.kind(), o.name(), err)
				}
				for _, said := range c.warnings.take() {
					t.Errorf("%s %s: %s", o.kind(), o.name(), said)
				}
			}
		})
	}
}

// What examples have beside values files is taken as it is, too.
func TestAPIServerTakesTheGateway(t *testing.T) {
	c, err := open()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(repository, "deploy/examples/gateway/gateway.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	objects, err := decode(string(content))
	if err != nil || len(objects) != 2 {
		t.Fatalf("%v, %d objects", err, len(objects))
	}
	for _, o := range objects {
		err := c.Create(t.Context(), &unstructured.Unstructured{Object: o}, client.FieldValidation(metav1.FieldValidationStrict))
		if err != nil {
			t.Errorf("%s %s: %v", o.kind(), o.name(), err)
		}
	}
	// The routes of the example ask for this Gateway, at a host of its listener.
	parent := objects[1]
	suffix := strings.TrimPrefix(parent.text("spec", "listeners", 0, "hostname"), "*")
	routes := mustRender(t, example(t, "production-gateway.yaml")).ofKind("HTTPRoute")
	if len(routes) != 2 {
		t.Errorf("%d routes", len(routes))
	}
	for _, r := range routes {
		ref := list(r, "spec", "parentRefs")[0]
		if ref.text("name") != parent.name() || ref.text("namespace") != parent.text("metadata", "namespace") || !strings.HasSuffix(r.text("spec", "hostnames", 0), suffix) {
			t.Errorf("%s is for %s at %v", r.name(), r.text("spec", "hostnames"), ref)
		}
	}
}

// The Job that makes secrets gets by with the rights that the chart gives it: the Role's, on Secrets by their names.
func TestSecretsAreMadeWithTheRightsOfTheJob(t *testing.T) {
	c, err := open()
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	r := mustRender(t, example(t, "production-bundled.yaml"))
	const account = "gatehouse-make-secrets"
	for _, kind := range []string{"ServiceAccount", "Role", "RoleBinding"} {
		if err := c.Create(ctx, &unstructured.Unstructured{Object: r.find(kind, account)}); err != nil {
			t.Fatal(err)
		}
	}
	place, err := c.as(t, "system:serviceaccount:"+namespace+":"+account)
	if err != nil {
		t.Fatal(err)
	}
	job := r.find("Job", account)
	arguments, _ := job.at("spec", "template", "spec", "containers", 0, "args").([]any)
	var args []string
	for _, a := range arguments {
		args = append(args, fmt.Sprint(a))
	}
	made := map[string]string{}
	for range 3 {
		out, status := controller(t, append(args, place...)...)
		if status != 0 {
			t.Fatalf("status %d: %s", status, out)
		}
		for _, name := range []string{"gatehouse-secrets", "gatehouse-admin-clients", "gatehouse-postgresql", "gatehouse-admin-tls"} {
			s := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Secret"}}
			if err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, s); err != nil {
				t.Fatal(err)
			}
			data := object(s.Object).text("data")
			if before, there := made[name]; there && before != data {
				t.Errorf("%s was changed", name)
			}
			made[name] = data
		}
		if strings.Contains(out, "BEGIN") || strings.Count(out, "\n") != 4 {
			t.Errorf("prints %s", out)
		}
	}
	if out, status := controller(t, append([]string{"secrets", "ensure", "--namespace", namespace, "--random", "another=key"}, place...)...); status != 1 || !strings.Contains(out, "the cluster does not allow it") {
		t.Errorf("another Secret: status %d, %s", status, out)
	}
}

// as gives the flags with which somebody else reaches the API server.
func (c *cluster) as(t *testing.T, user string) ([]string, error) {
	t.Helper()
	dir := t.TempDir()
	parts := strings.Split(user, ":")
	request := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": map[string]any{"expirationSeconds": int64(3600)}}}
	of := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": map[string]any{"name": parts[3], "namespace": parts[2]}}}
	if err := c.SubResource("token").Create(t.Context(), of, request); err != nil {
		return nil, err
	}
	token, authority := filepath.Join(dir, "token"), filepath.Join(dir, "ca.crt")
	err := errors.Join(os.WriteFile(token, []byte(object(request.Object).text("status", "token")), 0o600), os.WriteFile(authority, c.config.CAData, 0o600))
	return []string{"--server", c.config.Host, "--token-file", token, "--ca-file", authority}, err
}
