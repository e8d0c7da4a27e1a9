package courier

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

func TestMailOnTheWire(t *testing.T) {
	server := testkit.NewSMTP(t, testkit.SMTPOptions{})
	f := newFixture(t, testkit.SQLite(t, "management"), func(o *Options) {
		to(server)(o)
		o.Config.SMTP.Headers = map[string]string{"X-SES-SOURCE-ARN": "arn:aws:ses:us-west-2:1:identity/example.com"}
		o.Config.SMTP.LocalName = "gatehouse.example.com"
	})
	m := loginCode("anna@example.com")
	m.Lang = "de-AT"
	f.queue(t, m)
	f.pass(t)
	got := server.Take(t, "anna@example.com")
	want := map[string]string{
		"From": "Exämple <no-reply@example.com>", "To": "<anna@example.com>", "Subject": "Ihr Code zur Anmeldung bei Example",
		"Date": "Wed, 04 Mar 2026 05:06:07 +0000", "Message-Id": "<" + f.one(t).ID + "@example.com>", "Mime-Version": "1.0",
		"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All", "X-Ses-Source-Arn": "arn:aws:ses:us-west-2:1:identity/example.com",
	}
	delete(got.Header, "Content-Type")
	got.Header["From"] = strings.ReplaceAll(got.Header["From"], `"`, "")
	if diff := cmp.Diff(want, got.Header); diff != "" {
		t.Error(diff)
	}
	if got.From != "no-reply@example.com" || got.Hello != "gatehouse.example.com" || got.TLS || got.Code() != "012345" {
		t.Errorf("%+v", got)
	}
	if !strings.Contains(got.HTML, `<html lang="de">`) || !strings.Contains(got.HTML, ">012345</p>") || !strings.Contains(got.Text, "ist 15 Minuten gültig") {
		t.Errorf("%s\n%s", got.Text, got.HTML)
	}
	if strings.Contains(string(got.Raw), "go-mail") {
		t.Error("the mail names the library")
	}
}

func TestWaysToAMailServer(t *testing.T) {
	secure := testkit.SMTPOptions{StartTLS: true, User: "gate house", Password: "hunter2/ä"}
	implicit := testkit.SMTPOptions{TLS: true, User: "u", Password: "hunter2"}
	elsewhere := testkit.SMTPOptions{TLS: true, Name: "mail.example.com"}
	trust := func(s *testkit.SMTP, o *Options) { o.Config.SMTP.CAPath = s.CA }
	for _, tc := range []struct {
		name   string
		server testkit.SMTPOptions
		uri    func(*testkit.SMTP) string
		edit   func(*testkit.SMTP, *Options)
		fails  string
	}{
		{name: "StartTLS and a password", server: secure, uri: func(s *testkit.SMTP) string { return s.URI() }, edit: trust},
		{name: "StartTLS with an unknown authority", server: secure, uri: func(s *testkit.SMTP) string { return s.URI() }, fails: "certificate"},
		{name: "StartTLS, any certificate", server: secure, uri: func(s *testkit.SMTP) string { return s.URI("skip_ssl_verify=true") }},
		{name: "StartTLS is a condition", server: testkit.SMTPOptions{}, uri: func(s *testkit.SMTP) string { return "smtp://" + s.Address }, fails: "STARTTLS"},
		{name: "StartTLS is a condition for passwords too", server: testkit.SMTPOptions{User: "u", Password: "hunter2"},
			uri: func(s *testkit.SMTP) string { return "smtp://u:hunter2@" + s.Address + "/" }, fails: "STARTTLS"},
		{name: "TLS from the start", server: implicit, uri: func(s *testkit.SMTP) string { return s.URI() }, edit: trust},
		{name: "TLS from the start, as of old", server: implicit, uri: func(s *testkit.SMTP) string {
			return strings.Replace(s.URI("legacy_ssl=true"), "smtps://", "smtp://", 1)
		}, edit: trust},
		{name: "TLS from the start with an unknown authority", server: implicit, uri: func(s *testkit.SMTP) string { return s.URI() }, fails: "certificate"},
		{name: "another name in the certificate", server: elsewhere, uri: func(s *testkit.SMTP) string { return s.URI() }, edit: trust, fails: "certificate"},
		{name: "that name is expected", server: elsewhere, uri: func(s *testkit.SMTP) string { return s.URI("server_name=mail.example.com") }, edit: trust},
		{name: "in the clear", server: testkit.SMTPOptions{}, uri: func(s *testkit.SMTP) string { return s.URI() }},
		{name: "in the clear with a password", server: testkit.SMTPOptions{User: "u", Password: "hunter2"}, uri: func(s *testkit.SMTP) string { return s.URI() }},
		{name: "a wrong password", server: implicit, uri: func(s *testkit.SMTP) string {
			return strings.Replace(s.URI(), "hunter2", "hunter3", 1)
		}, edit: trust, fails: "535"},
		{name: "a password that nobody asks for", server: testkit.SMTPOptions{}, uri: func(s *testkit.SMTP) string {
			return "smtp://u:hunter2@" + s.Address + "/?disable_starttls=true"
		}, fails: "AUTH"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			server := testkit.NewSMTP(t, tc.server)
			f := newFixture(t, testkit.SQLite(t, "management"), func(o *Options) {
				o.Config.SMTP.ConnectionURI = secret.String(tc.uri(server))
				if tc.edit != nil {
					tc.edit(server, o)
				}
			})
			f.queue(t, loginCode("anna@example.com"))
			f.pass(t)
			r := f.one(t)
			if tc.fails != "" {
				// A server that cannot be reached or does not know us says nothing about the mail: it waits.
				if r.Status != Queued || !strings.Contains(r.Dispatches[0].Reason, tc.fails) || len(server.Mails()) != 0 {
					t.Errorf("%s: %+v", r.Status, r.Dispatches)
				}
				tellsNothing(t, "the reason", r.Dispatches[0].Reason)
				tellsNothing(t, "the log", f.log.String())
				return
			}
			if r.Status != Sent {
				t.Fatalf("%+v", r.Dispatches)
			}
			got := server.Take(t, "anna@example.com")
			if got.TLS != (tc.server.TLS || tc.server.StartTLS) || got.User != tc.server.User {
				t.Errorf("TLS %v, user %q", got.TLS, got.User)
			}
		})
	}
}

