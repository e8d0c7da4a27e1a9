package v1beta1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// APIRule makes a service reachable under a host, and says who may make which requests to it. It becomes access rules of a Gatehouse
// server and, as the controller is configured, a VirtualService, an HTTPRoute or an Ingress that sends the host's requests there.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=apirules,singular=apirule,categories=gatehouse
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.APIRuleStatus.code`
// +kubebuilder:printcolumn:name="Host",type=string,JSONPath=`.status.host`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type APIRule struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is what shall be reachable, and by whom.
	Spec APIRuleSpec `json:"spec,omitempty"`
	// Status is what the controller last found and did.
	Status APIRuleStatus `json:"status,omitempty"`
}

// APIRuleList is a list of APIRules.
//
// +kubebuilder:object:root=true
type APIRuleList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	// Items are the APIRules.
	Items []APIRule `json:"items"`
}

// APIRuleSpec is what shall be reachable, and by whom.
//
// +kubebuilder:validation:XValidation:rule="has(self.host) || (has(self.service) && has(self.service.host))",message="host is missing: the name under which the service is reached"
// +kubebuilder:validation:XValidation:rule="!has(self.host) || !has(self.service) || !has(self.service.host) || self.host == self.service.host",message="host and service.host are the same thing: leave out service.host, which is v1alpha1's"
// +kubebuilder:validation:XValidation:rule="has(self.service) || self.rules.all(r, has(r.service))",message="each rule needs a service, or the APIRule one for all"
type APIRuleSpec struct {
	// Host is the name under which the service is reached, for example orders.example.com. To one without a dot the controller's default
	// domain is added.
	// +optional
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern=`^([a-zA-Z0-9][a-zA-Z0-9-_]*\.)*[a-zA-Z0-9]*[a-zA-Z0-9-_]*[[a-zA-Z0-9]+$`
	Host string `json:"host,omitempty"`

	// Service is where requests go that are let through, unless the rule names another.
	// +optional
	Service *Backend `json:"service,omitempty"`

	// Gateway is the Istio Gateway, or the Gateway of the Gateway API, at which the host arrives: namespace/name or
	// name.namespace.svc.cluster.local. An Ingress has none.
	// +kubebuilder:validation:Pattern=`^[0-9a-z-_]+(\/[0-9a-z-_]+|(\.[0-9a-z-_]+)*)$`
	Gateway string `json:"gateway"`

	// CorsPolicy says which web pages of other origins may call the service. Without it: what the controller is configured with, which is
	// nobody.
	// +optional
	CorsPolicy *CorsPolicy `json:"corsPolicy,omitempty"`

	// Rules say who may make which requests. The first whose path and methods fit decides; what fits none is refused.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=1000
	Rules []Rule `json:"rules"`

	// Timeout is how long the mesh or gateway waits for an answer, in seconds. Without it: 180 in a VirtualService, else the gateway's own.
	// An Ingress has none.
	// +optional
	Timeout *Timeout `json:"timeout,omitempty"`

	// Tenant is whose rules these are. Without it: the controller's tenant. Which namespaces may name which tenants is the controller's
	// configuration.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Tenant string `json:"tenant,omitempty"`
}

// Backend is a Service of the cluster.
type Backend struct {
	// Name is the Service's.
	Name string `json:"name"`

	// Namespace is the Service's. Without it: the APIRule's.
	// +optional
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Namespace string `json:"namespace,omitempty"`

	// Port is the Service's, by number.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port"`

	// IsExternal is accepted because Kyma has it; it changes nothing there either.
	// +optional
	IsExternal *bool `json:"external,omitempty"`

	// Host is where v1alpha1 has the host.
	// +optional
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern=`^([a-zA-Z0-9][a-zA-Z0-9-_]*\.)*[a-zA-Z0-9]*[a-zA-Z0-9-_]*[[a-zA-Z0-9]+$`
	Host string `json:"host,omitempty"`
}

// Rule says who may make which requests.
//
// +kubebuilder:validation:XValidation:rule="size(self.accessStrategies) == 1 || !self.accessStrategies.exists(s, s.handler in ['allow', 'no_auth'])",message="allow and no_auth let everybody in, so no other access strategy can stand beside them"
type Rule struct {
	// Path is a regular expression for the whole path, for example /orders/.*. It begins with a slash.
	// +kubebuilder:validation:Pattern=`^([0-9a-zA-Z./*()?!\\_-]+)`
	Path string `json:"path"`

	// Service is where this rule's requests go, where that is not the APIRule's service.
	// +optional
	Service *Backend `json:"service,omitempty"`

	// Methods are the HTTP methods. Others are refused, also where everybody is let in. One path may stand in several rules with different
	// methods.
	// +kubebuilder:validation:MinItems=1
	Methods []HTTPMethod `json:"methods"`

	// AccessStrategies find out who asks: allow or no_auth (everybody, past the server where the route can say so), or authenticators of
	// access rules, such as oauth2_introspection, jwt, cookie_session and noop, of which the first that feels responsible decides.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	AccessStrategies []Handler `json:"accessStrategies"`

	// Mutators say what the service is told about who asks: header, cookie, id_token, hydrator or noop.
	// +optional
	Mutators []Handler `json:"mutators,omitempty"`

	// Timeout is this rule's, in seconds.
	// +optional
	Timeout *Timeout `json:"timeout,omitempty"`
}

// HTTPMethod is an HTTP method of RFC 9110 §9, or PATCH.
//
// +kubebuilder:validation:Enum=GET;HEAD;POST;PUT;DELETE;CONNECT;OPTIONS;TRACE;PATCH
type HTTPMethod string

// Timeout is a time in seconds, at most 65 minutes.
//
// +kubebuilder:validation:Minimum=1
// +kubebuilder:validation:Maximum=3900
type Timeout int32

// Handler is one part of a rule: its kind and its settings.
type Handler struct {
	// Handler is the kind, for example jwt or header.
	// +kubebuilder:validation:MaxLength=63
	Handler string `json:"handler"`

	// Config are the settings of that kind, over those of the server's configuration. Of jwt also Istio's form is understood
	// (authentications, authorizations).
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Type=object
	// +kubebuilder:validation:Schemaless
	Config *runtime.RawExtension `json:"config,omitempty"`
}

// CorsPolicy says which web pages of other origins may call the service, and how.
type CorsPolicy struct {
	// AllowHeaders are request header fields that pages may set.
	// +optional
	AllowHeaders []string `json:"allowHeaders,omitempty"`
	// AllowMethods are methods that pages may use.
	// +optional
	AllowMethods []string `json:"allowMethods,omitempty"`
	// AllowOrigins are the pages' origins, each as exact, prefix or regex: {exact: "https://shop.example.com"}. An HTTPRoute knows exact, and
	// regex ".*" for all.
	// +optional
	AllowOrigins []map[string]string `json:"allowOrigins,omitempty"`
	// AllowCredentials lets pages send cookies.
	// +optional
	AllowCredentials *bool `json:"allowCredentials,omitempty"`
	// ExposeHeaders are response header fields that pages may read.
	// +optional
	ExposeHeaders []string `json:"exposeHeaders,omitempty"`
	// MaxAge is how long browsers keep this answer, for example 10m.
	// +optional
	// +kubebuilder:validation:Format=duration
	// +kubebuilder:validation:Type=string
	MaxAge *metav1.Duration `json:"maxAge,omitempty"`
}
