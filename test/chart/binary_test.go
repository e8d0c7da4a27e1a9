package chart

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-iam/gatehouse/test/mortal"
)

// directory holds the server that is built for these tests.
var directory string

func TestMain(m *testing.M) {
	mortal.Main()
	var err error
	if directory, err = os.MkdirTemp("", "gatehouse-chart"); err != nil {
		panic(err)
	}
	status := m.Run()
	if started != nil {
		_ = started.Stop() // the API server first, then etcd
		_ = os.RemoveAll(mortals)
	}
	_ = os.RemoveAll(directory)
	os.Exit(status)
}

// build builds the programs as they are released, once.
var build = sync.OnceValues(func() (string, error) {
	cmd := exec.Command("scripts/build", directory+"/", "./cmd/gatehouse", "./cmd/gatehouse-controller")
	cmd.Dir = repository
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", errors.New(string(out))
	}
	return directory, nil
})

// gatehouse runs a command of the server with an input and secrets in its environment, and gives what it printed and its status.
func gatehouse(t *testing.T, input string, args ...string) (string, int) {
	t.Helper()
	return program(t, "gatehouse", input, args...)
}

// controller runs a command of the controller.
func controller(t *testing.T, args ...string) (string, int) {
	t.Helper()
	return program(t, "gatehouse-controller", "", args...)
}

func program(t *testing.T, name, input string, args ...string) (string, int) {
	t.Helper()
	programs, err := build()
	if err != nil {
		t.Fatalf("building the programs: %v", err)
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), filepath.Join(programs, name), args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &out, &out
	cmd.Env = []string{"HOME=" + directory, "PATH=/nonexistent", "GATEHOUSE_SECRETS_SYSTEM=q7Zt4LkP9wXc2VbN8mRfYh3G", "GATEHOUSE_SECRETS_COOKIE=Hs5Jd3Gy6Ue1Ao0TiCxKw8Mn", "GATEHOUSE_OAUTH_PAIRWISE_SALT=Wn4Fb7Rk1Qz8Xs2L", "GATEHOUSE_ACCESS_GEOIP_LICENSE_KEY=Yt6Mv3Hc9Bd5Lp1K"}
	err = cmd.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	return out.String(), cmd.ProcessState.ExitCode()
}
