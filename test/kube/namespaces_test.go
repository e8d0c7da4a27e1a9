package kube

import (
	"fmt"
	"strings"
	"testing"

	core "k8s.io/api/core/v1"
	rbac "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gateway "github.com/gatehouse-iam/gatehouse/api/gateway/v1beta1"
	hydra "github.com/gatehouse-iam/gatehouse/api/hydra/v1alpha1"
	oathkeeper "github.com/gatehouse-iam/gatehouse/api/oathkeeper/v1alpha1"
	"github.com/gatehouse-iam/gatehouse/test/process"
)

// deleteNamespace does what Kubernetes does with a namespace that is deleted, in the order that is hardest on the controller: its rights go first.
func (c *cluster) deleteNamespace(t *testing.T, name string) {
	t.Helper()
	if err := c.Delete(t.Context(), &core.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []client.Object{&rbac.RoleBinding{}, &core.Secret{}, &hydra.OAuth2Client{}, &oathkeeper.Rule{}, &gateway.APIRule{}} {
		if err := c.DeleteAllOf(t.Context(), kind, client.InNamespace(name)); err != nil {
			t.Fatal(err)
		}
	}
}

// endNamespace has a deleted namespace be gone.
func (c *cluster) endNamespace(t *testing.T, name string) {
	t.Helper()
	n := new(core.Namespace)
	if err := c.Get(t.Context(), client.ObjectKey{Name: name}, n); err != nil {
		t.Fatal(err)
	}
	n.Spec.Finalizers = nil
	if err := c.SubResource("finalize").Update(t.Context(), n); err != nil {
		t.Fatal(err)
	}
}

// held are resources of each kind that a finalizer keeps: a client on the server, one that never got there, and what other controllers held.
func (c *cluster) heldResources(t *testing.T, d *doorway, namespace string) (client *hydra.OAuth2Client, all []client.Object) {
	t.Helper()
	of, refused := machine(namespace, "registered"), machine(namespace, "refused")
	refused.Spec.ScopeArray = []string{"gatehouse:admin"}
	rule, api := d.rule(namespace, "rule", "http://"+namespace+".example.com/<.*>"), api(namespace, "api")
	rule.Finalizers, api.Finalizers = []string{"finalizer.oathkeeper.ory.sh"}, []string{"gateway.kyma-project.io/subresources"}
	all = append(all, of, refused, rule, api)
	for _, o := range all {
		c.create(t, o)
	}
	c.becomes(t, of, "Registered")
	c.becomes(t, refused, "ScopeRefused")
	c.judged(t, rule, "InForce")
	c.stands(t, api, "InForce")
	return of, all
}

func (c *cluster) allGone(t *testing.T, d *doorway, of *hydra.OAuth2Client, all []client.Object) {
	t.Helper()
	for _, o := range all {
		eventually(t, func() (bool, string) {
			err := c.Get(t.Context(), client.ObjectKeyFromObject(o), o)
			return apierrors.IsNotFound(err), fmt.Sprintf("%T %s: %v", o, o.GetName(), err)
		})
	}
	if registered(t, d.Server, of.Status.ClientID) != nil {
		t.Error("the client is still on the server")
	}
}

// A watched namespace that is deleted takes the controller's rights in it along. It is not held by what is in it, neither while the controller
// runs nor when that was away, and keeps nothing from being done in others. One that comes again is watched again.
func TestWatchedNamespaceThatIsDeleted(t *testing.T) {
	c, d := open(t), startDoorway(t, "")
	stays, running, away := c.apiNamespace(t), c.apiNamespace(t), c.apiNamespace(t)
	c.permit(t, "apirules.yaml")
	k := c.route(t, stays, d.Admin, "none", "--namespace", running+","+away)
	eventually(t, func() (bool, string) {
		return strings.Contains(k.output.String(), "may not look at its namespaces"), k.output.String()
	})
	k.stop()
	c.permit(t, "deleted-namespaces.yaml")
	k.deprived = true
	k.run()
	first, all := c.heldResources(t, d, running)
	second, later := c.heldResources(t, d, away)

	c.deleteNamespace(t, running)
	k.ended() // it is started anew, as by Kubernetes
	k.run()
	c.allGone(t, d, first, all)
	c.endNamespace(t, running)

	k.kill()
	c.deleteNamespace(t, away)
	k.run()
	c.allGone(t, d, second, later)
	of := machine(stays, "of-another")
	c.create(t, of)
	c.becomes(t, of, "Registered")

	c.endNamespace(t, away)
	c.create(t, &core.Namespace{ObjectMeta: metav1.ObjectMeta{Name: away}})
	if err := c.apply(away, repository("deploy", "controller", "namespace.yaml")); err != nil {
		t.Fatal(err)
	}
	k.ended()
	k.run()
	again := machine(away, "again")
	c.create(t, again)
	c.becomes(t, again, "Registered")
	process.NoSecrets(t, k.output.String(), string(c.secretOf(t, again).Data["CLIENT_SECRET"]))
}
