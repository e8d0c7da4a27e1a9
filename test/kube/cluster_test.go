package kube

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	authorization "k8s.io/api/authorization/v1"
	coordination "k8s.io/api/coordination/v1"
	core "k8s.io/api/core/v1"
	rbac "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	gateway "github.com/gatehouse-iam/gatehouse/api/gateway/v1beta1"
	hydra "github.com/gatehouse-iam/gatehouse/api/hydra/v1alpha1"
	oathkeeper "github.com/gatehouse-iam/gatehouse/api/oathkeeper/v1alpha1"
	"github.com/gatehouse-iam/gatehouse/test/mortal"
	"github.com/gatehouse-iam/gatehouse/test/process"
)

// patience is how long something is waited for that takes a second or two on an idle machine.
const patience = 2 * time.Minute

// account is who the controller is to the API server; deploy/controller says what it may.
const account = "system:serviceaccount:gatehouse:gatehouse-controller"

var accountGroups = []string{"system:serviceaccounts", "system:serviceaccounts:gatehouse"}

func TestMain(m *testing.M) {
	mortal.Main()
	process.Main(m, stopCluster)
}

// cluster is an API server, and the ways in.
type cluster struct {
	client.Client // as an administrator

	env        *envtest.Environment
	kubeconfig []byte // the controller's
}

// started is the one API server of this package's tests, if any test asked for it.
var started struct {
	sync.Mutex
	env      *envtest.Environment
	programs string // to be removed
}

func stopCluster() {
	started.Lock()
	defer started.Unlock()
	if started.env != nil {
		_ = started.env.Stop() // the API server first, then etcd
		_ = os.RemoveAll(started.programs)
	}
}

var shared = sync.OnceValues(func() (*cluster, error) {
	build := exec.Command(repository("scripts", "kubernetes"))
	build.Stderr = os.Stderr
	assets, err := build.Output()
	if err != nil {
		return nil, fmt.Errorf("building the API server: %w", err)
	}
	programs, err := mortal.Directory(strings.TrimSpace(string(assets)), "etcd", "kube-apiserver")
	if err != nil {
		return nil, err
	}
	scheme := runtime.NewScheme()
	if err := errors.Join(hydra.AddToScheme(scheme), oathkeeper.AddToScheme(scheme), gateway.AddToScheme(scheme), core.AddToScheme(scheme), rbac.AddToScheme(scheme), coordination.AddToScheme(scheme), authorization.AddToScheme(scheme)); err != nil {
		return nil, err
	}
	env := &envtest.Environment{
		Scheme:                   scheme,
		BinaryAssetsDirectory:    programs,
		CRDDirectoryPaths:        []string{repository("deploy", "crds")},
		ErrorIfCRDPathMissing:    true,
		ControlPlaneStartTimeout: patience,
		ControlPlaneStopTimeout:  patience,
	}
	env.ControlPlane.GetAPIServer().Configure().Append("enable-admission-plugins", "OwnerReferencesPermissionEnforcement")
	started.Lock()
	started.env, started.programs = env, programs
	started.Unlock()
	api, err := env.Start()
	if err != nil {
		return nil, err
	}
	api.QPS, api.Burst = -1, 0 // tests make much at once
	c := &cluster{env: env}
	if c.Client, err = client.New(api, client.Options{Scheme: scheme}); err != nil {
		return nil, err
	}
	user, err := env.AddUser(envtest.User{Name: account, Groups: accountGroups}, api)
	if err != nil {
		return nil, err
	}
	if c.kubeconfig, err = user.KubeConfig(); err != nil {
		return nil, err
	}
	if err := c.Create(context.Background(), &core.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "gatehouse"}}); err != nil {
		return nil, err
	}
	return c, c.apply("", repository("deploy", "controller", "account.yaml"))
})

