package cluster

import "testing"

// What somebody gets who tries the chart out: one command, and `helm test` says that tokens are given and people get in.
func TestDevelopment(t *testing.T) {
	s := newSpace(t, "development")
	s.install("-f", example("development.yaml"))
	s.helmTest()
}
