// Package cluster installs the chart in a Kubernetes cluster of one node, whose pods really run: `make test-cluster`. The node is this
// machine behind namespaces of its own (sandbox), with a real kubelet, containerd and control plane, and with no way out; everything in it
// ends with its first process.
//
// What examples want from the world is on the node: PostgreSQL, MariaDB, a cluster of Redis, and behind names of the Internet object stores, a
// schema and a collector of events. They are processes beside the pods (database, redis, outside, backup), reached as if they were elsewhere.
//
// Of two examples the other half cannot run here, and something stands in for it: for a CockroachDB a PostgreSQL that says that it is one
// (cockroach), and for Google, behind its own Cloud SQL proxy, a server that gives tokens, certificates and an instance (cloudsql). Of
// production-hardened all pods run, but cert-manager, the Prometheus operator and a source of metrics are not there: the test makes the
// Secrets of the certificates, and the autoscaler keeps to the fewest pods. Nor is there a gateway or an Ingress controller: what leads to
// them is made, and nobody acts on it.
// Network policies are not enforced by the node's bridge: test/chart asks them instead.
//
// A namespace in which pods have to be restricted belongs to each test. What the tests call is kubectl, helm and HTTP, as operators do.
package cluster
