package kube

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	authorization "k8s.io/api/authorization/v1"
	core "k8s.io/api/core/v1"
	rbac "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	hydra "github.com/gatehouse-iam/gatehouse/api/hydra/v1alpha1"
	"github.com/gatehouse-iam/gatehouse/test/process"
)

// permitIn has the controller read a kind of resource in a namespace, besides what it may already.
func (c *cluster) permitIn(t *testing.T, namespace, group, resource string) {
	t.Helper()
	meta := metav1.ObjectMeta{Namespace: namespace, Name: "permit-" + resource}
	c.create(t, &rbac.Role{ObjectMeta: meta, Rules: []rbac.PolicyRule{{APIGroups: []string{group}, Resources: []string{resource}, Verbs: []string{"get"}}}})
	c.create(t, &rbac.RoleBinding{
		ObjectMeta: meta, RoleRef: rbac.RoleRef{APIGroup: rbac.GroupName, Kind: "Role", Name: meta.Name},
		Subjects: []rbac.Subject{{Kind: "ServiceAccount", Namespace: "gatehouse", Name: "gatehouse-controller"}},
	})
	eventually(t, func() (bool, string) {
		allowed, err := c.allowed(authorization.ResourceAttributes{Namespace: namespace, Group: group, Resource: resource, Verb: "get"})
		return allowed, fmt.Sprint(err)
	})
}

// held reports whether a resource has a finalizer.
func (c *cluster) held(t *testing.T, of *hydra.OAuth2Client) bool {
	t.Helper()
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(of), of); err != nil {
		t.Fatal(err)
	}
	return slices.Contains(of.Finalizers, "finalizer.ory.hydra.sh")
}

// A controller whose own namespace is deleted is followed by no other. It holds neither that namespace nor those that are deleted later: the
// clients of its namespace are removed, as with each resource that is deleted, and the others stay. One that is only stopped lets nothing go.
func TestNamespaceOfTheController(t *testing.T) {
	c, s := open(t), process.Start(t, process.Options{})
	home, elsewhere := c.namespace(t), c.namespace(t)
	c.permit(t, "deleted-namespaces.yaml")
	own, kept, other := machine(home, "own"), machine(home, "kept"), machine(elsewhere, "other")
	kept.Spec.DeletionPolicy = hydra.Orphan
	all := []*hydra.OAuth2Client{own, kept, other}
	k := c.control(t, home, s.Admin, "--namespace", elsewhere, "--leader-elector-namespace", home)
	for _, of := range all {
		c.create(t, of)
		c.becomes(t, of, "Registered")
	}
	k.stop()
	for _, of := range all {
		if !c.held(t, of) || registered(t, s, of.Status.ClientID) == nil {
			t.Errorf("a controller that was stopped has let %s go", of.Name)
		}
	}
	k.run()
	c.create(t, machine(home, "later"))
	c.becomes(t, machine(home, "later"), "Registered")

	if err := c.Delete(t.Context(), &core.Namespace{ObjectMeta: metav1.ObjectMeta{Name: home}}); err != nil {
		t.Fatal(err)
	}
	k.ended() // to watch fewer, unless it is stopped before that
	for _, of := range all {
		if c.held(t, of) {
			t.Errorf("%s is held by a finalizer that nobody takes off", of.Name)
		}
		if there := registered(t, s, of.Status.ClientID) != nil; there != (of != own) {
			t.Errorf("the client of %s is on the server: %v", of.Name, there)
		}
		c.remove(t, of)
	}
	for _, said := range []string{"resources are let go", home + "/kept", home + "/later", elsewhere + "/other"} {
		if !strings.Contains(k.output.String(), said) {
			t.Errorf("the log does not say %q", said)
		}
	}
}

// The same with a server that is gone, too: what is left there is told of.
func TestNamespaceOfTheControllerAndTheServer(t *testing.T) {
	c, s := open(t), process.Start(t, process.Options{})
	home := c.namespace(t)
	c.permitIn(t, home, "", "namespaces")
	of := machine(home, "left-behind")
	k := c.control(t, home, s.Admin, "--leader-elector-namespace", home)
	c.create(t, of)
	c.becomes(t, of, "Registered")
	s.Stop()
	if err := c.Delete(t.Context(), &core.Namespace{ObjectMeta: metav1.ObjectMeta{Name: home}}); err != nil {
		t.Fatal(err)
	}
	if err := c.Delete(t.Context(), of); err != nil {
		t.Fatal(err)
	}
	k.stop()
	c.gone(t, of)
	if printed := k.output.String(); !strings.Contains(printed, "a client is left on its server") || !strings.Contains(printed, home+"/left-behind") {
		t.Error("the log does not say which client is left")
	}
}

// Where a controller is gone that had no occasion to let resources go, a command does it: not while the controller is there, and so that one
// that comes later takes them up again.
func TestReleaseCommand(t *testing.T) {
	c, s := open(t), process.Start(t, process.Options{})
	namespace := c.namespace(t)
	c.permitIn(t, namespace, "apps", "deployments")
	k := c.control(t, namespace, s.Admin)
	deleted, stays := machine(namespace, "deleted"), machine(namespace, "stays")
	for _, of := range []*hydra.OAuth2Client{deleted, stays} {
		c.create(t, of)
		c.becomes(t, of, "Registered")
	}
	k.kill()
	if err := c.Delete(t.Context(), deleted); err != nil {
		t.Fatal(err)
	}
	deployment := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"namespace": namespace, "name": "the-controller"},
		"spec": map[string]any{
			"selector": map[string]any{"matchLabels": map[string]any{"app": "x"}},
			"template": map[string]any{"metadata": map[string]any{"labels": map[string]any{"app": "x"}}, "spec": map[string]any{"containers": []any{map[string]any{"name": "x", "image": "x"}}}},
		},
	}}
	c.create(t, deployment)

	program := process.Controller(t)
	release := func(args ...string) string {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), program, append([]string{"release", "--kubeconfig", k.args[1]}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	args := []string{"--namespace", namespace, "--unless", namespace + "/the-controller"}
	if out := release(args...); !strings.Contains(out, "its resources stay as they are") || !c.held(t, deleted) || !c.held(t, stays) {
		t.Errorf("while the controller is there: %s", out)
	}
	if err := c.Delete(t.Context(), deployment); err != nil {
		t.Fatal(err)
	}
	out := release(args...)
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(deleted), deleted); !apierrors.IsNotFound(err) {
		t.Errorf("what was deleted is still there: %v", err)
	}
	if c.held(t, stays) || !strings.Contains(out, namespace+"/stays") || !strings.Contains(out, namespace+"/deleted") {
		t.Errorf("it is let go in silence, or not at all: %s", out)
	}
	if out := release(args...); out != "" {
		t.Errorf("again it lets go: %s", out)
	}
	if out, err := exec.CommandContext(t.Context(), program, "release", "--unless", "the-controller").CombinedOutput(); err == nil || !strings.Contains(string(out), "NAMESPACE/DEPLOYMENT") {
		t.Errorf("a Deployment without its namespace: %v %s", err, out)
	}
	id := stays.Status.ClientID
	k.run()
	eventually(t, func() (bool, string) { return c.held(t, stays), "not taken up again" })
	if c.becomes(t, stays, "Registered"); stays.Status.ClientID != id || registered(t, s, id) == nil {
		t.Errorf("client %s became %s", id, stays.Status.ClientID)
	}
}
