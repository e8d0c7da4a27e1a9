package activity

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/actor"
	"github.com/gatehouse-iam/gatehouse/internal/spell"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// Event is one thing that happened. Its JSON is what the log keeps and exports send; members are only ever added.
type Event struct {
	// ID is a UUIDv7. Where an event comes twice, in an export for example, it is the same.
	ID string `json:"id"`
	// Time is when it happened: UTC, in microseconds.
	Time time.Time `json:"time"`
	// Tenant is whose data it is about.
	Tenant tenant.ID `json:"tenant"`
	// Action says what happened.
	Action Action `json:"action"`
	// Actor did it.
	Actor Party `json:"actor"`
	// Subject is what it was done to.
	Subject Party `json:"subject,omitzero"`
	// Address is the client's, and RequestID the answer's X-Request-Id; empty where no request asked for it.
	Address   string `json:"address,omitempty"`
	RequestID string `json:"request_id,omitempty"`
	// Before and After are what was changed: JSON objects with the members that differ, secrets as "[redacted]".
	Before json.RawMessage `json:"before,omitempty"`
	After  json.RawMessage `json:"after,omitempty"`
	// Detail has what else is worth knowing, by words of the action's, such as "method" and "reason".
	Detail map[string]string `json:"detail,omitempty"`
	// Cut says that Before and After were left out because they were too large.
	Cut bool `json:"cut,omitempty"`
}

// Party is an actor or a subject.
type Party struct {
	// Kind is one of package actor's for actors, and what the thing is for subjects: "identity", "client", "session" …
	Kind string `json:"kind"`
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
}

// By turns an actor into a party.
func By(a actor.Actor) Party { return Party{Kind: string(a.Kind), ID: a.ID, Name: a.Name} }

// Identity is an identity as the subject or the actor of an event.
func Identity(id string) Party { return Party{Kind: string(actor.Identity), ID: id} }

// Client is an OAuth client as the subject or the actor of an event.
func Client(id string) Party { return Party{Kind: string(actor.Client), ID: id} }

// System is a part of the server as an actor.
func System(part string) Party { return Party{Kind: string(actor.System), ID: part} }

const (
	// maxDocument bounds a line; what is larger goes without before and after.
	maxDocument = 32 << 10
	// maxWord bounds ids and details, which may be a stranger's words: bytes.
	maxWord = 512
	// maxKey is how much of an id is searched for: characters.
	maxKey = 191
)

var errTooLarge = errors.New("activity: an event is too large even without what was before and after")

// Document gives the JSON of an event that is complete, for those who keep it in rows of their own.
func (e Event) Document() ([]byte, error) {
	e.Time = e.Time.UTC().Truncate(time.Microsecond)
	for _, p := range []*string{&e.Actor.ID, &e.Actor.Name, &e.Subject.ID, &e.Subject.Name, &e.RequestID} {
		*p = spell.Fit(*p, maxWord)
	}
	if len(e.Detail) > 0 {
		detail := make(map[string]string, len(e.Detail))
		for k, v := range e.Detail {
			detail[k] = spell.Fit(v, maxWord)
		}
		e.Detail = detail
	}
	document, err := json.Marshal(e)
	if err == nil && len(document) > maxDocument {
		e.Before, e.After, e.Cut = nil, nil, true
		document, err = json.Marshal(e)
	}
	if err != nil {
		return nil, fmt.Errorf("activity: %w", err)
	}
	if len(document) > maxDocument {
		return nil, errTooLarge
	}
	return document, nil
}

// key is what an id is searched by. It may be a stranger's word, and PostgreSQL takes no text with a NUL in it.
func key(s string) string {
	s = strings.ReplaceAll(s, "\x00", "")
	n := 0
	for i := range s {
		if n == maxKey {
			return s[:i]
		}
		n++
	}
	return s
}
