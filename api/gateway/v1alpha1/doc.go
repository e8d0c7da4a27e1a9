// Package v1alpha1 has the Kubernetes resource APIRule in its first version. It is package v1beta1's under another name, so that manifests
// which name the old version, with the host inside of service, still apply. Programs use v1beta1.
//
// +kubebuilder:object:generate=true
// +groupName=gateway.kyma-project.io
package v1alpha1
