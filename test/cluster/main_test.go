package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// directory is what this run may write to: scripts/test-cluster makes it, and has all programs found.
var directory = os.Getenv("GATEHOUSE_CLUSTER")

// patience is how long something is waited for that takes a few seconds on an idle machine.
const patience = 4 * time.Minute

func TestMain(m *testing.M) {
	if directory == "" {
		fmt.Fprintln(os.Stderr, "These tests run in a cluster of their own: make test-cluster")
		os.Exit(1)
	}
	begun := time.Now()
	// What is started here is not stopped: it ends with the sandbox.
	if err := startNode(context.Background()); err != nil {
		fmt.Fprintf(os.Stderr, "starting the node: %v\n", err)
		printLogs()
		os.Exit(1)
	}
	fmt.Printf("the node is ready after %.0f s\n", time.Since(begun).Seconds())
	os.Exit(m.Run())
}

// printLogs prints the ends of what the parts of the node wrote.
func printLogs() {
	logs, _ := filepath.Glob(filepath.Join(directory, "log", "*"))
	for _, path := range logs {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		fmt.Fprintf(os.Stderr, "--- %s\n%s\n", filepath.Base(path), raw[max(0, len(raw)-2000):])
	}
}
