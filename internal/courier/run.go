package courier

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/wait"
)

const (
	// margin is how much longer a lease is than an attempt may take. Clocks of servers may differ by that much before two
	// of them could send the same message at the same time.
	margin = 30 * time.Second
	// grace is what an attempt still gets when the server is to stop.
	grace = 5 * time.Second
	// idleTimeout is how long a connection waits for another message.
	idleTimeout = 2 * time.Second
	// refreshEvery is how often remote templates are read.
	refreshEvery = 5 * time.Minute
	// noteTime is how long writing down the end of an attempt may take.
	noteTime = 10 * time.Second
)

var errExpired = errors.New("it expired before it could be sent")

// Run sends messages until ctx ends; then it finishes what it has begun. Any number of servers may run it: each message is
// taken by one of them at a time. Where no channel is configured nothing is sent, and messages stay in the queue.
func (c *Courier) Run(ctx context.Context) error {
	c.sayWhatIsMissing(ctx)
	if len(c.channels) == 0 {
		<-ctx.Done()
		return ctx.Err()
	}
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() { c.refresh(ctx) })
	jobs := make(chan candidate)
	defer close(jobs)
	for range c.config.Worker.Parallel {
		running.Go(func() { c.work(ctx, jobs) })
	}
	return c.distribute(ctx, jobs)
}

// sayWhatIsMissing tells the operator once why messages stay in the queue.
func (c *Courier) sayWhatIsMissing(ctx context.Context) {
	if c.channels[Email] == nil {
		const message = "no mail server is configured in courier.smtp.connection_uri: mails stay in the queue, where GET /admin/courier/messages shows them"
		if c.development {
			c.log.InfoContext(ctx, message)
		} else {
			c.log.WarnContext(ctx, message)
		}
	}
	if c.channels[SMS] == nil {
		c.log.DebugContext(ctx, "no channel for text messages is configured in courier.channels: they stay in the queue")
	}
}

// refresh reads remote templates again and again.
func (c *Courier) refresh(ctx context.Context) {
	var bodies []string
	for _, ch := range c.channels {
		if h, ok := ch.(*httpChannel); ok {
			bodies = append(bodies, h.config.Body)
		}
	}
	for {
		c.words.refresh(ctx, bodies...)
		if !wait.For(ctx, refreshEvery) {
			return
		}
	}
}

// distribute looks for messages that are due and hands them to the workers. It looks when one was queued here, when one
// that failed here is due again, and from time to time for those of others.
func (c *Courier) distribute(ctx context.Context, jobs chan<- candidate) error {
	channels := slices.Sorted(maps.Keys(c.channels))
	failing := false
	handed := map[string]int{} // what was handed out last: attempts by id
	for {
		list, err := c.store.due(ctx, channels, c.config.Worker.PullCount)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && !failing:
			c.log.WarnContext(ctx, "the message queue cannot be read; it is tried again and again", "error", err)
		}
		failing = err != nil
		// There may be more behind a full list; but not if nobody could take what was on the last one.
		more := len(list) == c.config.Worker.PullCount && slices.ContainsFunc(list, func(m candidate) bool {
			attempts, again := handed[m.ID]
			return !again || attempts != m.SendCount
		})
		clear(handed)
		// Other servers see the same list: in another order, so that not all begin with the same message.
		rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		for _, m := range list {
			handed[m.ID] = m.SendCount
			select {
			case jobs <- m:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if !more {
			c.rest(ctx)
		}
	}
}

// rest waits until something is queued here, or for a while.
func (c *Courier) rest(ctx context.Context) {
	pause := time.NewTimer(jitter(c.config.Worker.PullWait))
	defer pause.Stop()
	select {
	case <-ctx.Done():
	case <-c.wake:
	case <-pause.C:
	}
}

// work sends what it is handed, over connections of its own that stay open for as long as there is something to send.
func (c *Courier) work(ctx context.Context, jobs <-chan candidate) {
	open := map[string]connection{}
	for name, ch := range c.channels {
		open[name] = ch.open()
	}
	hangUp := func() {
		for _, connection := range open {
			connection.close()
		}
	}
	defer hangUp()
	timer := time.NewTimer(c.keepOpen)
	defer timer.Stop()
	var idle <-chan time.Time // nothing is open yet
	for {
		select {
		case m, more := <-jobs:
			if !more {
				return
			}
			c.attempt(ctx, m, open[m.Channel])
			timer.Reset(c.keepOpen)
			idle = timer.C
		case <-idle:
			hangUp()
			idle = nil
		}
	}
}

// attempt takes a message and tries to send it. The time that it may take is counted from before the lease begins, so that
// it has stopped when the lease ends.
func (c *Courier) attempt(ctx context.Context, m candidate, by connection) {
	limit := c.channels[m.Channel].limit()
	sending, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })()
	claimed, err := c.store.claim(sending, m, limit+margin)
	if frozen(err) {
		return // it waits until writes are taken again
	}
	if err != nil {
		c.log.WarnContext(ctx, "a message cannot be taken from the queue; it is tried again", "message", m.ID, "error", err)
		return
	}
	if !claimed {
		return // another server was first
	}
	begun := c.now()
	e := c.judge(m.record, c.send(sending, m, by))
	took := c.now().Sub(begun)
	outcome := map[Status]Outcome{Sent: Delivered, Queued: Failed, Abandoned: GivenUp}[e.status]
	if !c.note(ctx, m.record, e) {
		outcome = Lost
	}
	c.record.Attempted(m.Channel, m.Template, outcome, took)
	c.tell(ctx, m.record, e, outcome)
	if outcome == Failed {
		time.AfterFunc(e.due.Sub(c.now())+time.Millisecond, c.rouse)
	}
}

