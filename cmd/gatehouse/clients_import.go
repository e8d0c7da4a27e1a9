package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/gatehouse-iam/gatehouse/internal/apiclient"
)

func importClients() *cobra.Command {
	return &cobra.Command{
		Use: "import FILE", Short: "Register clients from JSON: one object, a list, or one object a line; - is standard input",
		Long: `Register every client of a file. A file that cannot be read to its end registers nothing. A client that the server
refuses is reported and does not keep the others from being registered; the exit status is then 1. The secrets that the
server made are shown this once: keep the output.`,
		Example: "  gatehouse clients import clients.json\n  gatehouse clients list --format json | gatehouse clients import - --endpoint http://127.0.0.1:5445",
		Args:    exactly("the file's name, or -"),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := newAPI(cmd)
			if err != nil {
				return err
			}
			content, err := readInput(cmd, args[0])
			if err != nil {
				return err
			}
			list, err := readClients(content)
			if err != nil {
				return fmt.Errorf("%s: %w; nothing was registered", args[0], err)
			}
			made, err := a.register(cmd, list)
			columns := append([]column{clientColumns[0], clientColumns[1]}, clientListColumns[1:]...)
			return errors.Join(showList(cmd, columns, made), err)
		},
	}
}

// register sends one client after another. It goes on after one that the server refuses, and ends when the server cannot
// be reached.
func (a *api) register(cmd *cobra.Command, list []json.RawMessage) (made []document, err error) {
	refusals := 0
	for i, c := range list {
		var answer document
		_, err := a.send(cmd.Context(), http.MethodPost, clients.path, c, &answer)
		var no *refusal
		switch {
		case err == nil:
			made = append(made, answer)
		case errors.As(err, &no) && no.Status != http.StatusUnauthorized:
			refusals++
			fmt.Fprintf(cmd.ErrOrStderr(), "client %d%s: %s\n", i+1, called(c), legible(err))
		default:
			return made, fmt.Errorf("client %d%s: %w\n%d of %d clients were registered", i+1, called(c), err, len(made), len(list))
		}
	}
	if refusals > 0 {
		return made, fmt.Errorf("%d of %d clients were not registered", refusals, len(list))
	}
	return made, nil
}

// called names a client by what its own document says.
func called(client json.RawMessage) string {
	var names struct {
		ID   string `json:"client_id"`
		Name string `json:"client_name"`
	}
	_ = json.Unmarshal(client, &names)
	for _, name := range []string{names.ID, names.Name} {
		if name != "" {
			return " (" + printable(name) + ")"
		}
	}
	return ""
}

// readClients takes a file apart into clients. What a client is, the server decides.
func readClients(content []byte) ([]json.RawMessage, error) {
	if content = bytes.TrimSpace(content); len(content) == 0 {
		return nil, errors.New("it is empty")
	}
	var list []json.RawMessage
	if content[0] == '[' {
		if err := apiclient.Decode(bytes.NewReader(content), &list); err != nil {
			return nil, fmt.Errorf("not a JSON list: %w", err)
		}
		return list, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	for {
		var c json.RawMessage
		switch err := decoder.Decode(&c); {
		case errors.Is(err, io.EOF):
			return list, nil
		case err != nil:
			return nil, fmt.Errorf("object %d is not JSON: %w", len(list)+1, err)
		}
		list = append(list, c)
	}
}
