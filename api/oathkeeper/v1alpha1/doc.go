// Package v1alpha1 has the Kubernetes resource Rule of the group oathkeeper.ory.sh: an access rule that is declared beside the
// application which it protects.
//
// The fields are those that Ory's oathkeeper-maester reads, so what was written for it applies unchanged. The CRD in deploy/crds and the
// deep copies are generated from this package (scripts/generate-crds); the comments of the fields are what `kubectl explain` shows.
//
// +kubebuilder:object:generate=true
// +groupName=oathkeeper.ory.sh
package v1alpha1
