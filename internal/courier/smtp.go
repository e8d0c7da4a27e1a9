package courier

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"strings"
	"sync"
	"time"

	"github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"github.com/gatehouse-iam/gatehouse/internal/trust"
)

// smtpChannel hands mails to a mail server.
type smtpChannel struct {
	config SMTPConfig
	server server
	tls    *tls.Config
}

func newSMTPChannel(c SMTPConfig) (*smtpChannel, error) {
	s, err := parseURI(c.ConnectionURI.Reveal())
	if err != nil {
		return nil, fmt.Errorf("courier.smtp.connection_uri: %w", err)
	}
	ch := &smtpChannel{config: c, server: s, tls: &tls.Config{
		ServerName: s.name, MinVersion: tls.VersionTLS12,
		InsecureSkipVerify: s.skipVerify, //nolint:gosec // the operator's word, which production does not take
	}}
	if c.CAPath != "" {
		if ch.tls.RootCAs, err = trust.Only(c.CAPath); err != nil {
			return nil, fmt.Errorf("courier.smtp.ca_path: %w", err)
		}
	}
	if c.ClientCertPath != "" {
		ch.tls.GetClientCertificate = trust.Shown(c.ClientCertPath, c.ClientKeyPath)
		if _, err := ch.tls.GetClientCertificate(nil); err != nil { // now, to report mistakes
			return nil, fmt.Errorf("courier.smtp.client_cert_path: %w", err)
		}
	}
	_, err = ch.client(nil)
	return ch, err
}

func (c *smtpChannel) limit() time.Duration { return c.config.Timeout }

func (c *smtpChannel) open() connection { return &smtpConnection{channel: c} }

