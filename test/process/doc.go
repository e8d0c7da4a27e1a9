// Package process starts the real server binary for black-box tests: a process of its own, on free loopback ports, with
// its data in the test's temporary directory. Nothing of the server's code runs inside the test. What processes print
// is looked through for secrets at the place that starts them.
package process
