package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// usageError is a call that cannot be meant: a wrong flag, a missing argument. It exits with status 2 and points to the
// help of the command.
type usageError struct {
	error
	command string
}

func (e usageError) Unwrap() error { return e.error }

// none takes no arguments.
func none(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("unexpected argument %q", args[0]), cmd.CommandPath()}
	}
	return nil
}

// exactly takes as many arguments as what has words for, which say what they are.
func exactly(what ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < len(what) {
			return usageError{errors.New("an argument is missing: " + what[len(args)]), cmd.CommandPath()}
		}
		return none(cmd, args[len(what):])
	}
}

// atMostOne takes one argument or none.
func atMostOne(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return none(cmd, args[1:])
}

// several takes one argument or more.
func several(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usageError{errors.New("an argument is missing: one or more of " + what), cmd.CommandPath()}
		}
		return nil
	}
}

func unknownCommand(cmd *cobra.Command, word string) error {
	meant := ""
	if cmd.SuggestionsMinimumDistance == 0 {
		cmd.SuggestionsMinimumDistance = 2
	}
	if near := cmd.SuggestionsFor(word); len(near) > 0 {
		meant = "; did you mean " + strings.Join(near, " or ") + "?"
	}
	return usageError{fmt.Errorf("unknown command %q for %q%s", word, cmd.CommandPath(), meant), cmd.CommandPath()}
}
