package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal gives the two ends of a terminal: where a person types, and what the command reads.
func terminal(t *testing.T) (person, command *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = person.Close() })
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if command, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Close() })
	return person, command
}

func shows(t *testing.T, f *os.File) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

func TestAsk(t *testing.T) {
	person, command := terminal(t)
	if !isTerminal(command) {
		t.Fatal("a terminal is not taken for one")
	}
	if f, err := os.Open(os.DevNull); err != nil || isTerminal(f) {
		t.Errorf("a file is taken for a terminal: %v", err)
	}
	var prompt bytes.Buffer
	if _, err := person.WriteString("p@ss wörd\n"); err != nil {
		t.Fatal(err)
	}
	got, err := ask(t.Context(), command, &prompt, "Password: ")
	if err != nil || got != "p@ss wörd" || prompt.String() != "Password: \n" || !shows(t, command) {
		t.Errorf("%q, %v after %q", got, err, prompt.String())
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := ask(ended, command, &prompt, "Password: "); !errors.Is(err, context.Canceled) || !shows(t, command) {
		t.Errorf("after Ctrl-C: %v", err)
	}
}
