package testkit_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/smtp"
	"os"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

const letter = "From: a@example.com\r\nTo: b@example.com\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMIME-Version: 1.0\r\n" +
	"Content-Type: multipart/alternative; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain; charset=utf-8\r\n" +
	"Content-Transfer-Encoding: quoted-printable\r\n\r\nCode 123456, not 1234567=\r\n: https://a.example.com/?a=3Db\r\n--x\r\n" +
	"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\nPGI+SGk8L2I+\r\n--x--\r\n"

func TestSMTPKeepsMails(t *testing.T) {
	server := testkit.NewSMTP(t, testkit.SMTPOptions{})
	if err := smtp.SendMail(server.Address, nil, "a@example.com", []string{"b@example.com", "c@example.com"}, []byte(letter)); err != nil {
		t.Fatal(err)
	}
	if n := len(server.Wait(t, 1)); n != 1 {
		t.Errorf("%d mails", n)
	}
	got := server.Take(t, "c@example.com")
	if got.Subject != "Grüße" || got.HTML != "<b>Hi</b>" || got.Code() != "123456" || got.Link() != "https://a.example.com/?a=b" || got.From != "a@example.com" {
		t.Errorf("%+v", got)
	}
	if len(server.Mails()) != 0 {
		t.Error("a mail that was taken is still there")
	}
}

func TestSMTPIsAsStrictAsItIsTold(t *testing.T) {
	server := testkit.NewSMTP(t, testkit.SMTPOptions{StartTLS: true, User: "u", Password: "p", Answer: func(verb, argument string) string {
		if verb == "RCPT" && strings.Contains(argument, "nobody@") {
			return "550 5.1.1 nobody"
		}
		return ""
	}})
	authority, err := os.ReadFile(server.CA)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	host, _, err := net.SplitHostPort(server.Address)
	if err != nil {
		t.Fatal(err)
	}
	try := func(secure bool, password, to string) error {
		c, err := smtp.Dial(server.Address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if secure {
			if err := c.StartTLS(&tls.Config{RootCAs: pool, ServerName: host}); err != nil {
				t.Fatal(err)
			}
		}
		if password != "" {
			if err := c.Auth(smtp.PlainAuth("", "u", password, host)); err != nil {
				return err
			}
		}
		if err := c.Mail("a@example.com"); err != nil {
			return err
		}
		return c.Rcpt(to)
	}
	for _, tc := range []struct {
		secure             bool
		password, to, want string
	}{
		{false, "", "b@example.com", "530"}, {true, "", "b@example.com", "530"}, {true, "wrong", "b@example.com", "535"},
		{true, "p", "nobody@example.com", "550"}, {true, "p", "b@example.com", ""},
	} {
		err := try(tc.secure, tc.password, tc.to)
		if (err == nil) != (tc.want == "") || err != nil && !strings.HasPrefix(err.Error(), tc.want) {
			t.Errorf("%+v: %v", tc, err)
		}
	}
}
