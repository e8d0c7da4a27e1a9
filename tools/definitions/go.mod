// Definitions of resources that routes are made of, for tests: the modules' YAML files, and none of their packages.
module github.com/gatehouse-iam/gatehouse/tools/routes

go 1.26.0

require (
	istio.io/api v1.28.0
	sigs.k8s.io/gateway-api v1.4.0
)
