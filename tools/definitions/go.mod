// Definitions of resources of other projects, for tests: the modules' YAML files, and none of their packages.
module github.com/gatehouse-iam/gatehouse/tools/definitions

go 1.26.0

require (
	github.com/cert-manager/cert-manager v1.21.2
	github.com/prometheus-operator/prometheus-operator v0.85.0
	istio.io/api v1.28.0
	sigs.k8s.io/gateway-api v1.6.0
)
