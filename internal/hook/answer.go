package hook

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// answer is what another service said.
type answer struct {
	status int
	body   []byte
}

// meaning tells what an answer asks for: changes to the identity, or messages for the person; otherwise it is a success or a
// failure.
func (a *answer) meaning(c Config) (*Patch, *ui.Invalid, error) {
	switch {
	case a.status == 200 && c.Response.Parse:
		patch, err := parsePatch(a.body)
		return patch, nil, err
	case a.status >= 200 && a.status < 300:
		return nil, nil, nil
	case a.status >= 400 && c.parses():
		invalid, err := parseMessages(a.body)
		if err != nil {
			return nil, nil, fmt.Errorf("status %d: %w", a.status, err)
		}
		return nil, invalid, nil
	case a.status >= 300 && a.status < 400:
		return nil, nil, fmt.Errorf("status %d: redirects are not followed; configure where it leads", a.status)
	default:
		return nil, nil, fmt.Errorf("status %d", a.status)
	}
}

// parsePatch reads the changes to an identity from an answer.
func parsePatch(body []byte) (*Patch, error) {
	var doc struct {
		Identity *struct {
			Patch

			ExternalID json.RawMessage `json:"external_id"`
		} `json:"identity"`
	}
	if strings.TrimSpace(string(body)) == "" {
		return nil, nil
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return nil, errors.New("the answer cannot be parsed: it must be {\"identity\": {…}}, or have the status 204")
	}
	if doc.Identity == nil {
		return nil, nil
	}
	if doc.Identity.State != "" && doc.Identity.State != "active" && doc.Identity.State != "inactive" {
		return nil, errors.New("the answer cannot be taken: identity.state must be active or inactive")
	}
	patch := &doc.Identity.Patch
	if raw := doc.Identity.ExternalID; raw != nil {
		// null takes the external id away, as "" does; only a missing member leaves it.
		patch.ExternalID = new(string)
		if err := json.Unmarshal(raw, patch.ExternalID); err != nil {
			return nil, errors.New("the answer cannot be taken: identity.external_id must be text or null")
		}
	}
	return patch, nil
}

// The bounds on what one answer may say to a person.
const (
	maxMessages    = 50
	maxMessageText = 2000
)

// parseMessages reads the messages to a person from an answer.
func parseMessages(body []byte) (*ui.Invalid, error) {
	var doc struct {
		Messages []struct {
			InstancePtr string    `json:"instance_ptr"`
			Messages    []ui.Text `json:"messages"`
		} `json:"messages"`
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return nil, errors.New("the answer cannot be parsed: it must be {\"messages\": […]}")
	}
	invalid := new(ui.Invalid)
	for _, field := range doc.Messages {
		for _, t := range field.Messages {
			if len(t.Text) > maxMessageText || len(invalid.Texts) == maxMessages {
				return nil, fmt.Errorf("the answer has more than %d messages, or one of more than %d bytes", maxMessages, maxMessageText)
			}
			if t.Type != ui.Error {
				t.Type = ui.Info
			}
			invalid.Add(dotted(field.InstancePtr), t)
		}
	}
	if len(invalid.Texts) == 0 {
		return nil, errors.New("the answer has no messages")
	}
	return invalid, nil
}

// dotted turns a JSON pointer (RFC 6901), with or without the # of a fragment, into the name of a field.
func dotted(pointer string) string {
	pointer = strings.TrimPrefix(strings.TrimPrefix(pointer, "#"), "/")
	names := strings.Split(pointer, "/")
	for i, name := range names {
		names[i] = strings.ReplaceAll(strings.ReplaceAll(name, "~1", "/"), "~0", "~")
	}
	return strings.Join(names, ".")
}
