package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// commands gives every command of the tree.
func commands(root *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{root}
	for _, c := range root.Commands() {
		all = append(all, commands(c)...)
	}
	return all
}

func TestEveryCommandExplainsItself(t *testing.T) {
	all := commands(newRoot())
	if len(all) < 25 {
		t.Fatalf("only %d commands were found", len(all))
	}
	for _, c := range all {
		path := strings.Fields(c.CommandPath())[1:]
		t.Run(strings.Join(path, " "), func(t *testing.T) {
			help := works(t, "", append(path, "--help")...)
			if c.Short == "" || !strings.Contains(help, "Examples:") {
				t.Errorf("no sentence or no example:\n%s", help)
			}
			if byHelp := works(t, "", append([]string{"help"}, path...)...); byHelp == "" {
				t.Error("`gatehouse help` says nothing of it")
			}
			for _, line := range exampleCalls(c.Example) {
				parses(t, line)
			}
		})
	}
}

// exampleCalls takes an example apart into the calls of this command in it.
func exampleCalls(example string) [][]string {
	var calls [][]string
	for line := range strings.Lines(regexp.MustCompile(`\\\n\s*`).ReplaceAllString(example, " ")) {
		line, _, _ = strings.Cut(line, "   ") // what follows explains
		for part := range strings.FieldsFuncSeq(line, func(r rune) bool { return strings.ContainsRune("|<>()", r) }) {
			words := shellWords(part)
			if at := slices.Index(words, "gatehouse"); at >= 0 {
				calls = append(calls, words[at+1:])
			}
		}
	}
	return calls
}

// shellWords splits as a shell does, as far as examples need it: double quotes keep words together.
func shellWords(line string) []string {
	var words []string
	for i, part := range strings.Split(line, `"`) {
		if i%2 == 1 {
			words = append(words, part)
			continue
		}
		words = append(words, strings.Fields(part)...)
	}
	return words
}

// parses checks that a call names a command, flags that it has and arguments that it takes.
func parses(t *testing.T, args []string) {
	t.Helper()
	c, rest, err := newRoot().Find(args)
	if err != nil {
		t.Errorf("%q: %v", args, err)
		return
	}
	if err := c.ParseFlags(rest); err != nil {
		t.Errorf("%q: %v", args, err)
		return
	}
	if c.HasSubCommands() {
		t.Errorf("%q names no command", args)
	}
	if err := c.ValidateArgs(c.Flags().Args()); err != nil {
		t.Errorf("%q: %v", args, err)
	}
}

func TestExamplesAreFound(t *testing.T) {
	calls := exampleCalls(createClient().Example)
	if len(calls) != 2 || !slices.Contains(calls[0], "Batch job") || !slices.Contains(calls[1], "http://127.0.0.1:5555/callback") {
		t.Errorf("the examples of `clients create` read as %q", calls)
	}
}

func TestWrongUsage(t *testing.T) {
	for _, c := range []struct {
		args  []string
		words []string
	}{
		{[]string{"foo"}, []string{`unknown command "foo"`, "`gatehouse --help`"}},
		{[]string{"client", "list"}, []string{"did you mean clients?"}},
		{[]string{"clients", "creat"}, []string{"did you mean create?", "`gatehouse clients --help`"}},
		{[]string{"help", "nope"}, []string{`unknown command "nope"`}},
		{[]string{"help", "clients", "nope"}, []string{`unknown command "nope" for "gatehouse clients"`}},
		{[]string{"--nope"}, []string{"unknown flag: --nope"}},
		{[]string{"clients", "list", "--nope"}, []string{"unknown flag: --nope", "`gatehouse clients list --help`"}},
		{[]string{"clients", "list", "extra"}, []string{`unexpected argument "extra"`}},
		{[]string{"clients", "get"}, []string{"an argument is missing: the client's ID"}},
		{[]string{"clients", "get", "a", "b"}, []string{`unexpected argument "b"`}},
		{[]string{"clients", "delete"}, []string{"an argument is missing"}},
		{[]string{"clients", "update", "a"}, []string{"nothing to change"}},
		{[]string{"clients", "update", "a", "--id", "b"}, []string{"unknown flag: --id"}},
		{[]string{"clients", "create", "--file", "-", "--secret-file", "-"}, []string{"cannot both be standard input"}},
		{[]string{"clients", "create", "--format", "xml"}, []string{"table, json, json-pretty, yaml"}},
		{[]string{"clients", "list", "--endpoint", "localhost:4445"}, []string{"--endpoint", "http://127.0.0.1:4445"}},
		{[]string{"clients", "list", "--client-cert", "a.pem"}, []string{"--client-cert and --client-key go together"}},
		{[]string{"serve", "now"}, []string{`unexpected argument "now"`}},
		{[]string{"perform", "client-credentials"}, []string{"--client-id is missing", "gatehouse clients create"}},
		{[]string{"perform", "client-credentials", "--client-id", "a"}, []string{"GATEHOUSE_CLIENT_SECRET"}},
		{[]string{"perform", "client-credentials", "--client-id", "a", "--auth-method", "x"}, []string{"client_secret_basic"}},
		{[]string{"completion", "tcsh"}, []string{"bash, zsh, fish, powershell"}},
		{[]string{"introspect"}, []string{"no token on standard input"}},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			t.Setenv(clientSecretVariable, "")
			r := call(t, "", c.args...)
			fails(t, r, 2, append(c.words, "--help` for what it takes")...)
			if r.out != "" {
				t.Errorf("standard output is not empty: %s", r.out)
			}
		})
	}
}

// A secret that somebody wrote where it does not belong is at least not repeated.
func TestWrongUsageKeepsSecrets(t *testing.T) {
	for _, args := range [][]string{
		{"introspect", "gh_at_hidden.hidden"},
		{"clients", "list", "--endpoint", "https://admin:hidden@example.com"},
		{"clients", "list", "--endpoint", "https://example.com?key=hidden"},
		{"perform", "client-credentials", "--client-id", "a", "--auth-method", "none", "--issuer", "https://a:hidden@example.com"},
	} {
		r := call(t, "", args...)
		fails(t, r, 2)
		if strings.Contains(r.errs+r.out, "hidden") {
			t.Errorf("%q is answered by %s", args, r.errs)
		}
	}
}

// Process arguments are readable by everybody on the machine, so no flag takes a secret.
func TestNoFlagTakesASecret(t *testing.T) {
	for _, c := range commands(newRoot()) {
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			for _, word := range []string{"secret", "password", "token", "key", "dsn"} {
				if strings.Contains(f.Name, word) && !slices.Contains([]string{"secret-file", "client-key", "token-endpoint-auth-method", "access-token-strategy", "token-file", "password-file", "admin-key-file"}, f.Name) {
					t.Errorf("%s --%s", c.CommandPath(), f.Name)
				}
			}
		})
	}
}

func TestCompletionAndVersion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if out := works(t, "", "completion", shell); !strings.Contains(out, "gatehouse") {
			t.Errorf("the script for %s does not name the command", shell)
		}
	}
	if out := works(t, "", "version"); strings.TrimSpace(out) != version {
		t.Errorf("version prints %q", out)
	}
	if out := works(t, ""); !strings.Contains(out, "Available Commands:") {
		t.Errorf("without arguments there is no help: %s", out)
	}
}
