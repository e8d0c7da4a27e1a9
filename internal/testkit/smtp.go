package testkit

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-iam/gatehouse/test/pki"
)

// SMTPOptions say what kind of mail server an SMTP is. The zero value talks in the clear and lets everybody in.
type SMTPOptions struct {
	// StartTLS offers TLS, and takes no mail without it.
	StartTLS bool
	// TLS begins with TLS.
	TLS bool
	// Name is what the certificate is made out to; empty means localhost and 127.0.0.1.
	Name string
	// User and Password are asked for, by PLAIN or LOGIN, where User is set.
	User, Password string
	// AskCertificate asks clients for a certificate.
	AskCertificate bool
	// Answer may answer a command ("MAIL", "RCPT", "DATA" for the text of a mail, and so on) with a line such as
	// "451 4.3.0 later"; "" lets the server answer as usual, "-" hangs up. It may wait, as slow servers do.
	Answer func(verb, argument string) string
}

// SMTP is a mail server on a free port of this machine, which keeps what it is sent. It stops with the test.
type SMTP struct {
	// Address is host and port.
	Address string
	// CA is a file with the authority of its certificate, in PEM.
	CA string

	options  SMTPOptions
	tls      *tls.Config
	listener net.Listener
	running  sync.WaitGroup

	mu          sync.Mutex
	arrived     *sync.Cond
	mails       []Mail
	open        map[net.Conn]bool
	connections int
}

// NewSMTP starts a mail server.
func NewSMTP(t testing.TB, o SMTPOptions) *SMTP {
	t.Helper()
	s := &SMTP{options: o, open: map[net.Conn]bool{}}
	s.arrived = sync.NewCond(&s.mu)
	if o.TLS || o.StartTLS {
		s.certify(t)
	}
	var err error
	if s.listener, err = (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0"); err != nil {
		t.Fatalf("testkit: mail server: %v", err)
	}
	s.Address = s.listener.Addr().String()
	s.running.Go(s.accept)
	t.Cleanup(s.Close)
	return s
}

// URI is how a courier reaches the server, with parameters such as "skip_ssl_verify=true".
func (s *SMTP) URI(parameters ...string) string {
	u := url.URL{Scheme: "smtp", Host: s.Address, Path: "/"}
	switch {
	case s.options.TLS:
		u.Scheme = "smtps"
	case !s.options.StartTLS:
		parameters = append(parameters, "disable_starttls=true")
	}
	if s.options.User != "" {
		u.User = url.UserPassword(s.options.User, s.options.Password)
	}
	u.RawQuery = strings.Join(parameters, "&")
	return u.String()
}

// Close stops the server and hangs up on everybody. It may be called more than once, to see what happens then.
func (s *SMTP) Close() {
	_ = s.listener.Close()
	s.mu.Lock()
	for c := range s.open {
		_ = c.Close()
	}
	s.mu.Unlock()
	s.running.Wait()
}

// Connections says how many there were.
func (s *SMTP) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connections
}

// Mails returns what has arrived and was not taken by Take.
func (s *SMTP) Mails() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mails)
}

// Take waits for a mail to the address and removes it. The test fails when none comes.
func (s *SMTP) Take(t testing.TB, to string) Mail {
	t.Helper()
	var found Mail
	s.wait(t, "a mail to "+to, func() bool {
		i := slices.IndexFunc(s.mails, func(m Mail) bool { return slices.Contains(m.To, to) })
		if i < 0 {
			return false
		}
		found = s.mails[i]
		s.mails = slices.Delete(s.mails, i, i+1)
		return true
	})
	return found
}

// Wait waits until at least n mails are there, and returns them all.
func (s *SMTP) Wait(t testing.TB, n int) []Mail {
	t.Helper()
	s.wait(t, "more mails", func() bool { return len(s.mails) >= n })
	return s.Mails()
}

// wait calls done, with the lock, for each mail that arrives, until it is content.
func (s *SMTP) wait(t testing.TB, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	defer context.AfterFunc(ctx, s.arrived.Broadcast)()
	s.mu.Lock()
	defer s.mu.Unlock()
	for !done() {
		if ctx.Err() != nil {
			t.Fatalf("testkit: the mail server waited %s for %s; it has %d", patience, what, len(s.mails))
		}
		s.arrived.Wait()
	}
}

func (s *SMTP) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.open[conn] = true
		s.connections++
		s.mu.Unlock()
		s.running.Go(func() {
			defer func() {
				_ = conn.Close()
				s.mu.Lock()
				delete(s.open, conn)
				s.mu.Unlock()
			}()
			d := &dialogue{server: s}
			if s.options.TLS {
				d.secure(conn)
			} else {
				d.over(conn)
			}
			d.run()
		})
	}
}

// certify makes an authority and a certificate of it for the server.
func (s *SMTP) certify(t testing.TB) {
	t.Helper()
	authority, certificate := Certificates(t, s.options.Name)
	s.CA = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(s.CA, authority, 0o600); err != nil {
		t.Fatalf("testkit: %v", err)
	}
	s.tls = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	if s.options.AskCertificate {
		s.tls.ClientAuth = tls.RequireAnyClientCert
	}
}

// Certificates makes a new authority, in PEM, and a certificate of it for the name; without one, for localhost and
// 127.0.0.1.
func Certificates(t testing.TB, name string) (authority []byte, certificate tls.Certificate) {
	t.Helper()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "testkit"}, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	if name != "" {
		template.Subject.CommonName, template.DNSNames, template.IPAddresses = name, []string{name}, nil
	}
	pair, err := pki.SelfSigned(template)
	if err == nil {
		certificate, err = tls.X509KeyPair(pair.Certificate, pair.Key)
	}
	if err != nil {
		t.Fatalf("testkit: %v", err)
	}
	return pair.Certificate, certificate
}