// open gives the API server, started when it is first asked for.
func open(t *testing.T) *cluster {
	t.Helper()
	c, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// repository is a path in this repository.
func repository(elements ...string) string {
	return filepath.Join(append([]string{"..", ".."}, elements...)...)
}

// apply makes what a file of manifests describes, in a namespace where that is left to whoever applies it. Rights hold then.
func (c *cluster) apply(namespace, path string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var bindings []*unstructured.Unstructured
	for d := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(raw), 4096); ; {
		var o unstructured.Unstructured
		if err := d.Decode(&o.Object); errors.Is(err, io.EOF) {
			return c.hold(bindings...)
		} else if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if namespace != "" && o.GetNamespace() == "" {
			o.SetNamespace(namespace)
		}
		// Strict, as kubectl is: a field that the CRD does not know is an error and not left out.
		if err := c.Create(context.Background(), &o, client.FieldValidation(metav1.FieldValidationStrict)); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if strings.HasSuffix(o.GetKind(), "RoleBinding") {
			bindings = append(bindings, &o)
		}
	}
}

// hold waits until the API server lets the controller do all that bindings give it, of which it learns a moment after they are made.
func (c *cluster) hold(bindings ...*unstructured.Unstructured) error {
	for _, b := range bindings {
		role := new(rbac.ClusterRole)
		kind, _, _ := unstructured.NestedString(b.Object, "roleRef", "kind")
		name, _, _ := unstructured.NestedString(b.Object, "roleRef", "name")
		if err := c.read(kind, b.GetNamespace(), name, role); err != nil {
			return err
		}
		for _, right := range rights(b.GetNamespace(), role.Rules) {
			for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
				allowed, err := c.allowed(right)
				if err != nil {
					return err
				}
				if allowed {
					break
				}
				if time.Now().After(deadline) {
					return fmt.Errorf("%s %s does not give %+v", b.GetKind(), b.GetName(), right)
				}
			}
		}
	}
	return nil
}

// read reads a role of either kind.
func (c *cluster) read(kind, namespace, name string, into *rbac.ClusterRole) error {
	if kind == "ClusterRole" {
		return c.Get(context.Background(), client.ObjectKey{Name: name}, into)
	}
	role := new(rbac.Role)
	err := c.Get(context.Background(), client.ObjectKey{Namespace: namespace, Name: name}, role)
	into.Rules = role.Rules
	return err
}

// rights are all that rules of a role allow.
func rights(namespace string, rules []rbac.PolicyRule) (all []authorization.ResourceAttributes) {
	for _, r := range rules {
		for _, group := range r.APIGroups {
			for _, resource := range r.Resources {
				resource, part, _ := strings.Cut(resource, "/")
				for _, verb := range r.Verbs {
					for _, name := range append(r.ResourceNames, "")[:max(1, len(r.ResourceNames))] {
						all = append(all, authorization.ResourceAttributes{Namespace: namespace, Group: group, Resource: resource, Subresource: part, Verb: verb, Name: name})
					}
				}
			}
		}
	}
	return all
}

// allowed reports whether the API server lets the controller do something.
func (c *cluster) allowed(right authorization.ResourceAttributes) (bool, error) {
	review := &authorization.SubjectAccessReview{Spec: authorization.SubjectAccessReviewSpec{User: account, Groups: accountGroups, ResourceAttributes: &right}}
	err := c.Create(context.Background(), review)
	return review.Status.Allowed, err
}

// namespace makes a namespace in which the controller may work. Its resources are gone when the test ends: no other controller finds them.
func (c *cluster) namespace(t *testing.T) string {
	t.Helper()
	n := &core.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "team-"}}
	if err := c.Create(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	if err := c.apply(n.Name, repository("deploy", "controller", "namespace.yaml")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.DeleteAllOf(context.Background(), &oathkeeper.Rule{}, client.InNamespace(n.Name)); err != nil {
			t.Error(err)
		}
		var list hydra.OAuth2ClientList
		if err := c.List(context.Background(), &list, client.InNamespace(n.Name)); err != nil {
			t.Error(err)
		}
		for i := range list.Items {
			bare := list.Items[i].DeepCopy()
			bare.Finalizers = nil
			_ = c.Patch(context.Background(), bare, client.MergeFrom(&list.Items[i]))
			_ = c.Delete(context.Background(), bare)
		}
	})
	return n.Name
}

// eventually waits until a condition holds; what it last said is in the failure.
func eventually(t *testing.T, holds func() (ok bool, seen string)) {
	t.Helper()
	var seen string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		var ok bool
		if ok, seen = holds(); ok {
			return
		}
	}
	t.Fatalf("what the test waits for did not happen within %s; last seen: %s", patience, seen)
}
