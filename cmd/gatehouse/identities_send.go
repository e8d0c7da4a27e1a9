package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/gatehouse-iam/gatehouse/internal/apiclient"
)

// send creates the batch and reports what the server refuses of it. A batch that began without passwords in the clear may
// have grown beyond what the server takes with one, so it goes in parts.
func (in *importing) send(ctx context.Context, errs io.Writer, a *api) error {
	size := importBatch
	if in.hashing {
		size = hashingBatch
	}
	for len(in.entries) > 0 {
		part := in.entries[:min(size, len(in.entries))]
		if err := in.create(ctx, errs, a, part); err != nil {
			return err
		}
		in.entries = in.entries[len(part):]
	}
	in.entries, in.hashing = nil, false
	return nil
}

func (in *importing) create(ctx context.Context, errs io.Writer, a *api, part []importEntry) error {
	type patch struct {
		Create json.RawMessage `json:"create"`
	}
	body := struct {
		Identities []patch `json:"identities"`
	}{make([]patch, len(part))}
	for i, e := range part {
		body.Identities[i].Create = e.text
	}
	var answer importAnswer
	_, err := a.send(ctx, http.MethodPatch, identities.path, body, &answer)
	if no, ok := errors.AsType[*refusal](err); ok {
		switch {
		case json.Unmarshal(no.Details, &answer) == nil && len(answer.Identities) == len(part):
			err = nil // a batch of which nothing was created is refused as a whole, with the same list in the details
		case no.Status == http.StatusBadRequest || no.Status == http.StatusRequestEntityTooLarge:
			return in.narrow(ctx, errs, a, part, no)
		}
	}
	if err != nil {
		return fmt.Errorf("lines %d to %d: %w", part[0].line, part[len(part)-1].line, err)
	}
	return in.tally(errs, part, answer)
}

// importAnswer is what became of each identity of a batch.
type importAnswer struct {
	Identities []struct {
		Action string
		Error  struct{ Message, Reason string }
	}
}

// tally counts what was created and reports what was refused.
func (in *importing) tally(errs io.Writer, part []importEntry, answer importAnswer) error {
	if len(answer.Identities) != len(part) {
		return fmt.Errorf("the server answered for %d of %d identities; is --endpoint right?", len(answer.Identities), len(part))
	}
	for i, one := range answer.Identities {
		if one.Action == "create" {
			in.mark.Created++
			continue
		}
		in.mark.Refused++
		said := apiclient.Refusal{Message: one.Error.Message, Reason: one.Error.Reason}
		if err := in.refuse(errs, part[i], said.Said()); err != nil {
			return err
		}
	}
	return nil
}

// narrow finds the lines for which the server did not look at the others of a batch that it cannot read.
func (in *importing) narrow(ctx context.Context, errs io.Writer, a *api, part []importEntry, no *refusal) error {
	if len(part) == 1 {
		in.mark.Refused++
		return in.refuse(errs, part[0], no.Said())
	}
	half := len(part) / 2
	if err := in.create(ctx, errs, a, part[:half]); err != nil {
		return err
	}
	return in.create(ctx, errs, a, part[half:])
}

func (in *importing) refuse(errs io.Writer, e importEntry, reason string) error {
	in.bar.clear()
	_, _ = fmt.Fprintf(errs, "line %d: %s\n", e.line, printable(reason))
	if in.report == nil {
		return nil
	}
	encoded, err := json.Marshal(map[string]any{"line": e.line, "error": reason, "identity": e.text})
	if err != nil {
		return err
	}
	_, err = in.report.Write(append(encoded, '\n'))
	return err
}

// importable turns an identity as the API shows it into one that can be created: without what the server gives to each, and
// of the credentials only what they are made from. Identities that were written to be imported stay as they are.
func importable(text []byte) json.RawMessage {
	var members map[string]json.RawMessage
	if json.Unmarshal(text, &members) != nil || members["id"] == nil {
		return text
	}
	for _, given := range []string{"id", "schema_url", "state_changed_at", "created_at", "updated_at"} {
		delete(members, given)
	}
	var credentials map[string]map[string]json.RawMessage
	if json.Unmarshal(members["credentials"], &credentials) == nil {
		for kind, c := range credentials {
			// Who signs in by a code has nothing but the address, which the schema names.
			if credentials[kind] = map[string]json.RawMessage{"config": c["config"]}; c["config"] == nil || kind == "code" {
				delete(credentials, kind)
			}
		}
		var err error
		if members["credentials"], err = json.Marshal(credentials); err != nil {
			return text // which the server then refuses
		}
	}
	created, err := json.Marshal(members)
	if err != nil {
		return text
	}
	return created
}