// rouse has the queue looked at.
func (c *Courier) rouse() {
	select {
	case c.wake <- struct{}{}:
	default: // somebody has done so already
	}
}

// send opens the message, adds its HTML and hands it over.
func (c *Courier) send(ctx context.Context, m candidate, by connection) (err error) {
	defer func() {
		if p := recover(); p != nil { // a template, or a server's odd answer: the other messages are to go on
			err = fmt.Errorf("sending panicked: %v", p)
		}
	}()
	if err := c.store.unseal(m.record, m.sealed); err != nil {
		return err
	}
	d := m.Document
	if d == nil {
		return &permanent{errors.New("its text was removed by retention.body")}
	}
	if d.ExpiresAt != nil && !c.now().Before(*d.ExpiresAt) {
		return &permanent{errExpired}
	}
	out := &outgoing{
		id: m.ID, typ: typeOf(m.Channel), template: m.Template, recipient: m.Recipient,
		subject: d.Subject, body: d.Body, data: d.Data, created: m.CreatedAt,
	}
	if m.Channel == Email {
		if out.html, err = c.words.render(tenant.With(ctx, tenant.ID(m.Tenant)), m.Template, htmlPart, d.Lang, d.Data); err != nil {
			return err
		}
	}
	return by.send(ctx, out)
}

// note writes down what an attempt came to, and reports whether the message was still ours. A message that was sent and not
// noted would be sent again, so it is tried more than once.
func (c *Courier) note(ctx context.Context, m *record, e end) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTime)
	defer cancel()
	for pause := 100 * time.Millisecond; ; pause *= 2 {
		ours, err := c.store.finish(ctx, m, e)
		if err == nil {
			return ours
		}
		m.Dispatches = m.Dispatches[:len(m.Dispatches)-1]
		if !wait.For(ctx, pause) {
			c.log.ErrorContext(ctx, "what became of a message could not be written down; it may be sent twice", "message", m.ID, "error", err)
			return false
		}
	}
}

// tell logs what became of a message, without its address or text.
func (c *Courier) tell(ctx context.Context, m *record, e end, outcome Outcome) {
	attrs := []any{"message", m.ID, "channel", m.Channel, "template", m.Template, "attempt", m.SendCount}
	if m.RequestID != "" {
		attrs = append(attrs, "queued_by", m.RequestID)
	}
	switch outcome {
	case Delivered:
		c.log.DebugContext(ctx, "sent a message", attrs...)
	case Failed:
		c.log.WarnContext(ctx, "a message could not be sent; it is tried again", append(attrs, "reason", e.reason, "next", e.due)...)
	case GivenUp:
		c.log.ErrorContext(ctx, "a message could not be sent and is abandoned", append(attrs, "reason", e.reason)...)
	case Lost:
		c.log.WarnContext(ctx, "an attempt to send took longer than its lease; another server may have sent the message too", attrs...)
	}
}

// typeOf is the channel as Kratos' documents call it.
func typeOf(channel string) string {
	if channel == SMS {
		return "phone"
	}
	return channel
}
