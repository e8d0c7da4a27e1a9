package kube

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/gatehouse-iam/gatehouse/internal/kube"
	"github.com/gatehouse-iam/gatehouse/test/process"
)

// define has a definition be that of a file, as `kubectl apply --server-side --force-conflicts` does.
func (c *cluster) define(t *testing.T, path, by string) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var o unstructured.Unstructured
	if err := yaml.Unmarshal(raw, &o.Object); err != nil {
		t.Fatal(err)
	}
	if err := c.Apply(context.Background(), client.ApplyConfigurationFromUnstructured(&o), client.FieldOwner(by), client.ForceOwnership); err != nil {
		t.Fatal(err)
	}
}

// Where the maesters' definitions are in force, clients are kept all the same, and the controller says what is dropped; the command that it
// names mends that, and of this version's definitions nothing is said.
func TestDefinitionsOfTheMaesters(t *testing.T) {
	c, s := open(t), process.Start(t, process.Options{})
	kinds := map[string]struct {
		file  string
		lacks []string
	}{
		"OAuth2Client": {"hydra.ory.sh_oauth2clients.yaml", []string{"spec.tenant", "spec.secretRotation", "status.clientID"}},
		"Rule":         {"oathkeeper.ory.sh_rules.yaml", []string{"spec.tenant", "status.conditions"}},
		"APIRule":      {},
	}
	lacking := func(kind string) []string {
		all, err := kube.Lacking(t.Context(), c.env.Config, kind)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	for kind, d := range kinds {
		if all := lacking(kind); len(all) > 0 {
			t.Errorf("our definition of %s lacks %v", kind, all)
		}
		if d.file == "" {
			continue
		}
		ours := repository("deploy", "crds", d.file)
		t.Cleanup(func() { c.define(t, ours, "kubectl") })
		c.replace(t, "testdata/maesters/"+d.file)
		eventually(t, func() (bool, string) { // it is published a moment later
			all := lacking(kind)
			missing := slices.DeleteFunc(slices.Clone(d.lacks), func(f string) bool { return slices.Contains(all, f) })
			return len(missing) == 0, strings.Join(all, " ")
		})
	}
	namespace := c.namespace(t)
	k := c.control(t, namespace, s.Admin)
	of := machine(namespace, "of-the-maester")
	c.create(t, of)
	eventually(t, func() (bool, string) { return c.secretOf(t, of) != nil, k.output.String() })
	for kind := range kinds {
		if said := strings.Contains(k.output.String(), "kind="+kind+" lacks="); said != (kinds[kind].file != "") {
			t.Errorf("of %s it says so: %v", kind, said)
		}
	}
	for kind, d := range kinds {
		if d.file != "" {
			c.define(t, repository("deploy", "crds", d.file), "another")
			eventually(t, func() (bool, string) {
				all := lacking(kind)
				return len(all) == 0, kind + " lacks " + strings.Join(all, " ")
			})
		}
	}
}

// A cluster that does not have the definition of clients is told so, and which; all else goes on, and clients are taken up when it comes.
func TestDefinitionOfClientsComesLater(t *testing.T) {
	c, d := open(t), startDoorway(t, "")
	namespace, ours := c.namespace(t), repository("deploy", "crds", "hydra.ory.sh_oauth2clients.yaml")
	c.undefine(t, "oauth2clients.hydra.ory.sh")
	t.Cleanup(func() { c.define(t, ours, "kubectl") })
	k := c.control(t, namespace, d.Admin)
	rule := d.rule(namespace, "goes-on", "http://goes-on.example.com/<.*>")
	c.create(t, rule)
	c.judged(t, rule, "InForce")
	eventually(t, func() (bool, string) {
		printed := k.output.String()
		return strings.Contains(printed, "does not know the resource OAuth2Client: apply deploy/crds"), printed
	})
	k.stop()
	k.run()

	c.define(t, ours, "kubectl")
	of := machine(namespace, "late")
	eventually(t, func() (bool, string) {
		err := c.Create(t.Context(), of)
		return err == nil, fmt.Sprint(err)
	})
	c.becomes(t, of, "Registered")
	change(t, c, c.secretOf(t, of), func(s *core.Secret) { delete(s.Data, "CLIENT_SECRET") }) // which is watched, too
	eventually(t, func() (bool, string) {
		id, secret := idAndSecret(c.secretOf(t, of))
		return secret != "" && opens(t, d.Public, id, secret), "the Secret is not made whole"
	})
}

// replace has a definition be that of a file and nothing else, as it is where nobody else was before.
func (c *cluster) replace(t *testing.T, path string) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var o, there unstructured.Unstructured
	if err := yaml.Unmarshal(raw, &o.Object); err != nil {
		t.Fatal(err)
	}
	there.SetGroupVersionKind(o.GroupVersionKind())
	err = retry.RetryOnConflict(retry.DefaultBackoff, func() error { // the API server writes into their statuses
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(&o), &there); err != nil {
			return err
		}
		next := o.DeepCopy()
		next.SetResourceVersion(there.GetResourceVersion())
		return c.Update(t.Context(), next)
	})
	if err != nil {
		t.Fatal(err)
	}
}
