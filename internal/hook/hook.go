package hook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// Options are what Hooks need.
type Options struct {
	// Clients is the `clients` part of the configuration, valid.
	Clients ClientsConfig
	// Jsonnet runs the programs that make bodies.
	Jsonnet *Jsonnet
	// Fetch reads programs from https and http URLs; nil where there are none.
	Fetch func(ctx context.Context, url string) ([]byte, error)
	// Observe counts calls: outcome is ok, cancelled, rejected, failed or timeout; may be nil.
	Observe func(hook, outcome string, took time.Duration)
	// Now is the clock.
	Now func() time.Time
	// Log gets what happened, never what was sent or answered.
	Log *slog.Logger
}

// Hooks calls web hooks. Make it with New.
type Hooks struct {
	o       Options
	client  *client
	sources *sources
	waiting sync.WaitGroup
	slots   chan struct{}
}

// maxBackground is how many calls that nobody waits for are under way at once; further ones are dropped, and that is logged.
const maxBackground = 256

// New returns what calls hooks.
func New(o Options) *Hooks {
	return &Hooks{
		o:       o,
		client:  newClient(o.Clients.HTTP),
		sources: &sources{fetch: o.Fetch, jsonnet: o.Jsonnet, now: o.Now, read: make(map[sourceKey]*source)},
		slots:   make(chan struct{}, maxBackground),
	}
}

// Prepare reads the bodies of hooks that are in files or in the configuration itself, and says which are wrong: call it when
// the server starts.
func (h *Hooks) Prepare(ctx context.Context, hooks []Config) error {
	var faults []error
	for _, c := range hooks {
		c = c.withDefaults()
		if from, _ := bodySource(c.Body); c.Body == "" || from.URL != "" {
			continue
		}
		if _, err := h.sources.body(ctx, c.Body, c.BodyFormat); err != nil {
			faults = append(faults, fmt.Errorf("the web hook %s: body: %w", c.ID, err))
		}
	}
	return errors.Join(faults...)
}

// Call is what a hook is told about.
type Call struct {
	// Flow is the document of the flow.
	Flow any
	// Identity and Session are their documents; nil where there is none yet.
	Identity, Session any
	// RequestHeaders are all headers of the request; what programs see of them is in the configuration.
	RequestHeaders map[string][]string
	// RequestMethod and RequestURL are those of the request.
	RequestMethod, RequestURL string
	// RequestCookies are the cookies of the request by name.
	RequestCookies map[string]string
	// TransientPayload is what the client sent for hooks; it becomes part of the flow's document.
	TransientPayload json.RawMessage
	// Failure is why the flow failed, for hooks that are told of failures.
	Failure *Failure
}

// Failure is what programs see as ctx.failure.
type Failure struct {
	// Reason is a stable word: the code of the error, such as too_many_attempts, or rejected where the person was shown a message.
	Reason string `json:"reason"`
	// MessageID and Message are what the person was shown, the message in English; 0 where it was no message of the form.
	MessageID int    `json:"message_id"`
	Message   string `json:"message"`
	// Method is the sign-in method that was tried.
	Method string `json:"method"`
	// Identifier is who they said they were, as it was typed.
	Identifier string `json:"identifier"`
}

// Reply is what hooks answered, taken together.
type Reply struct {
	// Identity is what they want changed; nil where nothing is.
	Identity *Patch
}

// Patch are changes to an identity. What is nil, or "", stays.
type Patch struct {
	SchemaID            string          `json:"schema_id,omitempty"`
	State               string          `json:"state,omitempty"`
	Traits              json.RawMessage `json:"traits,omitempty"`
	MetadataPublic      json.RawMessage `json:"metadata_public,omitempty"`
	MetadataAdmin       json.RawMessage `json:"metadata_admin,omitempty"`
	VerifiableAddresses json.RawMessage `json:"verifiable_addresses,omitempty"`
	RecoveryAddresses   json.RawMessage `json:"recovery_addresses,omitempty"`
	// ExternalID is nil when the answer did not have it; "" takes the external id away.
	ExternalID *string `json:"external_id,omitempty"`
}

