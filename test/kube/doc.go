// Package kube drives the Kubernetes controller as clusters do: a real API server and etcd (scripts/kubernetes builds them once), the
// CRDs and the roles of deploy/, the controller and the server as processes of their own. A namespace, a server and a controller belong
// to each test, the API server to all.
//
// Nothing collects garbage here and no pod runs: what is tested is what the controller does with resources.
package kube
