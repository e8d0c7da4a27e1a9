package v1beta1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Ready is the condition that tells whether the APIRule is in force: its rules and its route.
const Ready = "Ready"

// StatusCode is how it stands with one part of an APIRule, in the words of Kyma's API Gateway.
type StatusCode string

// Codes of parts of an APIRule.
const (
	// StatusOK: it is as it shall be.
	StatusOK StatusCode = "OK"
	// StatusSkipped: it was not looked at, since something else has to be mended first, or because there shall be none.
	StatusSkipped StatusCode = "SKIPPED"
	// StatusError: it could not be done.
	StatusError StatusCode = "ERROR"
	// StatusWarning: it is done, and somebody has to look at it.
	StatusWarning StatusCode = "WARNING"
)

// APIRuleStatus is what the controller last found and did.
type APIRuleStatus struct {
	// LastProcessedTime is when this status last changed.
	// +optional
	LastProcessedTime *metav1.Time `json:"lastProcessedTime,omitempty"`

	// ObservedGeneration is the generation of the resource that this status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// Conditions has one, Ready: rules and route are in force as they are described here, or why not.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// Host is the name under which the service is reached, with its domain.
	// +optional
	Host string `json:"host,omitempty"`

	// Route is what was made to send the host's requests.
	// +optional
	Route *RouteReference `json:"route,omitempty"`

	// APIRuleStatus is how it stands with all of it.
	// +optional
	APIRuleStatus *PartStatus `json:"APIRuleStatus,omitempty"`

	// VirtualServiceStatus is how it stands with the route, of whatever kind.
	// +optional
	VirtualServiceStatus *PartStatus `json:"virtualServiceStatus,omitempty"`

	// AccessRuleStatus is how it stands with the access rules.
	// +optional
	AccessRuleStatus *PartStatus `json:"accessRuleStatus,omitempty"`

	// RequestAuthenticationStatus is accepted because Kyma has it. Access rules check tokens here.
	// +optional
	RequestAuthenticationStatus *PartStatus `json:"requestAuthenticationStatus,omitempty"`

	// AuthorizationPolicyStatus is accepted because Kyma has it. Access rules decide here.
	// +optional
	AuthorizationPolicyStatus *PartStatus `json:"authorizationPolicyStatus,omitempty"`
}

// RouteReference names what was made to send requests.
type RouteReference struct {
	// APIVersion is the route's group and version.
	APIVersion string `json:"apiVersion"`
	// Kind is VirtualService, HTTPRoute or Ingress.
	Kind string `json:"kind"`
	// Namespace is the APIRule's, or for an Ingress the gateway's.
	Namespace string `json:"namespace"`
	// Name is the route's.
	Name string `json:"name"`
}

// PartStatus is how it stands with one part of an APIRule.
type PartStatus struct {
	// Code is OK, SKIPPED, ERROR or WARNING.
	// +optional
	Code StatusCode `json:"code,omitempty"`
	// Description says what is wrong and what to do.
	// +optional
	Description string `json:"desc,omitempty"`
}
