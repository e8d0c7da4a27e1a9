package v1beta1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is gateway.kyma-project.io/v1beta1.
var GroupVersion = schema.GroupVersion{Group: "gateway.kyma-project.io", Version: "v1beta1"}

// AddToScheme makes the resources of this package known to a scheme.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion, &APIRule{}, &APIRuleList{})
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}
