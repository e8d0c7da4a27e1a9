package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Ready is the condition that tells whether the server has the client as the resource describes it.
const Ready = "Ready"

// OAuth2ClientStatus is what the controller last found and did.
type OAuth2ClientStatus struct {
	// ObservedGeneration is the generation of the resource that this status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// Conditions has one, Ready: the server has the client as it is described here, or why not.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// ReconciliationError is why the client is not ready, in the words of hydra-maester; it is empty while there is no error.
	// +optional
	ReconciliationError ReconciliationError `json:"reconciliationError,omitempty"`

	// ClientID is the client's id on the server.
	// +optional
	ClientID string `json:"clientID,omitempty"`

	// Server is the address of the admin API at which the client is kept.
	// +optional
	Server string `json:"server,omitempty"`

	// Applied is what the server was last told, to see what has changed since.
	// +optional
	Applied Applied `json:"applied,omitempty"`

	// SecretRotatedAt is when the secret that counts was made.
	// +optional
	SecretRotatedAt *metav1.Time `json:"secretRotatedAt,omitempty"`

	// SecretOverlapUntil is when secrets before that one end.
	// +optional
	SecretOverlapUntil *metav1.Time `json:"secretOverlapUntil,omitempty"`

	// RotationRequest is the secretRotation.request that was last fulfilled.
	// +optional
	RotationRequest string `json:"rotationRequest,omitempty"`
}

// Applied is what the server was last told.
type Applied struct {
	// Digest is a SHA-256 of the client as it was sent, without its secret.
	// +optional
	Digest string `json:"digest,omitempty"`
	// SecretVersion is uid and resource version of the Secret that was sent.
	// +optional
	SecretVersion string `json:"secretVersion,omitempty"`
	// UpdatedAt is when the client changed last, by the server's clock. Whoever changes it there changes this.
	// +optional
	UpdatedAt string `json:"updatedAt,omitempty"`
}

// ReconciliationError is an error in the words of hydra-maester.
type ReconciliationError struct {
	// StatusCode is CLIENT_REGISTRATION_FAILED, CLIENT_UPDATE_FAILED, SECRET_CREATION_FAILED, INVALID_SECRET or INVALID_HYDRA_ADDRESS.
	// +optional
	StatusCode string `json:"statusCode,omitempty"`
	// Description says what is wrong and what to do.
	// +optional
	Description string `json:"description,omitempty"`
}
