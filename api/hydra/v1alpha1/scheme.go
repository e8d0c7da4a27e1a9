package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is hydra.ory.sh/v1alpha1.
var GroupVersion = schema.GroupVersion{Group: "hydra.ory.sh", Version: "v1alpha1"}

// AddToScheme makes the resources of this package known to a scheme.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion, &OAuth2Client{}, &OAuth2ClientList{})
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}