func TestClientCertificate(t *testing.T) {
	server := testkit.NewSMTP(t, testkit.SMTPOptions{StartTLS: true, AskCertificate: true})
	chain, pair := testkit.Certificates(t, "gatehouse")
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir, "cert.pem", string(chain))
	write(t, dir, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
	f := newFixture(t, testkit.SQLite(t, "management"), func(o *Options) {
		to(server)(o)
		o.Config.SMTP.CAPath = server.CA
		o.Config.SMTP.ClientCertPath, o.Config.SMTP.ClientKeyPath = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	})
	f.queue(t, loginCode("anna@example.com"))
	f.pass(t)
	if got := server.Take(t, "anna@example.com"); got.Certificate != "gatehouse" {
		t.Errorf("%q", got.Certificate)
	}
	for _, edit := range []func(*Config){
		func(c *Config) { c.SMTP.CAPath = filepath.Join(dir, "key.pem") },
		func(c *Config) { c.SMTP.CAPath = filepath.Join(dir, "nothing.pem") },
		func(c *Config) { c.SMTP.ClientKeyPath = filepath.Join(dir, "cert.pem") },
	} {
		c := f.config
		edit(&c)
		if _, err := New(Options{Config: c, Store: f.store, Development: true, Now: f.now}); err == nil || !strings.HasPrefix(err.Error(), "courier.smtp.c") {
			t.Errorf("%v", err)
		}
	}
}

func TestServersWords(t *testing.T) {
	for _, tc := range []struct {
		verb, says string
		status     Status
	}{
		{"MAIL", "451 4.3.0 later", Queued},
		{"MAIL", "553 5.1.8 I do not like the sender", Queued}, // every mail would be lost by one mistake in the configuration
		{"RCPT", "450 4.2.1 mailbox busy", Queued},
		{"RCPT", "550 5.1.1 no such mailbox", Abandoned},
		{"RCPT", "530 5.7.0 who are you?", Queued},
		{"DATA", "452 4.3.1 full", Queued},
		{"DATA", "554 5.6.0 I do not like it", Abandoned},
		{"DATA", "-", Queued},
		{"RCPT", "-", Queued},
		{"EHLO", "-", Queued},
		{"RSET", "500 what?", Sent}, // the mail had been taken
		{"RSET", "-", Sent},
		{"QUIT", "-", Sent},
	} {
		t.Run(tc.verb+" "+tc.says, func(t *testing.T) {
			t.Parallel()
			server := testkit.NewSMTP(t, testkit.SMTPOptions{Answer: func(verb, _ string) string {
				if verb == tc.verb {
					return tc.says
				}
				return ""
			}})
			f := newFixture(t, testkit.SQLite(t, "management"), to(server))
			f.queue(t, loginCode("anna@example.com"))
			f.pass(t)
			if r := f.one(t); r.Status != tc.status {
				t.Errorf("%s: %+v", r.Status, r.Dispatches)
			}
		})
	}
	f := newFixture(t, testkit.SQLite(t, "management"), to(testkit.NewSMTP(t, testkit.SMTPOptions{})))
	for _, address := range []string{"a@b@c", "Anna <anna@example.com>", "a@example.com, b@example.com", "nobody"} {
		f.queue(t, loginCode(address))
	}
	f.pass(t)
	for _, r := range f.all(t) {
		if r.Status != Abandoned {
			t.Errorf("%s: %s", r.Recipient, r.Status)
		}
	}
}

