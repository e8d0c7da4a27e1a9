package kube

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	gateway "github.com/gatehouse-iam/gatehouse/api/gateway/v1beta1"
	hydra "github.com/gatehouse-iam/gatehouse/api/hydra/v1alpha1"
	oathkeeper "github.com/gatehouse-iam/gatehouse/api/oathkeeper/v1alpha1"
	"github.com/gatehouse-iam/gatehouse/test/process"
)

// tells waits for an event about a resource, as `kubectl describe` shows it.
func (c *cluster) tells(t *testing.T, of client.Object, sort, reason, message string) {
	t.Helper()
	eventually(t, func() (bool, string) {
		var list core.EventList
		if err := c.List(t.Context(), &list, client.InNamespace(of.GetNamespace())); err != nil {
			t.Fatal(err)
		}
		var seen []string
		for i := range list.Items {
			e := &list.Items[i]
			if e.InvolvedObject.UID != of.GetUID() || e.ReportingController != "gatehouse-controller" {
				continue
			}
			if e.Type == sort && e.Reason == reason && strings.Contains(e.Message, message) {
				return true, ""
			}
			seen = append(seen, e.Type+" "+e.Reason+" "+e.Message)
		}
		return false, fmt.Sprintf("of %s there is no %s %s %q, but %q", of.GetName(), sort, reason, message, seen)
	})
}

// Each way to fail is an event of the client's resource, which says what is wrong; what was mended, and what the controller does by itself,
// is one, too.
func TestEventsOfClients(t *testing.T) {
	c, s := open(t), process.Start(t, process.Options{})
	namespace := c.namespace(t)
	c.control(t, namespace, s.Admin, "--tenant", "nowhere="+namespace, "--removal-timeout", "2s")
	secret := func(name string, data map[string]string) {
		t.Helper()
		c.create(t, &core.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name + "-credentials"}, StringData: data})
	}
	if code, answer := ask(t, s, http.MethodPost, "/admin/clients", map[string]any{"client_id": "anothers"}); code != http.StatusCreated {
		t.Fatal(code, answer)
	}
	secret("half", map[string]string{"CLIENT_ID": "half"})
	secret("anothers", map[string]string{"CLIENT_ID": "anothers", "CLIENT_SECRET": "chosen by somebody else"})
	frozen := &core.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "frozen-credentials"}}
	for name, test := range map[string]struct {
		how             func(*hydra.OAuth2Client)
		reason, message string
	}{
		"rejected":  {func(of *hydra.OAuth2Client) { of.Spec.Audience = []string{"two words"} }, "ClientRejected", "audience"},
		"missing":   {func(of *hydra.OAuth2Client) { of.Spec.RequireExistingSecret = true }, "SecretMissing", "missing-credentials"},
		"half":      {func(*hydra.OAuth2Client) {}, "InvalidSecret", "has no client secret"},
		"anothers":  {func(*hydra.OAuth2Client) {}, "ClientBelongsToAnother", "client anothers exists"},
		"elsewhere": {func(of *hydra.OAuth2Client) { of.Spec.HydraAdmin.URL = "http://169.254.169.254" }, "ServerRefused", "--allow-hydra-admin"},
		"tenants":   {func(of *hydra.OAuth2Client) { of.Spec.Tenant = "acme" }, "TenantRefused", "--tenant acme="},
		"nowhere":   {func(of *hydra.OAuth2Client) { of.Spec.Tenant = "nowhere" }, "TenantNotFound", "does the tenant exist"},
		"climber":   {func(of *hydra.OAuth2Client) { of.Spec.ScopeArray = []string{"gatehouse:admin"} }, "ScopeRefused", "--admin-scopes"},
		"unasked":   {func(of *hydra.OAuth2Client) { of.Spec.SkipConsent = true }, "ConsentRefused", "--skip-consent"},
	} {
		of := machine(namespace, name)
		test.how(of)
		c.create(t, of)
		c.tells(t, of, core.EventTypeWarning, test.reason, test.message)
	}
	mended := machine(namespace, "rejected")
	change(t, c, mended, func(of *hydra.OAuth2Client) { of.Spec.Audience = nil })
	c.tells(t, mended, core.EventTypeNormal, "Registered", "as it is described")

	of := machine(namespace, "frozen")
	c.create(t, of)
	c.becomes(t, of, "Registered")
	for _, repaired := range []struct{ method, reason string }{{http.MethodPut, "Repaired"}, {http.MethodDelete, "Recreated"}} {
		there := registered(t, s, of.Status.ClientID)
		there["scope"] = "everything"
		if code, answer := ask(t, s, repaired.method, "/admin/clients/"+of.Status.ClientID, there); code >= 300 {
			t.Fatal(code, answer)
		}
		c.tells(t, of, core.EventTypeNormal, repaired.reason, of.Status.ClientID)
	}
	change(t, c, of, func(of *hydra.OAuth2Client) { of.Spec.SecretRotation = &hydra.SecretRotation{Request: "one"} })
	c.tells(t, of, core.EventTypeNormal, "SecretRotated", "the one before is valid until")
	c.becomes(t, of, "Registered")
	change(t, c, frozen, func(s *core.Secret) { s.Immutable = new(true) })
	change(t, c, of, func(of *hydra.OAuth2Client) { of.Spec.SecretRotation.Request = "two" })
	c.tells(t, of, core.EventTypeWarning, "SecretNotWritten", "frozen-credentials")

	s.Stop()
	away := machine(namespace, "away")
	c.create(t, away)
	c.tells(t, away, core.EventTypeWarning, "ServerUnreachable", "does not answer")
	c.remove(t, mended)
	c.tells(t, mended, core.EventTypeWarning, "ClientLeft", "was not removed within 2s")
}

