package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// refusal is an error answer of the server.
type refusal struct {
	status                   int
	message, requestID, hint string
	reason                   string // the part of the message that says what is wrong in particular
	details                  json.RawMessage
}

func (r *refusal) Error() string {
	text := fmt.Sprintf("the server answered HTTP %d: %s", r.status, printable(r.message))
	if r.requestID != "" {
		text += " (request " + printable(r.requestID) + " in its log)"
	}
	if r.hint != "" {
		text += "\n" + r.hint
	}
	return text
}

// refused turns an error answer into a sentence, whatever its shape: OAuth's and Hydra's
// {"error":"…","error_description":"…"}, Kratos' {"error":{"message":"…"}}, or a page of some proxy.
func refused(resp *http.Response, body []byte, flag string) *refusal {
	var answer struct {
		Error       json.RawMessage `json:"error"`
		Description string          `json:"error_description"`
		RequestID   string          `json:"request_id"`
	}
	_ = json.Unmarshal(body, &answer)
	var parts []string
	var word, reason string
	var object struct {
		Message, Reason, Request string
		Details                  json.RawMessage
	}
	switch {
	case json.Unmarshal(answer.Error, &word) == nil:
		parts = []string{word, answer.Description}
	case json.Unmarshal(answer.Error, &object) == nil:
		parts = []string{object.Message, object.Reason}
		reason = object.Reason
		answer.RequestID = object.Request
	}
	r := &refusal{status: resp.StatusCode, message: joinWords(parts), requestID: answer.RequestID, reason: reason, details: object.Details}
	if r.message == "" {
		r.message = strings.ToLower(http.StatusText(resp.StatusCode)) + ", without an explanation"
		r.hint = "Is " + flag + " right?"
	}
	return r
}

func joinWords(parts []string) string {
	var said []string
	for _, p := range parts {
		if p = strings.TrimSpace(p); p != "" {
			said = append(said, p)
		}
	}
	return strings.Join(said, ": ")
}
