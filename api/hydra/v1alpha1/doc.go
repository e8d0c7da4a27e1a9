// Package v1alpha1 has the Kubernetes resource OAuth2Client of the group hydra.ory.sh: an OAuth 2.0 client that is declared beside the
// application which uses it.
//
// The fields are those that Ory's hydra-maester reads, so what was written for it applies unchanged. Tenant, secret rotation, more
// grants and the conditions of the status are Gatehouse's. The CRD in deploy/crds and the deep copies are generated from this package
// (scripts/generate-crds); the comments of the fields are what `kubectl explain` shows.
//
// +kubebuilder:object:generate=true
// +groupName=hydra.ory.sh
package v1alpha1
