package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gatehouse-iam/gatehouse/internal/app"
	"github.com/gatehouse-iam/gatehouse/internal/config"
)

func provisionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "provision", Short: "Make the databases of the configuration, their users and rights on a database server",
		Long: `Make what the configuration's databases need on their PostgreSQL, MySQL, MariaDB or CockroachDB server: the databases,
their users with the configured passwords, ownership and rights, and nothing for anybody else. What is there and right is
left alone, so it may run before every start; a second run changes nothing.

It signs in as databases.provisioning.user, which --user overrides, else as the databases' own user. That needs no superuser: on
PostgreSQL CREATEDB, and CREATEROLE where users or passwords are to be made; on MySQL CREATE, CREATE USER and the rights that
are handed on, with grant option. The administrator's password comes from --password-file, from
databases.provisioning.password, or is asked for on the terminal.

The tables are made after that by "gatehouse migrate up", or by the server when it starts.`,
		Example: `  gatehouse provision -c gatehouse.yaml --dry-run
  gatehouse provision -c gatehouse.yaml --user dba --password-file /run/secrets/dba
  gatehouse provision -c gatehouse.yaml --print-sql > for-the-dba.sql`,
		Args: none,
		RunE: provisionDatabases,
	}
	addConfigFlag(cmd)
	f := cmd.Flags()
	f.String("user", "", "administrator who signs in; default is databases.provisioning.user")
	f.String("password-file", "", "file with the administrator's password, - for standard input")
	f.Bool("dry-run", false, "sign in, say what would be done, and change nothing")
	f.Bool("print-sql", false, "print the SQL for an empty server, for somebody else to run; signs in nowhere")
	f.Bool("reveal", false, "with --print-sql: put the passwords in (PostgreSQL: their SCRAM verifiers)")
	addWaitFlag(cmd)
	return cmd
}

func provisionDatabases(cmd *cobra.Command, _ []string) error {
	f := cmd.Flags()
	printed, _ := f.GetBool("print-sql")
	reveal, _ := f.GetBool("reveal")
	if reveal && !printed {
		return usageError{errors.New("--reveal goes with --print-sql"), cmd.CommandPath()}
	}
	cfg, err := loadConfig(cmd, config.ReadDatabases)
	if err != nil {
		return err
	}
	if printed {
		return app.ProvisionScript(cfg, reveal, cmd.OutOrStdout())
	}
	o := app.ProvisionOptions{}
	o.User, _ = f.GetString("user")
	o.DryRun, _ = f.GetBool("dry-run")
	if o.Wait, err = patienceOf(cmd); err != nil {
		return err
	}
	if name, _ := f.GetString("password-file"); name != "" {
		if o.Password, err = passwordFrom(cmd, name); err != nil {
			return err
		}
	}
	if terminal, ok := cmd.InOrStdin().(*os.File); ok && isTerminal(terminal) {
		o.Ask = func(user string) (string, error) {
			return ask(cmd.Context(), terminal, cmd.ErrOrStderr(), fmt.Sprintf("Password of the administrator %s: ", user))
		}
	}
	return app.Provision(cmd.Context(), cfg, o, cmd.OutOrStdout())
}

// passwordFrom reads a password from a file, or from standard input.
func passwordFrom(cmd *cobra.Command, name string) (string, error) {
	in := cmd.InOrStdin()
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return "", fmt.Errorf("--password-file: %w", err)
		}
		defer func() { _ = file.Close() }()
		in = file
	}
	const most = 64 << 10
	content, err := io.ReadAll(io.LimitReader(in, most))
	password := strings.TrimRight(string(content), "\r\n")
	if err == nil && password == "" {
		err = errors.New("there is no password in it")
	}
	if err != nil {
		return "", fmt.Errorf("--password-file %s: %w", name, err)
	}
	return password, nil
}

// ask reads a line from a terminal that does not show it. When ctx ends it gives up, so that Ctrl-C leaves no terminal behind that
// shows nothing.
func ask(ctx context.Context, terminal *os.File, prompt io.Writer, question string) (string, error) {
	show, err := hide(terminal)
	if err != nil {
		return "", err
	}
	defer show()
	_, _ = fmt.Fprint(prompt, question)
	defer func() { _, _ = fmt.Fprintln(prompt) }()
	type answer struct {
		line string
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		line, err := readLine(terminal)
		answered <- answer{line, err}
	}()
	select {
	case a := <-answered:
		return a.line, a.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// readLine reads byte by byte: what follows the line belongs to whoever reads next.
func readLine(in io.Reader) (string, error) {
	var line []byte
	for one := make([]byte, 1); ; {
		n, err := in.Read(one)
		switch {
		case n == 1 && one[0] != '\n':
			line = append(line, one[0])
		case n == 1 || errors.Is(err, io.EOF):
			return strings.TrimRight(string(line), "\r"), nil
		case err != nil:
			return "", err
		}
	}
}
