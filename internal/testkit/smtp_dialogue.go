package testkit

import (
	"bufio"
	"crypto/subtle"
	"crypto/tls"
	"encoding/base64"
	"net"
	"net/textproto"
	"strings"
)

// dialogue is one client's connection.
type dialogue struct {
	server *SMTP
	conn   net.Conn
	text   *textproto.Reader
	known  bool // the client has proved who it is
	mail   Mail
}

func (d *dialogue) over(conn net.Conn) {
	d.conn = conn
	d.text = textproto.NewReader(bufio.NewReader(conn))
}

func (d *dialogue) secure(conn net.Conn) { d.over(tls.Server(conn, d.server.tls)) }

func (d *dialogue) say(line string) bool {
	_, err := d.conn.Write([]byte(line + "\r\n"))
	return err == nil
}

func (d *dialogue) run() {
	for more := d.say("220 testkit ESMTP"); more; {
		line, err := d.text.ReadLine()
		if err != nil {
			return
		}
		verb, argument, _ := strings.Cut(line, " ")
		more = d.command(strings.ToUpper(verb), argument)
	}
}

// answered gives the test's own answer to a command, if it has one.
func (d *dialogue) answered(verb, argument string) (said, more bool) {
	if d.server.options.Answer == nil {
		return false, true
	}
	switch line := d.server.options.Answer(verb, argument); line {
	case "":
		return false, true
	case "-":
		return true, false
	default:
		return true, d.say(line)
	}
}

// command answers one command (RFC 5321 §4.1); false ends the connection.
func (d *dialogue) command(verb, argument string) bool {
	if verb != "DATA" { // there Answer is asked about the text
		if said, more := d.answered(verb, argument); said {
			return more
		}
	}
	o := d.server.options
	_, encrypted := d.conn.(*tls.Conn)
	switch {
	case verb == "EHLO" || verb == "HELO":
		d.mail.Hello = argument
		return d.say(d.greeting(encrypted))
	case verb == "QUIT":
		d.say("221 bye")
		return false
	case verb == "NOOP":
		return d.say("250 fine")
	case verb == "RSET":
		d.mail.From, d.mail.To = "", nil
		return d.say("250 forgotten")
	case verb == "STARTTLS" && o.StartTLS && !encrypted:
		if !d.say("220 go on") {
			return false
		}
		d.secure(d.conn)
		return true
	case o.StartTLS && !encrypted:
		return d.say("530 5.7.0 STARTTLS first")
	case verb == "AUTH":
		return d.authenticate(argument)
	case o.User != "" && !d.known:
		return d.say("530 5.7.0 who are you?")
	case verb == "MAIL":
		d.mail.From = address(argument)
		return d.say("250 sender taken")
	case verb == "RCPT":
		d.mail.To = append(d.mail.To, address(argument))
		return d.say("250 recipient taken")
	case verb == "DATA" && len(d.mail.To) > 0:
		return d.data()
	}
	return d.say("503 not now")
}

func (d *dialogue) greeting(encrypted bool) string {
	lines := []string{"testkit", "8BITMIME", "ENHANCEDSTATUSCODES", "SMTPUTF8"}
	if d.server.options.StartTLS && !encrypted {
		lines = append(lines, "STARTTLS")
	}
	if d.server.options.User != "" && (encrypted || !d.server.options.StartTLS) {
		lines = append(lines, "AUTH PLAIN LOGIN")
	}
	return "250-" + strings.Join(lines, "\r\n250-") + "\r\n250 SIZE 10485760"
}

// address is what stands between the angle brackets of MAIL FROM:<…> and RCPT TO:<…>.
func address(argument string) string {
	_, rest, _ := strings.Cut(argument, "<")
	in, _, _ := strings.Cut(rest, ">")
	return in
}

// authenticate takes AUTH PLAIN (RFC 4616) and AUTH LOGIN.
func (d *dialogue) authenticate(argument string) bool {
	ask := func(prompt string) string {
		if !d.say("334 " + base64.StdEncoding.EncodeToString([]byte(prompt))) {
			return ""
		}
		line, _ := d.text.ReadLine()
		return decoded(line)
	}
	var user, password string
	mechanism, initial, _ := strings.Cut(argument, " ")
	switch mechanism {
	case "PLAIN":
		given := decoded(initial)
		if initial == "" {
			given = ask("")
		}
		if fields := strings.Split(given, "\x00"); len(fields) == 3 {
			user, password = fields[1], fields[2]
		}
	case "LOGIN":
		user = ask("Username:")
		password = ask("Password:")
	default:
		return d.say("504 5.5.4 PLAIN or LOGIN")
	}
	o := d.server.options
	if user != o.User || subtle.ConstantTimeCompare([]byte(password), []byte(o.Password)) != 1 {
		return d.say("535 5.7.8 no")
	}
	d.known, d.mail.User = true, user
	return d.say("235 2.7.0 welcome")
}

func decoded(text string) string {
	b, _ := base64.StdEncoding.DecodeString(text)
	return string(b)
}

// data takes the text of a mail.
func (d *dialogue) data() bool {
	if !d.say("354 end with a dot") {
		return false
	}
	raw, err := d.text.ReadDotBytes()
	if err != nil {
		return false
	}
	if said, more := d.answered("DATA", string(raw)); said {
		d.mail.From, d.mail.To = "", nil
		return more
	}
	m := d.mail
	d.mail.From, d.mail.To = "", nil
	if c, ok := d.conn.(*tls.Conn); ok {
		m.TLS = true
		for _, certificate := range c.ConnectionState().PeerCertificates {
			m.Certificate = certificate.Subject.CommonName
		}
	}
	if err := m.read(raw); err != nil {
		return d.say("554 5.6.0 this is no mail: " + strings.ReplaceAll(err.Error(), "\n", " "))
	}
	d.server.mu.Lock()
	d.server.mails = append(d.server.mails, m)
	d.server.mu.Unlock()
	d.server.arrived.Broadcast()
	return d.say("250 2.0.0 taken")
}
