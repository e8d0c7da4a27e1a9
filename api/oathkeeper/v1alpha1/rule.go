package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Ready is the condition that tells whether the server decides by the rule as the resource describes it.
const Ready = "Ready"

// Rule is an access rule: which requests it is about, who may make them, and where they go.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=rules,singular=rule,categories=gatehouse
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="URL",type=string,JSONPath=`.spec.match.url`
// +kubebuilder:printcolumn:name="Upstream",type=string,JSONPath=`.spec.upstream.url`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type Rule struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is the rule as it shall be.
	Spec RuleSpec `json:"spec,omitempty"`
	// Status is what the controller last found and did.
	Status RuleStatus `json:"status,omitempty"`
}

// RuleList is a list of rules.
//
// +kubebuilder:object:root=true
type RuleList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	// Items are the rules.
	Items []Rule `json:"items"`
}

// RuleSpec is the rule as it shall be.
type RuleSpec struct {
	// Upstream is where requests go that are let through. Rules that only the decision API is asked about need none.
	// +optional
	Upstream *Upstream `json:"upstream,omitempty"`

	// Match says which requests the rule is about.
	Match Match `json:"match"`

	// Authenticators find out who asks: the first that feels responsible decides. Without it: unauthorized, which refuses everybody.
	// +optional
	Authenticators []Handler `json:"authenticators,omitempty"`

	// Authorizer decides whether they may. Without it: deny, which refuses everybody.
	// +optional
	Authorizer *Handler `json:"authorizer,omitempty"`

	// Mutators say what the application is told about who asks. Without it: noop, which is nothing.
	// +optional
	Mutators []Handler `json:"mutators,omitempty"`

	// Errors say how requests are refused: the first whose conditions fit answers.
	// +optional
	Errors []Handler `json:"errors,omitempty"`

	// ConfigMapName is accepted because oathkeeper-maester has it. Rules go to the server by its admin API: no ConfigMap is written.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*`
	ConfigMapName *string `json:"configMapName,omitempty"`

	// Tenant is whose rule it is. Without it: the controller's tenant. Which namespaces may name which tenants is the controller's
	// configuration.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Tenant string `json:"tenant,omitempty"`
}

// Upstream is where requests go that are let through.
type Upstream struct {
	// URL is the application's address, for example http://orders.shop.svc:8080.
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern=`^(?:https?:\/\/)?(?:[^@\/\n]+@)?(?:www\.)?([^:\/\n]+)`
	URL string `json:"url"`

	// StripPath is taken off the front of the path before the request goes on.
	// +optional
	StripPath *string `json:"stripPath,omitempty"`

	// PreserveHost sends the Host that the caller named; otherwise it is that of url.
	// +optional
	PreserveHost *bool `json:"preserveHost,omitempty"`
}

// Match says which requests a rule is about.
type Match struct {
	// URL is what the request's URL looks like, scheme and host included; what stands between < and > is a pattern. Which namespaces may
	// claim which hosts is the controller's configuration.
	URL string `json:"url"`

	// Methods are the HTTP methods.
	Methods []string `json:"methods"`
}

// Handler is one part of a rule: its kind and its settings.
type Handler struct {
	// Handler is the kind, for example jwt, allow or header.
	Handler string `json:"handler"`

	// Config are the settings of that kind, over those of the server's configuration.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Type=object
	// +kubebuilder:validation:Schemaless
	Config *runtime.RawExtension `json:"config,omitempty"`
}

// RuleStatus is what the controller last found and did.
type RuleStatus struct {
	// ObservedGeneration is the generation of the resource that this status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// Conditions has one, Ready: the server decides by this rule, or why not, and what to do.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// Validation is the same in the words of oathkeeper-maester.
	// +optional
	Validation *Validation `json:"validation,omitempty"`
}

// Validation tells whether a rule can be used, in the words of oathkeeper-maester.
type Validation struct {
	// Valid is whether it can.
	// +optional
	Valid *bool `json:"valid,omitempty"`
	// Error says why not, and what to do.
	// +optional
	Error *string `json:"validationError,omitempty"`
}
