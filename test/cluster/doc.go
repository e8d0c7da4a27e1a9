// Package cluster installs the chart in a Kubernetes cluster of one node, whose pods really run: `make test-cluster`. The node is this
// machine behind namespaces of its own (sandbox), with a real kubelet, containerd and control plane, and with no way out; everything in it
// ends with its first process.
//
// Not installed are the examples whose other half is not to be had here: production-cloudsql needs Google's proxy and its instance,
// production-cockroach a CockroachDB, production-mysql a MySQL, and production-hardened cert-manager, the Prometheus operator and a cluster
// of Redis. Network policies are not enforced by the node's bridge: test/chart asks them instead.
//
// A namespace, in which pods have to be restricted, belongs to each test. What the tests call is kubectl, helm and HTTP, as operators do.
package cluster
