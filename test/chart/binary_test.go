package chart

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/test/mortal"
	"github.com/gatehouse-iam/gatehouse/test/process"
)

// directory is the home of programs.
var directory string

func TestMain(m *testing.M) {
	mortal.Main()
	debug.SetGCPercent(400) // templates leave much behind that nobody needs a moment later
	var err error
	if directory, err = os.MkdirTemp("", "gatehouse-chart"); err != nil {
		panic(err)
	}
	process.Main(m, func() {
		if started != nil {
			_ = started.Stop() // the API server first, then etcd
			_ = os.RemoveAll(mortals)
		}
		_ = os.RemoveAll(directory)
	})
}

// gatehouse runs a command of the server with an input and secrets in its environment, and gives what it printed and its status.
func gatehouse(t *testing.T, input string, args ...string) (string, int) {
	t.Helper()
	return program(t, process.Binary(t), input, args...)
}

// controller runs a command of the controller.
func controller(t *testing.T, args ...string) (string, int) {
	t.Helper()
	return program(t, process.Controller(t), "", args...)
}

func program(t *testing.T, path, input string, args ...string) (string, int) {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &out, &out
	cmd.Env = []string{"HOME=" + directory, "PATH=/nonexistent", "GATEHOUSE_SECRETS_SYSTEM=q7Zt4LkP9wXc2VbN8mRfYh3G", "GATEHOUSE_SECRETS_COOKIE=Hs5Jd3Gy6Ue1Ao0TiCxKw8Mn", "GATEHOUSE_OAUTH_PAIRWISE_SALT=Wn4Fb7Rk1Qz8Xs2L", "GATEHOUSE_ACCESS_GEOIP_LICENSE_KEY=Yt6Mv3Hc9Bd5Lp1K"}
	err := cmd.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	return out.String(), cmd.ProcessState.ExitCode()
}