// A server that answers slowly, byte by byte of patience, is not waited for beyond the time that an attempt has: the lease
// ends soon after.
func TestSlowServerIsNotWaitedFor(t *testing.T) {
	for _, verb := range []string{"EHLO", "MAIL", "DATA"} {
		t.Run(verb, func(t *testing.T) {
			t.Parallel()
			leave := make(chan struct{})
			server := testkit.NewSMTP(t, testkit.SMTPOptions{Answer: func(said, _ string) string {
				if said == verb {
					<-leave
				} else {
					time.Sleep(300 * time.Millisecond) // uses up some of the time, and would renew it
				}
				return ""
			}})
			t.Cleanup(func() { close(leave) }) // before the server ends, which waits
			f := newFixture(t, testkit.SQLite(t, "management"), func(o *Options) {
				to(server)(o)
				o.Config.SMTP.Timeout = 1500 * time.Millisecond
			})
			f.queue(t, loginCode("anna@example.com"))
			watch := testkit.NewStopwatch(t)
			f.pass(t)
			if took := watch.Elapsed(); took > 4*time.Second {
				t.Errorf("the attempt took %s", took)
			}
			if r := f.one(t); r.Status != Queued {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestConnectionsAreKeptAndRenewed(t *testing.T) {
	var hangUp atomic.Bool
	server := testkit.NewSMTP(t, testkit.SMTPOptions{Answer: func(verb, _ string) string {
		if verb == "NOOP" && hangUp.CompareAndSwap(true, false) {
			return "-"
		}
		return ""
	}})
	f := newFixture(t, testkit.SQLite(t, "management"), to(server))
	by := f.channels[Email].open()
	for i := range 4 {
		if i == 3 {
			hangUp.Store(true) // the server had enough, as servers do after a while
		}
		if err := by.send(t.Context(), &outgoing{id: fmt.Sprint(i), recipient: "anna@example.com", subject: "s", body: "b", created: f.now()}); err != nil {
			t.Fatal(err)
		}
	}
	by.close()
	if n := server.Connections(); n != 2 {
		t.Errorf("%d connections for four mails, one of which was interrupted", n)
	}
	if n := len(server.Mails()); n != 4 {
		t.Errorf("%d mails", n)
	}
}

func TestRunSendsAtOnceAndStops(t *testing.T) {
	server := testkit.NewSMTP(t, testkit.SMTPOptions{})
	f := newFixture(t, testkit.SQLite(t, "management"), func(o *Options) {
		to(server)(o)
		o.Config.Worker.PullWait = 10 * time.Minute // so that what is sent is sent because it was queued here
		o.Now = func() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
	})
	f.keepOpen = time.Hour // nobody hangs up because a busy machine is slow to queue
	stop := f.run(t)
	time.Sleep(50 * time.Millisecond)
	for i := range 30 {
		f.queue(t, loginCode(fmt.Sprintf("p%d@example.com", i)))
	}
	server.Wait(t, 30)
	if n := server.Connections(); n > f.config.Worker.Parallel {
		t.Errorf("%d connections", n)
	}
	testkit.Eventually(t, "the queue is empty", func() bool {
		b, err := f.store.Backlog(f.ctx)
		return err == nil && b.Waiting == 0
	})
	stop()
	f.queue(t, loginCode("late@example.com"))
	if r := f.all(t)[0]; r.Status != Queued {
		t.Errorf("%+v", r)
	}
}

// What is being sent when the server stops is finished.
func TestStoppingFinishesWhatWasBegun(t *testing.T) {
	began, leave := make(chan struct{}), make(chan struct{})
	server := testkit.NewSMTP(t, testkit.SMTPOptions{Answer: func(verb, _ string) string {
		if verb == "DATA" {
			close(began)
			<-leave
		}
		return ""
	}})
	f := newFixture(t, testkit.SQLite(t, "management"), to(server))
	f.queue(t, loginCode("anna@example.com"))
	stop := f.run(t)
	<-began
	time.AfterFunc(100*time.Millisecond, func() { close(leave) })
	stop()
	if r := f.one(t); r.Status != Sent {
		t.Errorf("%+v", r)
	}
}

func TestWithoutMailServer(t *testing.T) {
	for _, development := range []bool{true, false} {
		f := newFixture(t, testkit.SQLite(t, "management"), func(o *Options) { o.Development = development })
		stop := f.run(t)
		f.queue(t, loginCode("anna@example.com"))
		stop()
		if r := f.one(t); r.Status != Queued || r.SendCount != 0 {
			t.Errorf("%+v", r)
		}
		level := map[bool]string{true: "level=INFO", false: "level=WARN"}[development]
		if n := strings.Count(f.log.String(), "no mail server is configured"); n != 1 || !strings.Contains(f.log.String(), level) {
			t.Errorf("the log says %q", f.log)
		}
	}
}

func TestParseURI(t *testing.T) {
	for uri, want := range map[string]server{
		"smtp://foo:bar@mail.example.com:1234/": {host: "mail.example.com", port: 1234, user: "foo", password: "bar", name: "mail.example.com", startTLS: true},
		"smtp://mail.example.com":               {host: "mail.example.com", port: 587, name: "mail.example.com", startTLS: true},
		"smtps://mail.example.com":              {host: "mail.example.com", port: 465, name: "mail.example.com", implicit: true},
		"smtp://mail/?disable_starttls=true":    {host: "mail", port: 25, name: "mail"},
		"smtp://mail/?disable_starttls=false":   {host: "mail", port: 587, name: "mail", startTLS: true},
		"smtps://a:b%40@sub.mail:1/?skip_ssl_verify=true&legacy_ssl=true&server_name=mail": {host: "sub.mail", port: 1, user: "a", password: "b@",
			name: "mail", implicit: true, skipVerify: true},
		"smtp://[::1]:25/?legacy_ssl=1": {host: "::1", port: 25, name: "::1", implicit: true},
	} {
		got, err := parseURI(uri)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", uri, got, err)
		}
	}
	for _, uri := range []string{
		"", "mail.example.com:25", "http://mail/", "smtp://", "smtp://a:hunter2%@mail/", "smtp://mail:0/", "smtp://mail:99999/", "smtp://a:hunter2@mail/path",
		"smtp://mail/?disable_starttls=maybe", "smtp://mail/?disable_starttsl=true", "smtp://mail/?skip_ssl_verify=true&skip_ssl_verify=false", "smtp://mail/#x", "smtp://mail/?%zz",
	} {
		if got, err := parseURI(uri); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %+v, %v", uri, got, err)
		}
	}
}

func FuzzParseURI(f *testing.F) {
	for _, seed := range []string{"smtp://a:b@c:1/?server_name=x", "smtps://[::1]/", "smtp://%zz", "smtp:///?=&&"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		s, err := parseURI(uri)
		if err == nil && (s.host == "" || s.port < 1 || s.port > 65535 || s.name == "" || s.implicit && s.startTLS) {
			t.Errorf("%q: %+v", uri, s)
		}
	})
}

// A mail is one mail, whatever its subject, its addresses and its text are made of.
func FuzzCompose(f *testing.F) {
	for _, seed := range [][3]string{{"a@example.com", "s", "b"}, {"ä@münchen.example", "Ünï\r\nBcc: x@example.com", ".\r\n.\r\nQUIT\r\n"}, {`"a b"@example.com`, strings.Repeat("ä", 300), "\x00\xff"}} {
		f.Add(seed[0], seed[1], seed[2])
	}
	server := testkit.NewSMTP(f, testkit.SMTPOptions{})
	f.Fuzz(func(t *testing.T, recipient, words, text string) {
		c := DefaultConfig().SMTP
		c.ConnectionURI, c.FromAddress = secret.String(server.URI()), "no-reply@example.com"
		ch, err := newSMTPChannel(c)
		if err != nil {
			t.Fatal(err)
		}
		by := ch.open()
		defer by.close()
		before := len(server.Mails())
		err = by.send(t.Context(), &outgoing{id: "1", recipient: recipient, subject: finish(subject, words), body: finish(plaintext, text), html: text})
		mails := server.Mails()[before:]
		if err != nil {
			if len(mails) != 0 {
				t.Errorf("%v, and %d mails", err, len(mails))
			}
			return
		}
		if len(mails) != 1 || len(mails[0].To) != 1 || mails[0].From != "no-reply@example.com" || mails[0].Header["Bcc"] != "" || mails[0].Header["Cc"] != "" {
			t.Errorf("%+v", mails)
		}
	})
}