// The same of rules: of those that are well from the start there is none.
func TestEventsOfRules(t *testing.T) {
	c, d := open(t), startDoorway(t, "")
	namespace := c.namespace(t)
	c.control(t, namespace, d.Admin, "--service-blocklist", "gatehouse-admin.iam", "--host", "refused.example.com=nobody")
	made := map[string]*oathkeeper.Rule{}
	for _, test := range []struct {
		name            string
		how             func(*oathkeeper.Rule)
		reason, message string
	}{
		{"well", func(*oathkeeper.Rule) {}, "", ""},
		{"well-too", func(r *oathkeeper.Rule) { r.Spec.Match.URL = "http://well.example.com/7" }, "RuleConflict", "well." + namespace},
		{"pattern", func(r *oathkeeper.Rule) { r.Spec.Match.URL = "http://pattern.example.com/<[>" }, "InvalidRule", "match.url"},
		{"refused", func(*oathkeeper.Rule) {}, "HostRefused", "refused.example.com"},
		{"tenants", func(r *oathkeeper.Rule) { r.Spec.Tenant = "acme" }, "TenantRefused", "--tenant acme="},
		{"blocked", func(r *oathkeeper.Rule) { r.Spec.Upstream.URL = "https://gatehouse-admin.iam" }, "UpstreamRefused", "--service-blocklist"},
		{"handler", func(r *oathkeeper.Rule) { r.Spec.Authenticators[0].Handler = "no_such" }, "RuleRejected", "no_such"},
	} {
		of := d.rule(namespace, test.name, "http://"+test.name+".example.com/<.*>")
		test.how(of)
		c.create(t, of)
		made[test.name] = of
		if test.reason != "" {
			c.tells(t, of, core.EventTypeWarning, test.reason, test.message)
		}
	}
	change(t, c, made["handler"], func(r *oathkeeper.Rule) { r.Spec.Authenticators[0].Handler = "noop" })
	c.tells(t, made["handler"], core.EventTypeNormal, "InForce", "")
	c.judged(t, made["well"], "InForce")
	var list core.EventList
	if err := c.List(t.Context(), &list, client.InNamespace(namespace)); err != nil {
		t.Fatal(err)
	}
	for i := range list.Items {
		if list.Items[i].InvolvedObject.UID == made["well"].UID {
			t.Errorf("of a rule that is well: %s", list.Items[i].Message)
		}
	}
}

// The same of APIRules, and of what is done with their routes.
func TestEventsOfAPIRules(t *testing.T) {
	c, s := open(t), process.Start(t, process.Options{})
	c.permit(t, "apirules.yaml", "ingress.yaml")
	namespace := c.apiNamespace(t)
	c.route(t, namespace, s.Admin, "ingress", "--domain-allowlist", "example.com", "--host", "refused.example.com=nobody")
	for name, test := range map[string]struct {
		how             func(*gateway.APIRule)
		reason, message string
	}{
		"wrong":   {func(of *gateway.APIRule) { of.Spec.Host = "wrong.example.org" }, "InvalidAPIRule", "none of the domains"},
		"refused": {func(of *gateway.APIRule) { of.Spec.Host = "refused.example.com" }, "HostRefused", "refused.example.com"},
		"handler": {func(of *gateway.APIRule) { of.Spec.Rules[0].AccessStrategies[0].Handler = "guess" }, "RuleRejected", "guess"},
	} {
		of := api(namespace, name)
		test.how(of)
		c.create(t, of)
		c.tells(t, of, core.EventTypeWarning, test.reason, test.message)
	}
	of := api(namespace, "orders")
	c.create(t, of)
	c.tells(t, of, core.EventTypeNormal, "RouteMade", "Ingress gatehouse/")
	c.tells(t, of, core.EventTypeNormal, "InForce", "the route leads there")
	made := c.oneRoute(t, ingress, of, anyOf)
	if err := unstructured.SetNestedField(made.Object, "somebody-elses", "spec", "ingressClassName"); err != nil {
		t.Fatal(err)
	}
	if err := c.Update(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	c.tells(t, of, core.EventTypeNormal, "RouteChanged", "is as described")
}