// client makes a client of the library that connects by dial.
func (c *smtpChannel) client(dial mail.DialContextFunc) (*mail.Client, error) {
	options := []mail.Option{
		mail.WithPort(c.server.port), mail.WithHELO(c.config.LocalName), mail.WithTimeout(c.config.Timeout),
		mail.WithTLSConfig(c.tls), mail.WithTLSPolicy(mail.NoTLS),
	}
	if dial != nil {
		options = append(options, mail.WithDialContextFunc(dial))
	}
	if c.server.startTLS {
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if c.server.user != "" {
		mechanisms := []mail.SMTPAuthType{mail.SMTPAuthSCRAMSHA256, mail.SMTPAuthSCRAMSHA1, mail.SMTPAuthPlain, mail.SMTPAuthLogin, mail.SMTPAuthCramMD5}
		if !c.server.startTLS && !c.server.implicit {
			// Somebody wrote disable_starttls and a password: the answer to a challenge if the server offers one, and
			// else what was asked for.
			mechanisms = []mail.SMTPAuthType{mail.SMTPAuthSCRAMSHA256, mail.SMTPAuthSCRAMSHA1, mail.SMTPAuthCramMD5, mail.SMTPAuthPlainNoEnc, mail.SMTPAuthLoginNoEnc}
		}
		options = append(options, mail.WithOpportunisticSMTPAuth(mechanisms...),
			mail.WithUsername(c.server.user), mail.WithPassword(c.server.password))
	}
	client, err := mail.NewClient(c.server.host, options...)
	if err != nil {
		return nil, fmt.Errorf("courier.smtp: %w", err)
	}
	return client, nil
}

// compose makes the mail. Its Message-ID is the same for every attempt, so that whoever gets it twice can tell.
func (c *smtpChannel) compose(m *outgoing) (*mail.Msg, error) {
	to, err := netmail.ParseAddress(m.recipient)
	if err != nil || to.Address != m.recipient {
		return nil, &permanent{errors.New("the recipient's address is no e-mail address")}
	}
	msg := mail.NewMsg(mail.WithCharset(mail.CharsetUTF8), mail.WithEncoding(mail.EncodingQP), mail.WithNoDefaultUserAgent())
	msg.FromMailAddress(&netmail.Address{Name: c.config.FromName, Address: c.config.FromAddress})
	msg.ToMailAddress(to)
	msg.Subject(m.subject)
	msg.SetDateWithValue(m.created)
	_, domain, _ := strings.Cut(c.config.FromAddress, "@")
	msg.SetMessageIDWithValue(m.id + "@" + domain)
	// Nobody's holiday notice is to come back (RFC 3834 §5).
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader("X-Auto-Response-Suppress", "All")
	for name, value := range c.config.Headers {
		msg.SetGenHeader(mail.Header(name), value)
	}
	msg.SetBodyString(mail.TypeTextPlain, m.body)
	if m.html != "" {
		msg.AddAlternativeString(mail.TypeTextHTML, m.html)
	}
	return msg, nil
}

// smtpConnection is a connection to the mail server that is used for one mail after the other.
type smtpConnection struct {
	channel *smtpChannel
	client  *mail.Client
	session *smtp.Client
	conn    *bound
}

func (s *smtpConnection) send(ctx context.Context, m *outgoing) error {
	msg, err := s.channel.compose(m)
	if err != nil {
		return err
	}
	reused := s.session != nil
	err = s.deliver(ctx, msg)
	if failed, ok := errors.AsType[*mail.SendError](err); reused && ok && failed.Reason == mail.ErrConnCheck && ctx.Err() == nil {
		err = s.deliver(ctx, msg) // the server has hung up meanwhile, and nothing was said yet
	}
	return err
}

// deliver connects where there is no connection, and hands over the mail. A connection on which something went wrong is not
// used again.
func (s *smtpConnection) deliver(ctx context.Context, msg *mail.Msg) error {
	if s.session == nil {
		if err := s.dial(ctx); err != nil {
			s.drop()
			return fmt.Errorf("connecting to the mail server failed: %w", plainly(err))
		}
	}
	release := s.conn.bind(ctx)
	err := s.client.SendWithSMTPClient(s.session, msg)
	release()
	if err != nil {
		s.drop()
	}
	if err == nil || msg.IsDelivered() { // the server has it; what it says to RSET does not matter
		return nil
	}
	failed, ok := errors.AsType[*mail.SendError](err)
	if ok && hopeless(failed) {
		return &permanent{plainly(err)}
	}
	return plainly(err)
}

// hopeless reports whether the server refused this mail for good (RFC 5321 §4.2.1). What it says against this server
// (530, 535, 538: who are you?) or its sender is the operator's to put right, and then the mail can go.
func hopeless(e *mail.SendError) bool {
	switch e.Reason {
	case mail.ErrGetRcpts:
		return true
	case mail.ErrSMTPRcptTo, mail.ErrSMTPData, mail.ErrSMTPDataClose:
		code := e.ErrorCode()
		return code >= 500 && code != 530 && code != 535 && code != 538
	}
	return false
}

// plainly cuts off what the library adds to a server's words: addresses and ids that are known.
func plainly(err error) error {
	text, _, cut := strings.Cut(err.Error(), ", affected ")
	if !cut {
		return err
	}
	return &worded{text, err}
}

// worded is an error in other words.
type worded struct {
	text  string
	cause error
}

func (w *worded) Error() string { return w.text }
func (w *worded) Unwrap() error { return w.cause }

// dial opens a session, within the bounds of ctx: the context that the library gives for the connection is narrower than the
// session.
func (s *smtpConnection) dial(ctx context.Context) (err error) {
	release := func() {}
	s.client, err = s.channel.client(func(dialing context.Context, network, address string) (net.Conn, error) {
		var dialer net.Dialer
		tcp, err := dialer.DialContext(dialing, network, address)
		if err != nil {
			return nil, err
		}
		s.conn = &bound{Conn: tcp}
		release = s.conn.bind(ctx)
		if !s.channel.server.implicit {
			return s.conn, nil
		}
		secure := tls.Client(s.conn, s.channel.tls)
		return secure, secure.HandshakeContext(dialing)
	})
	if err != nil {
		return err
	}
	s.session, err = s.client.DialToSMTPClientWithContext(ctx)
	release()
	return err
}

// close says goodbye, for a moment.
func (s *smtpConnection) close() {
	if s.session == nil {
		return
	}
	patience := time.AfterFunc(2*time.Second, s.conn.expire)
	defer patience.Stop()
	_ = s.session.Quit()
	s.drop()
}

// drop ends the connection without a word.
func (s *smtpConnection) drop() {
	if s.conn != nil {
		_ = s.conn.Close()
	}
	s.session, s.conn = nil, nil
}

// bound is a connection that is good for no longer than the attempt that uses it. The library sets deadlines, one after
// the other, which together reach further than the lease of a message; here they are cut.
type bound struct {
	net.Conn

	mu    sync.Mutex
	until time.Time
}

// longPast ends reads and writes at once.
var longPast = time.Unix(1, 0)

// bind gives the connection the deadline of ctx, and ends it when ctx does before release is called.
func (b *bound) bind(ctx context.Context) (release func()) {
	until, _ := ctx.Deadline()
	b.mu.Lock()
	b.until = until
	b.mu.Unlock()
	_ = b.Conn.SetDeadline(until)
	stop := context.AfterFunc(ctx, b.expire)
	return func() { stop() }
}

func (b *bound) expire() { _ = b.SetDeadline(longPast) }

// SetDeadline implements net.Conn, not beyond the bound.
func (b *bound) SetDeadline(t time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t.Equal(longPast) {
		b.until = t
	}
	if !b.until.IsZero() && b.until.Before(t) {
		t = b.until
	}
	return b.Conn.SetDeadline(t)
}
