package apirule

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/gatehouse-iam/gatehouse/internal/access"

	gateway "github.com/gatehouse-iam/gatehouse/api/gateway/v1beta1"
)

// Outcome is what an APIRule becomes.
type Outcome struct {
	// Host is the name under which the service is reached, with its domain.
	Host string
	// Rules are the access rules, one for each rule of the APIRule.
	Rules []access.Rule
	// Routes are the objects that send requests: the route first, and what it needs.
	Routes []*unstructured.Unstructured
}

// The kinds of objects that routes are made of.
var (
	virtualServiceKind = schema.GroupVersionKind{Group: "networking.istio.io", Version: "v1beta1", Kind: "VirtualService"}
	httpRouteKind      = schema.GroupVersionKind{Group: "gateway.networking.k8s.io", Version: "v1", Kind: "HTTPRoute"}
	grantKind          = schema.GroupVersionKind{Group: "gateway.networking.k8s.io", Version: "v1beta1", Kind: "ReferenceGrant"}
	ingressKind        = schema.GroupVersionKind{Group: "networking.k8s.io", Version: "v1", Kind: "Ingress"}
)

// kinds are the kinds of objects that this kind of routes is made of.
func (r Route) kinds() []schema.GroupVersionKind {
	switch r {
	case VirtualService:
		return []schema.GroupVersionKind{virtualServiceKind}
	case HTTPRoute:
		return []schema.GroupVersionKind{httpRouteKind, grantKind}
	case Ingress:
		return []schema.GroupVersionKind{ingressKind}
	case None:
	}
	return nil
}

// routeOf is the kind of routes that an object belongs to.
func routeOf(kind string) Route {
	for _, r := range Routes() {
		for _, k := range r.kinds() {
			if k.Kind == kind {
				return r
			}
		}
	}
	return None
}

// beside reports whether objects of a kind stand beside the gateway, and not beside their APIRule.
func beside(kind schema.GroupVersionKind) bool { return kind == grantKind || kind == ingressKind }

const (
	// ownerLabel is what Kyma's API Gateway puts onto what it makes.
	ownerLabel = "apirule.gateway.kyma-project.io/v1beta1"
	// managedLabel tells who made it.
	managedLabel = "app.kubernetes.io/managed-by"
	managedBy    = "gatehouse-controller"
	// ownerKey is the annotation with the APIRule's namespace/name, which a label may be too short for.
	ownerKey = "gatehouse.dev/apirule"

	longestLabel = 63
	hashLength   = 8
)

// labelOf is the value of ownerLabel: name.namespace, cut where that is too long for a label.
func labelOf(namespace, name string) string {
	label := name + "." + namespace
	if len(label) <= longestLabel {
		return label
	}
	return strings.TrimRight(label[:longestLabel-hashLength-1], "-.") + "-" + hashOf(namespace, name)
}

// childName is one that no other APIRule's objects have, in any namespace.
func childName(namespace, name string) string {
	return strings.TrimRight(name[:min(len(name), longestLabel-hashLength-1)], "-.") + "-" + hashOf(namespace, name)
}

func hashOf(namespace, name string) string {
	sum := sha256.Sum256([]byte(namespace + "/" + name))
	return hex.EncodeToString(sum[:])[:hashLength]
}

// object begins an object that belongs to an APIRule.
func object(kind schema.GroupVersionKind, namespace string, of *gateway.APIRule, spec map[string]any) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
	u.SetGroupVersionKind(kind)
	u.SetNamespace(namespace)
	u.SetName(childName(of.Namespace, of.Name))
	u.SetLabels(map[string]string{ownerLabel: labelOf(of.Namespace, of.Name), managedLabel: managedBy})
	u.SetAnnotations(map[string]string{ownerKey: of.Namespace + "/" + of.Name})
	if namespace == of.Namespace && !beside(kind) {
		u.SetOwnerReferences([]metav1.OwnerReference{*metav1.NewControllerRef(of, gateway.GroupVersion.WithKind("APIRule"))})
	}
	return u
}
