package apirule

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gateway "github.com/gatehouse-iam/gatehouse/api/gateway/v1beta1"
)

// What is guarded leads nowhere but to the gateway, and is the same otherwise.
func TestGuard(t *testing.T) {
	for _, route := range []Route{VirtualService, HTTPRoute, Ingress} {
		o := options(route)
		outcome, err := o.Translate(described(t, scoped))
		if err != nil {
			t.Fatal(err)
		}
		var before, after strings.Builder
		for _, u := range outcome.Routes {
			text := func() string {
				raw, err := json.Marshal(u.Object)
				if err != nil {
					t.Fatal(err)
				}
				return string(raw)
			}
			before.WriteString(text())
			if err := o.guard(u); err != nil {
				t.Error(err)
			}
			after.WriteString(text())
		}
		want := strings.NewReplacer(
			`{"host":"orders.shop.svc.cluster.local","port":{"number":8080}}`, `{"host":"gatehouse.iam.svc.cluster.local","port":{"number":4455}}`,
			`"name":"orders","namespace":"shop","port":8080`, `"name":"gatehouse","namespace":"iam","port":4455`,
		).Replace(before.String())
		if (want == before.String()) != (route == Ingress) {
			t.Errorf("%s: nothing led past the gateway: %s", route, want)
		}
		if d := cmp.Diff(want, after.String()); d != "" {
			t.Errorf("%s: %s", route, d)
		}
	}
}

// What stands beside the gateway and belongs to a namespace that another controller watches is left to it.
func TestObjectsOfOthersWakeNobody(t *testing.T) {
	outcome, err := options(Ingress).Translate(described(t, scoped))
	if err != nil {
		t.Fatal(err)
	}
	for want, namespaces := range map[int][]string{0: {"back", "team-b"}, 1: {"back", "shop"}} {
		c := &Controller{Namespaces: namespaces}
		if got := c.concerned(t.Context(), outcome.Routes[0]); len(got) != want {
			t.Errorf("who watches %v looks at %v", namespaces, got)
		}
	}
	if got := new(Controller).concerned(t.Context(), outcome.Routes[0]); len(got) != 1 || got[0].Namespace != "shop" || got[0].Name != "orders" {
		t.Errorf("who watches all looks at %v", got)
	}
}

// apiRules is a cluster's list of APIRules.
type apiRules struct {
	client.Client

	items []gateway.APIRule
}

func (a *apiRules) List(_ context.Context, into client.ObjectList, _ ...client.ListOption) error {
	into.(*gateway.APIRuleList).Items = a.items
	return nil
}

// Whoever waits for a host is looked at when a VirtualService that has it, or had it, comes, changes or goes.
func TestWhoWaitsForAHostIsWoken(t *testing.T) {
	o := options(VirtualService)
	outcome, err := o.Translate(described(t, scoped))
	if err != nil {
		t.Fatal(err)
	}
	waits := func(name, host, reason string) (of gateway.APIRule) {
		of.Namespace, of.Name, of.Status.Host = "shop", name, host
		of.Status.Conditions = []metav1.Condition{{Type: gateway.Ready, Reason: reason}}
		return of
	}
	c := &Controller{Options: o, Kube: &apiRules{items: []gateway.APIRule{
		waits("waiting", outcome.Host, reasonOccupied), waits("elsewhere", "elsewhere.example.com", reasonOccupied), waits("well", outcome.Host, "InForce"), {},
	}}}
	foreign := outcome.Routes[0].DeepCopy()
	foreign.SetLabels(nil)
	foreign.SetAnnotations(nil)
	foreign.SetOwnerReferences(nil)
	if got := c.concerned(t.Context(), foreign); len(got) != 1 || got[0].Name != "waiting" {
		t.Errorf("of a VirtualService by hand, %v are looked at", got)
	}
	if got := c.concerned(t.Context(), outcome.Routes[0]); len(got) != 2 || got[0].Name != "orders" || got[1].Name != "waiting" {
		t.Errorf("%v are looked at", got)
	}
}
