package kube

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	extensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	apischema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	gateway "github.com/gatehouse-iam/gatehouse/api/gateway/v1beta1"
	"github.com/gatehouse-iam/gatehouse/test/process"
)

var (
	virtualService = apischema.GroupVersionKind{Group: "networking.istio.io", Version: "v1beta1", Kind: "VirtualService"}
	httpRoute      = apischema.GroupVersionKind{Group: "gateway.networking.k8s.io", Version: "v1", Kind: "HTTPRoute"}
	referenceGrant = apischema.GroupVersionKind{Group: "gateway.networking.k8s.io", Version: "v1beta1", Kind: "ReferenceGrant"}
	ingress        = apischema.GroupVersionKind{Group: "networking.k8s.io", Version: "v1", Kind: "Ingress"}
)

// routeModules are the directories of the modules that have the definitions of routes, as tools/definitions names them.
var routeModules = sync.OnceValues(func() (map[string]string, error) {
	cmd := exec.Command("go", "mod", "download", "-json", "istio.io/api", "sigs.k8s.io/gateway-api")
	cmd.Dir, cmd.Env = repository("tools", "definitions"), append(os.Environ(), "GOFLAGS=")
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("fetching the definitions of routes: %w\n%s", err, out)
	}
	dirs := map[string]string{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var module struct{ Path, Dir string }
		if err := d.Decode(&module); errors.Is(err, io.EOF) {
			return dirs, nil
		} else if err != nil {
			return nil, err
		}
		dirs[module.Path] = module.Dir
	}
})

// install gives the cluster a kind of route, until the test ends.
func (c *cluster) install(t *testing.T, module, file, kind string) {
	t.Helper()
	dirs, err := routeModules()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dirs[module], filepath.FromSlash(file)))
	if err != nil {
		t.Fatal(err)
	}
	for d := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(raw), 4096); ; {
		crd := new(extensions.CustomResourceDefinition)
		if err := d.Decode(crd); err != nil {
			t.Fatalf("no definition of %s in %s: %v", kind, file, err)
		}
		if crd.Spec.Names.Kind != kind {
			continue
		}
		o := envtest.CRDInstallOptions{CRDs: []*extensions.CustomResourceDefinition{crd}, MaxTime: patience, CleanUpAfterUse: true}
		if _, err := envtest.InstallCRDs(c.env.Config, o); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := envtest.UninstallCRDs(c.env.Config, o); err != nil {
				t.Error(err)
			}
		})
		return
	}
}

func (c *cluster) installVirtualServices(t *testing.T) {
	t.Helper()
	c.install(t, "istio.io/api", "kubernetes/customresourcedefinitions.gen.yaml", "VirtualService")
}

func (c *cluster) installHTTPRoutes(t *testing.T) {
	t.Helper()
	c.install(t, "sigs.k8s.io/gateway-api", "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml", "HTTPRoute")
	c.install(t, "sigs.k8s.io/gateway-api", "config/crd/standard/gateway.networking.k8s.io_referencegrants.yaml", "ReferenceGrant")
}

