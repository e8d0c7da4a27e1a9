// Package cluster installs the chart in a Kubernetes cluster of one node, whose pods really run: `make test-cluster`. The node is this
// machine behind namespaces of its own (sandbox), with a real kubelet, containerd and control plane, and with no way out; everything in it
// ends with its first process.
//
// A namespace, in which pods have to be restricted, belongs to each test. What the tests call is kubectl, helm and HTTP, as operators do.
package cluster
