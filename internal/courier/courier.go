package courier

import (
	"context"
	"log/slog"
	"time"
)

// Outcome is what became of one attempt to send.
type Outcome string

// The outcomes of an attempt.
const (
	// Delivered: the next server or service has taken the message.
	Delivered Outcome = "sent"
	// Failed: it will be tried again.
	Failed Outcome = "failed"
	// GivenUp: it was the last attempt, or there is no point in another one.
	GivenUp Outcome = "abandoned"
	// Lost: another server has taken the message over meanwhile; it may have been sent twice.
	Lost Outcome = "lost"
)

// Recorder counts what happens. The values of its labels are few: channels, templates and outcomes.
type Recorder interface {
	// Queued is called for each message that was queued and committed.
	Queued(channel, template string)
	// Attempted is called after each attempt with the time that it took.
	Attempted(channel, template string, outcome Outcome, took time.Duration)
}

// Evaluate evaluates a Jsonnet function with input, a JSON value, as its argument ctx, and gives the JSON that it makes.
type Evaluate func(ctx context.Context, snippet string, input []byte) ([]byte, error)

// Options are what a Courier needs.
type Options struct {
	// Store keeps the messages.
	Store *Store
	// Config is the `courier` part of the configuration, valid.
	Config Config
	// Development reports whether the server runs the development profile.
	Development bool
	// Brand is who messages come from, in the built-in templates. Its name, where it has none, is smtp.from_name.
	Brand Brand
	// BrandOf gives the brand of the context's tenant; nil gives Brand to all.
	BrandOf func(ctx context.Context) Brand
	// Evaluate makes bodies of HTTP requests from Jsonnet; nil where there is none.
	Evaluate Evaluate
	// Fetch reads templates from https and http URLs; nil where there is none.
	Fetch func(ctx context.Context, url string) ([]byte, error)
	// Recorder counts what happens; may be nil.
	Recorder Recorder
	// Now is the clock; UTC, cut to microseconds.
	Now func() time.Time
	// Log gets what happens in the background; never an address or a text.
	Log *slog.Logger
}

// Courier queues messages and brings them to people. Make it with New.
type Courier struct {
	config      Config
	development bool
	store       *Store
	words       *renderer
	channels    map[string]channel
	record      Recorder
	now         func() time.Time
	log         *slog.Logger

	keepOpen time.Duration // idleTimeout, but for tests that count connections
	wake     chan struct{} // something is to be sent
}

// channel is a way by which messages leave.
type channel interface {
	// open gives a connection for one goroutine. It does not connect yet.
	open() connection
	// limit is how long one attempt may take.
	limit() time.Duration
}

// connection sends one message after the other.
type connection interface {
	// send hands over a message, and returns when ctx ends at the latest. An error may be a *permanent or a *later.
	send(ctx context.Context, m *outgoing) error
	// close ends it. What is sent afterwards opens it again.
	close()
}

// outgoing is a message that is about to leave.
type outgoing struct {
	id        string
	typ       string // email or phone
	template  string
	recipient string
	subject   string
	body      string
	html      string
	data      map[string]any
	created   time.Time
}

// permanent is a failure that no further attempt will change.
type permanent struct{ cause error }

func (p *permanent) Error() string { return p.cause.Error() }
func (p *permanent) Unwrap() error { return p.cause }

// later is a failure whose server said when to come back.
type later struct {
	cause error
	after time.Duration
}

func (l *later) Error() string { return l.cause.Error() }
func (l *later) Unwrap() error { return l.cause }

// brand gives the brand of the context's tenant, with nothing missing.
func (o Options) brand() func(ctx context.Context) Brand {
	return func(ctx context.Context) Brand {
		b := o.Brand
		if o.BrandOf != nil {
			b = o.BrandOf(ctx)
		}
		return b.orDefault(o.Config.SMTP.FromName)
	}
}

// New returns a courier. It reads the certificates that the configuration names, and sends nothing before Run.
func New(o Options) (*Courier, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Recorder == nil {
		o.Recorder = silent{}
	}
	c := &Courier{
		config: o.Config, development: o.Development, store: o.Store, record: o.Recorder, now: o.Now, log: o.Log,
		words:    newRenderer(o.Config, o.brand(), o.Fetch, o.Log),
		channels: map[string]channel{},
		keepOpen: idleTimeout,
		wake:     make(chan struct{}, 1),
	}
	switch {
	case o.Config.DeliveryStrategy == byHTTP:
		c.channels[Email] = newHTTPChannel(o.Config.HTTP.RequestConfig, c.words, o.Evaluate)
	case o.Config.SMTP.ConnectionURI != "":
		smtp, err := newSMTPChannel(o.Config.SMTP)
		if err != nil {
			return nil, err
		}
		c.channels[Email] = smtp
	}
	for _, ch := range o.Config.Channels {
		c.channels[ch.ID] = newHTTPChannel(ch.RequestConfig, c.words, o.Evaluate)
	}
	return c, nil
}

// silent is the Recorder where there is none.
type silent struct{}

func (silent) Queued(string, string)                            {}
func (silent) Attempted(string, string, Outcome, time.Duration) {}

// compose writes subject and text of a message; the HTML follows when it is sent.
func (c *Courier) compose(ctx context.Context, m Message) (*document, error) {
	data, err := plain(m.Data)
	if err != nil {
		return nil, err
	}
	data["to"] = m.Recipient
	d := &document{Lang: m.Lang, Data: data}
	if d.Lang == "" {
		d.Lang = c.config.DefaultLanguage
	}
	if !m.ExpiresAt.IsZero() {
		d.ExpiresAt = &m.ExpiresAt
	}
	if m.Channel == SMS {
		d.Body, err = c.words.render(ctx, m.Template, smsText, d.Lang, data)
		return d, err
	}
	if d.Subject, err = c.words.render(ctx, m.Template, subject, d.Lang, data); err != nil {
		return nil, err
	}
	d.Body, err = c.words.render(ctx, m.Template, plaintext, d.Lang, data)
	return d, err
}

// queued is called when a message was committed.
func (c *Courier) queued(m Message) {
	c.record.Queued(m.Channel, m.Template)
	c.rouse()
}

// showsBodies reports whether the admin API may show what messages say.
func (c *Courier) showsBodies() bool {
	return c.config.ShowBodies == showAlways || c.config.ShowBodies == showDevelopment && c.development
}