// permit gives the controller the rights of files in deploy/controller, until the test ends.
func (c *cluster) permit(t *testing.T, files ...string) {
	t.Helper()
	for _, file := range files {
		raw, err := os.ReadFile(repository("deploy", "controller", file))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.apply("", repository("deploy", "controller", file)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			for d := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(raw), 4096); ; {
				var o unstructured.Unstructured
				if d.Decode(&o.Object) != nil {
					return
				}
				if err := c.Delete(context.Background(), &o); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// apiNamespace is a namespace for APIRules, which are gone when the test ends.
func (c *cluster) apiNamespace(t *testing.T) string {
	t.Helper()
	namespace := c.namespace(t)
	t.Cleanup(func() {
		if err := c.DeleteAllOf(context.Background(), &gateway.APIRule{}, client.InNamespace(namespace)); err != nil {
			t.Error(err)
		}
	})
	return namespace
}

// route runs a controller that makes routes.
func (c *cluster) route(t *testing.T, namespace, admin, kind string, args ...string) *controller {
	t.Helper()
	return c.control(t, namespace, admin, append([]string{
		"--apirule-route", kind, "--oathkeeper-svc-address", "gatehouse-proxy.gatehouse.svc.cluster.local", "--default-domain-name", "example.com",
	}, args...)...)
}

// api is an APIRule with what everybody may, and what takes a token.
func api(namespace, name string) *gateway.APIRule {
	return &gateway.APIRule{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: gateway.APIRuleSpec{
			Host: name + "." + namespace + ".example.com", Gateway: "mesh/public", Service: &gateway.Backend{Name: name, Port: 8080},
			Rules: []gateway.Rule{
				{Path: "/orders/.*", Methods: []gateway.HTTPMethod{"GET"}, AccessStrategies: []gateway.Handler{{Handler: "oauth2_introspection"}}},
				{Path: "/health", Methods: []gateway.HTTPMethod{"GET"}, AccessStrategies: []gateway.Handler{{Handler: "allow"}}},
			},
		},
	}
}

// stands waits until the condition Ready of an APIRule's present generation has a reason, and reads it.
func (c *cluster) stands(t *testing.T, of *gateway.APIRule, reason string) *metav1.Condition {
	t.Helper()
	var ready *metav1.Condition
	eventually(t, func() (bool, string) {
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(of), of); err != nil {
			t.Fatal(err)
		}
		ready = meta.FindStatusCondition(of.Status.Conditions, gateway.Ready)
		return ready != nil && ready.Reason == reason && ready.ObservedGeneration == of.Generation, fmt.Sprintf("%+v", ready)
	})
	if inForce := reason == "InForce"; (ready.Status == metav1.ConditionTrue) != inForce || (of.Status.APIRuleStatus.Code == gateway.StatusOK) != inForce {
		t.Fatalf("reason %s has status %s and %+v", reason, ready.Status, of.Status.APIRuleStatus)
	}
	return ready
}

// routesOf are the objects of one kind that were made of an APIRule.
func (c *cluster) routesOf(t *testing.T, kind apischema.GroupVersionKind, of *gateway.APIRule) []unstructured.Unstructured {
	t.Helper()
	var list unstructured.UnstructuredList
	list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
	if err := c.List(t.Context(), &list, client.MatchingLabels{"apirule.gateway.kyma-project.io/v1beta1": of.Name + "." + of.Namespace}); err != nil {
		t.Fatal(err)
	}
	return list.Items
}

// oneRoute waits until there is one object of a kind that the condition holds for.
func (c *cluster) oneRoute(t *testing.T, kind apischema.GroupVersionKind, of *gateway.APIRule, holds func(*unstructured.Unstructured) bool) *unstructured.Unstructured {
	t.Helper()
	var found []unstructured.Unstructured
	eventually(t, func() (bool, string) {
		found = c.routesOf(t, kind, of)
		return len(found) == 1 && holds(&found[0]), fmt.Sprint(found)
	})
	return &found[0]
}

func (c *cluster) noRoute(t *testing.T, kind apischema.GroupVersionKind, of *gateway.APIRule) {
	t.Helper()
	eventually(t, func() (bool, string) {
		found := c.routesOf(t, kind, of)
		return len(found) == 0, fmt.Sprint(found)
	})
}

func anyOf(*unstructured.Unstructured) bool { return true }

// at is what stands at a path of an object, with numbers for places in lists.
func at(u *unstructured.Unstructured, path ...any) any {
	var here any = u.Object
	for _, step := range path {
		switch s := step.(type) {
		case string:
			object, _ := here.(map[string]any)
			here = object[s]
		case int:
			list, _ := here.([]any)
			if s >= len(list) {
				return nil
			}
			here = list[s]
		}
	}
	return here
}

// A cluster without Istio says so and gets its VirtualServices when Istio comes; what is changed by hand comes back.
func TestVirtualServices(t *testing.T) {
	c, s := open(t), process.Start(t, process.Options{})
	c.permit(t, "apirules.yaml", "virtualservice.yaml")
	namespace := c.apiNamespace(t)
	c.route(t, namespace, s.Admin, "virtualservice")
	of := api(namespace, "orders")
	c.create(t, of)
	if ready := c.stands(t, of, "RouteKindMissing"); !strings.Contains(ready.Message, "VirtualService") {
		t.Error(ready.Message)
	}
	c.installVirtualServices(t)
	c.stands(t, of, "InForce")
	made := c.oneRoute(t, virtualService, of, anyOf)
	if !metav1.IsControlledBy(made, of) || of.Status.Route == nil || of.Status.Route.Name != made.GetName() {
		t.Errorf("the route has owners %v, and the status names %+v", made.GetOwnerReferences(), of.Status.Route)
	}
	for want, got := range map[string]any{
		"gatehouse-proxy.gatehouse.svc.cluster.local": at(made, "spec", "http", 0, "route", 0, "destination", "host"),
		"orders." + namespace + ".svc.cluster.local":  at(made, "spec", "http", 1, "route", 0, "destination", "host"),
		"orders." + namespace + ".example.com":        at(made, "spec", "hosts", 0),
		"mesh/public":                                 at(made, "spec", "gateways", 0),
	} {
		if got != want {
			t.Errorf("%v, and not %s", got, want)
		}
	}
	asMade := func(u *unstructured.Unstructured) bool { return cmp.Equal(u.Object["spec"], made.Object["spec"]) }

	changed := made.DeepCopy()
	if err := unstructured.SetNestedSlice(changed.Object, []any{"elsewhere.example.com"}, "spec", "hosts"); err != nil {
		t.Fatal(err)
	}
	if err := c.Update(t.Context(), changed); err != nil {
		t.Fatal(err)
	}
	c.oneRoute(t, virtualService, of, asMade)
	if err := c.Delete(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	again := c.oneRoute(t, virtualService, of, asMade)
	bare := again.DeepCopy()
	bare.SetLabels(nil)
	if err := c.Update(t.Context(), bare); err != nil {
		t.Fatal(err)
	}
	c.oneRoute(t, virtualService, of, asMade)

	// Another name for the same host.
	other := api(namespace, "other")
	other.Spec.Host = of.Spec.Host
	other.Spec.Rules = []gateway.Rule{{Path: "/other", Methods: []gateway.HTTPMethod{"GET"}, AccessStrategies: []gateway.Handler{{Handler: "noop"}}}}
	c.create(t, other)
	if ready := c.stands(t, other, "HostOccupied"); !strings.Contains(ready.Message, again.GetName()) {
		t.Error(ready.Message)
	}
	change(t, c, other, func(other *gateway.APIRule) { other.Spec.Host = "free." + namespace + ".example.com" })
	c.stands(t, other, "InForce")
	change(t, c, other, func(other *gateway.APIRule) { other.Spec.Host = of.Spec.Host })
	if ready := c.stands(t, other, "HostOccupied"); !strings.Contains(ready.Message, again.GetName()) {
		t.Error(ready.Message)
	}
	if host := at(c.oneRoute(t, virtualService, other, anyOf), "spec", "hosts", 0); host != "free."+namespace+".example.com" {
		t.Errorf("the route has taken %s", host)
	}

	// A path that is closed by a rule which the server rejects is not open any more.
	change(t, c, of, func(of *gateway.APIRule) { of.Spec.Rules[1].AccessStrategies = []gateway.Handler{{Handler: "guess"}} })
	c.stands(t, of, "RuleRejected")
	c.oneRoute(t, virtualService, of, func(u *unstructured.Unstructured) bool {
		return at(u, "spec", "http", 1, "route", 0, "destination", "host") == "gatehouse-proxy.gatehouse.svc.cluster.local"
	})
	if err := c.Delete(t.Context(), of); err != nil {
		t.Fatal(err)
	}
	c.noRoute(t, virtualService, of)
	freed := time.Now()
	c.stands(t, other, "InForce")
	if took := time.Since(freed); took > 30*time.Second { // it is looked at every minute anyway
		t.Errorf("a host that was given up went to who waits for it after %s", took)
	}
}

// The Gateway API's own definitions accept what is made; a controller that makes other routes takes the former away.
func TestHTTPRoutesAndOtherKinds(t *testing.T) {
	c, s := open(t), process.Start(t, process.Options{})
	c.permit(t, "apirules.yaml", "httproute.yaml", "ingress.yaml")
	c.installHTTPRoutes(t)
	namespace := c.apiNamespace(t)
	k := c.route(t, namespace, s.Admin, "httproute")
	of := api(namespace, "orders")
	c.create(t, of)
	c.stands(t, of, "InForce")
	made, grant := c.oneRoute(t, httpRoute, of, anyOf), c.oneRoute(t, referenceGrant, of, anyOf)
	if !metav1.IsControlledBy(made, of) || grant.GetNamespace() != "gatehouse" || at(grant, "spec", "from", 0, "namespace") != namespace {
		t.Errorf("%v %v", made.GetOwnerReferences(), grant.Object)
	}
	if at(made, "spec", "rules", 0, "backendRefs", 0, "name") != "gatehouse-proxy" || at(made, "spec", "rules", 1, "backendRefs", 0, "name") != "orders" {
		t.Errorf("%v", made.Object["spec"])
	}
	if err := c.Delete(t.Context(), grant); err != nil {
		t.Fatal(err)
	}
	c.oneRoute(t, referenceGrant, of, func(u *unstructured.Unstructured) bool { return cmp.Equal(u.Object["spec"], grant.Object["spec"]) })
	k.stop()

	k = c.route(t, namespace, s.Admin, "ingress", "--apirule-ingress-class", "nginx")
	beside := c.oneRoute(t, ingress, of, anyOf)
	if beside.GetNamespace() != "gatehouse" || at(beside, "spec", "rules", 0, "http", "paths", 0, "backend", "service", "name") != "gatehouse-proxy" {
		t.Errorf("%v", beside.Object)
	}
	c.noRoute(t, httpRoute, of)
	c.noRoute(t, referenceGrant, of)
	k.stop()

	// What has no owner is removed too, also when its APIRule went while nobody was there.
	if err := c.Delete(t.Context(), of); err != nil {
		t.Fatal(err)
	}
	c.route(t, namespace, s.Admin, "ingress", "--apirule-ingress-class", "nginx")
	c.noRoute(t, ingress, of)
}

// What was written for Kyma's API Gateway applies unchanged, and is in force.
func TestAPIRuleSamples(t *testing.T) {
	c, s := open(t), process.Start(t, process.Options{})
	c.permit(t, "apirules.yaml", "virtualservice.yaml")
	c.installVirtualServices(t)
	namespace := c.apiNamespace(t)
	c.route(t, namespace, s.Admin, "virtualservice")
	for _, file := range []string{"v1beta1.yaml", "v1alpha1.yaml"} {
		if err := c.apply(namespace, filepath.Join("testdata", "apirules", file)); err != nil {
			t.Fatal(err)
		}
	}
	for name, host := range map[string]string{
		"one-service": "v1beta1.testhost.com", "service-overridden": "override.testhost.com", "istio": "istio.testhost.com", "several": "3svc.testhost.com",
		"older-open": "multiplesvc.testhost.com", "older-mutators": "httpbin4.kyma.local", "older-several": "foo4.kyma.local",
	} {
		of := &gateway.APIRule{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
		c.stands(t, of, "InForce")
		if of.Status.Host != host {
			t.Errorf("%s has host %s", name, of.Status.Host)
		}
		c.oneRoute(t, virtualService, of, anyOf)
	}
}

// What is wrong with an APIRule is in its status, in one message; the host of another namespace is nobody's, and leads nowhere.
func TestAPIRulesThatAreNotInForce(t *testing.T) {
	c, s := open(t), process.Start(t, process.Options{})
	c.permit(t, "apirules.yaml", "ingress.yaml")
	namespace := c.apiNamespace(t)
	c.route(t, namespace, s.Admin, "ingress", "--domain-allowlist", "example.com", "--host", "*.example.com=nobody", "--host", "*.allowed.example.com="+namespace)
	wrong := api(namespace, "wrong")
	wrong.Spec.Host = "wrong.example.org"
	wrong.Spec.Service = &gateway.Backend{Name: "kubernetes", Namespace: "default", Port: 443}
	c.create(t, wrong)
	ready := c.stands(t, wrong, "InvalidAPIRule")
	for _, why := range []string{"none of the domains", "lets no APIRule lead to service kubernetes"} {
		if !strings.Contains(ready.Message, why) {
			t.Errorf("%q does not say %q", ready.Message, why)
		}
	}
	unknown := api(namespace, "unknown")
	unknown.Spec.Host = "unknown.allowed.example.com"
	unknown.Spec.Rules[0].AccessStrategies[0].Handler = "guess"
	c.create(t, unknown)
	if ready := c.stands(t, unknown, "RuleRejected"); !strings.Contains(ready.Message, "guess") || unknown.Status.AccessRuleStatus.Code != gateway.StatusError {
		t.Errorf("%s %+v", ready.Message, unknown.Status.AccessRuleStatus)
	}
	moving := api(namespace, "moving")
	moving.Spec.Host = "moving.allowed.example.com"
	c.create(t, moving)
	c.stands(t, moving, "InForce")
	c.oneRoute(t, ingress, moving, anyOf)
	change(t, c, moving, func(of *gateway.APIRule) { of.Spec.Host = "moving.other.example.com" })
	c.stands(t, moving, "HostRefused")
	c.noRoute(t, ingress, moving)
}

// The API server refuses what cannot work, and says why.
func TestAPIRulesThatAreRefused(t *testing.T) {
	c := open(t)
	namespace := c.apiNamespace(t)
	const rule = `rules: [{path: /a, methods: [GET], accessStrategies: [{handler: noop}], service: {name: s, port: 80}}]`
	for _, test := range []struct{ spec, why string }{
		{`{gateway: m/p, ` + rule + `}`, "host is missing"},
		{`{host: a.example.com, ` + rule + `}`, "gateway"},
		{`{host: a.example.com, gateway: m/p}`, "rules"},
		{`{host: a.example.com, gateway: m/p, rules: []}`, "at least 1"},
		{`{host: a.example.com, gateway: m/p, service: {name: s, port: 80, host: b.example.com}, ` + rule + `}`, "the same thing"},
		{`{host: a.example.com, gateway: m/p, service: {name: s, port: 0}, ` + rule + `}`, "port"},
		{`{host: a.example.com, gateway: m/p, rules: [{path: /a, methods: [GET], accessStrategies: [{handler: noop}]}]}`, "needs a service"},
		{`{host: a.example.com, gateway: m/p, service: {name: s, port: 80}, rules: [{path: /a, methods: [FETCH], accessStrategies: [{handler: noop}]}]}`, "Unsupported value"},
		{`{host: a.example.com, gateway: m/p, service: {name: s, port: 80}, rules: [{path: /a, methods: [GET], accessStrategies: [{handler: allow}, {handler: noop}]}]}`, "let everybody in"},
		{`{host: a.example.com, gateway: m/p, timeout: 3901, ` + rule + `}`, "3900"},
		{`{host: "a b", gateway: m/p, ` + rule + `}`, "host"},
		{`{host: a.example.com, gateway: m/p, hosts: [b], ` + rule + `}`, "unknown field"},
	} {
		path := filepath.Join(t.TempDir(), "apirule.yaml")
		text := fmt.Sprintf("apiVersion: gateway.kyma-project.io/v1beta1\nkind: APIRule\nmetadata: {name: refused}\nspec: %s\n", test.spec)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := c.apply(namespace, path); err == nil || !strings.Contains(err.Error(), test.why) {
			t.Errorf("%s: %v, and the reason should say %q", test.spec, err, test.why)
		}
	}
}

// leadTo stands before the server's admin API, and has what leads to Services of the cluster lead to an application instead, as the
// cluster's DNS would.
func leadTo(t *testing.T, s *process.Server, service, application string) *httptest.Server {
	t.Helper()
	target, err := url.Parse(s.Admin)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		body = bytes.ReplaceAll(body, []byte(service), []byte(application))
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		r.Header.Set("Content-Length", fmt.Sprint(len(body)))
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	return front
}

// From an APIRule to answers: one path, of which reading and writing take different scopes, and what everybody may.
func TestFromAPIRuleToAnswers(t *testing.T) {
	c := open(t)
	application := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "the application") }))
	t.Cleanup(application.Close)
	s, proxy := process.Configure(t, process.Options{}), process.FreeAddress(t)
	s.Override(fmt.Sprintf("serve: {proxy: {enabled: true, address: %q}}\n", proxy))
	s.Run()
	t.Cleanup(s.Stop)
	c.permit(t, "apirules.yaml")
	namespace := c.apiNamespace(t)
	front := leadTo(t, s, "http://orders."+namespace+".svc.cluster.local:8080", application.URL)
	c.route(t, namespace, front.URL, "none")
	if err := c.apply(namespace, repository("deploy", "examples", "apirule", "orders.yaml")); err != nil {
		t.Fatal(err)
	}
	of := &gateway.APIRule{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "orders"}}
	c.stands(t, of, "InForce")
	reader := machine(namespace, "orders-reader")
	c.becomes(t, reader, "Registered")
	id, secret := idAndSecret(c.secretOf(t, reader))
	token := token(t, s.Public, id, secret, "read")
	for _, test := range []struct {
		method, path, token string
		want                int
	}{
		{http.MethodGet, "/orders/7", token, http.StatusOK},
		{http.MethodGet, "/orders", token, http.StatusOK},
		{http.MethodGet, "/orders/7", "", http.StatusUnauthorized},
		{http.MethodGet, "/orders/7", "forged", http.StatusUnauthorized},
		{http.MethodPost, "/orders/7", token, http.StatusForbidden},
		{http.MethodPost, "/orders/7", "", http.StatusUnauthorized},
		{http.MethodGet, "/health", "", http.StatusOK},
		{http.MethodPost, "/health", token, http.StatusNotFound},
		{http.MethodGet, "/elsewhere", token, http.StatusNotFound},
	} {
		req, err := http.NewRequestWithContext(t.Context(), test.method, "http://"+proxy+test.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = "orders.example.com"
		if test.token != "" {
			req.Header.Set("Authorization", "Bearer "+test.token)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != test.want || (string(body) == "the application") != (test.want == http.StatusOK) {
			t.Errorf("%s %s: %d %s, and not %d", test.method, test.path, resp.StatusCode, body, test.want)
		}
	}
	// Kyma's controller left its finalizer, and is gone.
	change(t, c, of, func(of *gateway.APIRule) { of.Finalizers = []string{"gateway.kyma-project.io/subresources"} })
	if err := c.Delete(t.Context(), of); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() (bool, string) {
		code, body := s.Try("http://" + proxy + "/health")
		return code == http.StatusNotFound, body
	})
	eventually(t, func() (bool, string) {
		err := c.Get(t.Context(), client.ObjectKeyFromObject(of), of)
		return apierrors.IsNotFound(err), fmt.Sprint(err)
	})
}
