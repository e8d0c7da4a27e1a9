// Command gatehouse-controller makes Kubernetes resources true on a Gatehouse server: see docs/kubernetes.md.
//
// It is a program of its own, so that the server's pods need no Kubernetes credentials and its binary no Kubernetes client.
package main
