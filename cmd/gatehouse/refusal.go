package main

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/apiclient"
)

// refusal is an error answer of the server, and what to do about it.
type refusal struct {
	*apiclient.Refusal

	hint string
}

func refused(no *apiclient.Refusal, flag string) *refusal {
	r := &refusal{Refusal: no}
	if no.Said() == "" {
		no.Message = strings.ToLower(http.StatusText(no.Status)) + ", without an explanation"
		r.hint = "Is " + flag + " right?"
	}
	return r
}

// Error implements error.
func (r *refusal) Error() string {
	text := fmt.Sprintf("the server answered HTTP %d: %s", r.Status, printable(r.Said()))
	if r.Request != "" {
		text += " (request " + printable(r.Request) + " in its log)"
	}
	if r.hint != "" {
		text += "\n" + r.hint
	}
	return text
}
