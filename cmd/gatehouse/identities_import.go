package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
)

// The server takes so many identities in one request, and fewer when it has to hash their passwords.
const (
	importBatch  = 1000
	hashingBatch = 200
	// longestLine bounds one identity of a file.
	longestLine = 4 << 20
)

func importIdentities() *cobra.Command {
	cmd := &cobra.Command{
		Use: "import FILE", Short: "Create identities from a file with one JSON object a line",
		Long: `Create every identity of a file: one JSON object a line, as POST /admin/identities takes it, credentials with
hashed passwords included. What the server refuses, such as a duplicate, and what is no JSON object is reported with its line
and does not keep the others from being created; the exit status is then 1.

How far it came is kept beside the file, in FILE.progress, after each batch. An import that was interrupted goes on from
there when it is started again; a batch that was on its way may then be reported as duplicates. --restart begins anew.

A list of ` + "`identities list --format json`" + ` becomes such a file with ` + "`jq -c '.[]'`" + `; credentials are in it that the list was asked
for with --include-credential. Imported identities get IDs of their own; ` + "`jq -c '.[] | .external_id //= .id'`" + ` keeps the former ones.`,
		Example: "  gatehouse identities import people.jsonl\n  gatehouse identities import people.jsonl --report refused.jsonl",
		Args:    exactly("the file's name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := newAPI(cmd)
			if err != nil {
				return err
			}
			restart, _ := cmd.Flags().GetBool("restart")
			in, err := openImport(args[0], restart)
			if err != nil {
				return err
			}
			defer func() { _ = in.file.Close() }()
			if report, _ := cmd.Flags().GetString("report"); report != "" {
				if in.report, err = os.OpenFile(report, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
					return fmt.Errorf("--report: %w", err)
				}
				defer func() { _ = in.report.Close() }()
			}
			return in.run(cmd, a)
		},
	}
	cmd.Flags().Bool("restart", false, "begin with the first line, whatever an earlier import of the file did")
	cmd.Flags().String("report", "", "file to append what was refused to: one JSON object a line with line, error and identity, to be mended and imported again")
	return cmd
}

// importing is an import on its way through a file.
type importing struct {
	name    string
	file    *os.File
	size    int64
	report  *os.File
	bar     *progress
	entries []importEntry
	hashing bool // one of the entries has a password in the clear

	mark importMark
}

// importMark is what FILE.progress holds: where the next line begins, and what became of those before.
type importMark struct {
	Size    int64 `json:"size"` // of the file, to know it again
	Offset  int64 `json:"offset"`
	Line    int   `json:"line"`
	Created int   `json:"created"`
	Refused int   `json:"refused"`
}

type importEntry struct {
	line int
	text json.RawMessage
}

func openImport(name string, restart bool) (*importing, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is not a file; an import goes on where it was interrupted, and only in a file can it find that place")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), file.Close())
	}
	in := &importing{name: name, file: file, size: info.Size(), mark: importMark{Size: info.Size()}}
	if restart {
		return in, nil
	}
	if err := in.resume(); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return in, nil
}

func (in *importing) markName() string { return in.name + ".progress" }

// resume goes to where an earlier import of the same file stopped.
func (in *importing) resume() error {
	content, err := os.ReadFile(in.markName())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var m importMark
	if err := json.Unmarshal(content, &m); err != nil || m.Size != in.size || m.Offset > in.size {
		return fmt.Errorf("%s belongs to another state of %s: remove it, or begin anew with --restart", in.markName(), in.name)
	}
	in.mark = m
	_, err = in.file.Seek(m.Offset, io.SeekStart)
	return err
}

func (in *importing) run(cmd *cobra.Command, a *api) error {
	errs := cmd.ErrOrStderr()
	if in.mark.Line > 0 {
		_, _ = fmt.Fprintf(errs, "going on after line %d; %d were created and %d refused before\n", in.mark.Line, in.mark.Created, in.mark.Refused)
	}
	in.bar = newProgress(errs, "importing", in.size, in.mark.Offset)
	if err := in.lines(cmd.Context(), errs, a); err != nil {
		in.bar.clear()
		return fmt.Errorf("%w\n%d were created so far; start the same command again to go on after line %d", err, in.mark.Created, in.mark.Line)
	}
	in.bar.end(in.size, in.counts())
	if in.mark.Refused > 0 {
		return fmt.Errorf("%d of %d identities were not created", in.mark.Refused, in.mark.Refused+in.mark.Created)
	}
	return nil
}

func (in *importing) counts() string {
	return fmt.Sprintf("%d created, %d refused", in.mark.Created, in.mark.Refused)
}

// lines reads to the end of the file and sends a batch whenever one is full.
func (in *importing) lines(ctx context.Context, errs io.Writer, a *api) error {
	reader := bufio.NewReaderSize(in.file, 1<<20)
	offset, line := in.mark.Offset, in.mark.Line
	for {
		text, err := reader.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		last := err != nil
		if len(text) > longestLine {
			return fmt.Errorf("line %d is longer than %d MiB; is this one object a line?", line+1, longestLine>>20)
		}
		if len(text) > 0 {
			line++
			offset += int64(len(text))
			if err := in.take(errs, line, bytes.TrimSpace(text)); err != nil {
				return err
			}
		}
		if !last && !in.full() {
			continue
		}
		if err := in.send(ctx, errs, a); err != nil {
			return err
		}
		in.mark.Offset, in.mark.Line = offset, line
		if err := in.remember(); err != nil || last {
			return err
		}
		in.bar.at(offset, in.counts())
	}
}

// take puts a line into the batch. A file whose first line is no object is of another kind, such as one array of all.
func (in *importing) take(errs io.Writer, line int, text []byte) error {
	if len(text) == 0 {
		return nil
	}
	if text[0] != '{' || !json.Valid(text) {
		if line == 1 {
			return errors.New("line 1 is not a JSON object; this command takes one object a line")
		}
		quoted, err := json.Marshal(string(text))
		if err != nil {
			return err
		}
		in.mark.Refused++
		return in.refuse(errs, importEntry{line, quoted}, "It is not a JSON object.")
	}
	var secrets struct {
		Credentials struct {
			Password struct{ Config struct{ Password string } }
		}
	}
	_ = json.Unmarshal(text, &secrets) // what has another shape, the server refuses
	in.hashing = in.hashing || secrets.Credentials.Password.Config.Password != ""
	in.entries = append(in.entries, importEntry{line, importable(text)})
	return nil
}

func (in *importing) full() bool {
	return len(in.entries) >= importBatch || in.hashing && len(in.entries) >= hashingBatch
}

// remember writes the mark beside the file: whole or not at all, so that a crash leaves the one before.
func (in *importing) remember() error {
	encoded, err := json.Marshal(in.mark)
	if err != nil {
		return err
	}
	next := in.markName() + ".new"
	if err := os.WriteFile(next, append(encoded, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(next, in.markName())
}
