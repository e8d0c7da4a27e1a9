// Package v1beta1 has the Kubernetes resource APIRule of the group gateway.kyma-project.io: a service, the host under which it is reached,
// and who may make which requests to it.
//
// The fields are those that Kyma's API Gateway reads in its versions v1beta1 and v1alpha1, so what was written for it applies unchanged. Both
// versions have one schema and differ in nothing but their name, so that no webhook has to convert between them. The CRD in deploy/crds and
// the deep copies are generated from this package (scripts/generate-crds); the comments of the fields are what `kubectl explain` shows.
//
// +kubebuilder:object:generate=true
// +groupName=gateway.kyma-project.io
package v1beta1