// Run calls the hooks in their order, each with the identity as those before it left it. It stops at the first that fails or
// rejects: *ui.Invalid are messages for the person. Hooks whose answer is ignored run in the background and outlive ctx.
func (h *Hooks) Run(ctx context.Context, hooks []Config, c Call) (*Reply, error) {
	reply := &Reply{}
	if len(hooks) == 0 {
		return reply, nil
	}
	doc, err := newDocument(c, h.o.Clients.WebHook.HeaderAllowlist)
	if err != nil {
		return nil, ErrProgram.Because(err)
	}
	for _, config := range hooks {
		config = config.withDefaults()
		input, err := doc.bytes()
		if err != nil {
			return nil, ErrProgram.Because(err)
		}
		if config.Response.Ignore {
			h.background(ctx, config, input)
			continue
		}
		patch, err := h.call(ctx, config, input)
		if err != nil {
			return nil, err
		}
		if patch != nil {
			if reply.Identity, err = reply.Identity.merge(patch); err != nil {
				return nil, ErrFailed.Because(err)
			}
			doc.amend(reply.Identity)
		}
	}
	return reply, nil
}

// Wait returns when all calls in the background have ended, or ctx has.
func (h *Hooks) Wait(ctx context.Context) error {
	ended := make(chan struct{})
	go func() {
		h.waiting.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// background makes a call that nobody waits for.
func (h *Hooks) background(ctx context.Context, c Config, input []byte) {
	select {
	case h.slots <- struct{}{}:
	default:
		h.o.Log.WarnContext(ctx, "a web hook was not called: too many calls are under way", "hook", c.ID)
		return
	}
	ctx = context.WithoutCancel(ctx)
	h.waiting.Go(func() {
		defer func() { <-h.slots }()
		_, _ = h.call(ctx, c, input) // was logged
	})
}

// call makes one call with all its tries, and logs and counts how it ended.
func (h *Hooks) call(ctx context.Context, c Config, input []byte) (*Patch, error) {
	began := h.o.Now()
	trigger := secret.NewID()
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	patch, outcome, err := h.deliver(ctx, c, trigger, input)
	took := h.o.Now().Sub(began)
	log := h.o.Log.With("hook", c.ID, "trigger", trigger, "outcome", outcome, "took", took)
	if err != nil && outcome != outcomeRejected {
		log.WarnContext(ctx, "a web hook failed", "error", err)
	} else {
		log.DebugContext(ctx, "a web hook was called")
	}
	if h.o.Observe != nil {
		h.o.Observe(c.ID, outcome, took)
	}
	return patch, err
}

// How a call can end.
const (
	outcomeOK        = "ok"
	outcomeCancelled = "cancelled"
	outcomeRejected  = "rejected"
	outcomeFailed    = "failed"
	outcomeTimeout   = "timeout"
)

func (h *Hooks) deliver(ctx context.Context, c Config, trigger string, input []byte) (*Patch, string, error) {
	body, err := h.body(ctx, c, input)
	switch {
	case errors.Is(err, errCancelled):
		return nil, outcomeCancelled, nil
	case err != nil:
		return nil, outcomeFailed, ErrProgram.Because(fmt.Errorf("body of the web hook %s: %w", c.ID, err))
	}
	a, err := h.client.send(ctx, c, trigger, body)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, outcomeTimeout, ErrTimeout.Because(fmt.Errorf("the web hook %s: %w", c.ID, err))
	case err != nil:
		return nil, outcomeFailed, ErrFailed.Because(fmt.Errorf("the web hook %s: %w", c.ID, err))
	}
	patch, invalid, err := a.meaning(c)
	switch {
	case err != nil:
		return nil, outcomeFailed, ErrFailed.Because(fmt.Errorf("the web hook %s: %w", c.ID, err))
	case invalid != nil:
		return nil, outcomeRejected, invalid
	}
	return patch, outcomeOK, nil
}

// body makes the body of a call; nil where there is none.
func (h *Hooks) body(ctx context.Context, c Config, input []byte) ([]byte, error) {
	if c.Body == "" || c.bodiless() {
		return nil, nil
	}
	p, err := h.sources.body(ctx, c.Body, c.BodyFormat)
	if err != nil {
		return nil, err
	}
	out, err := p.make(ctx, input)
	if err != nil || c.media() != mediaForm {
		return out, err
	}
	return formBody(out)
}
