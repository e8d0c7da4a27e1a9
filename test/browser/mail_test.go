package browser

import (
	"bufio"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/textproto"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// post is a mail server on a free port, which keeps what it is sent for those who look into their mailboxes.
type post struct {
	listener net.Listener
	boxes    sync.Map // by address: chan string
}

func newPost(t *testing.T) *post {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &post{listener: listener}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go p.serve(conn)
		}
	}()
	return p
}

// uri is how a server reaches it.
func (p *post) uri() string {
	return "smtp://" + p.listener.Addr().String() + "/?disable_starttls=true"
}

func (p *post) box(address string) chan string {
	box, _ := p.boxes.LoadOrStore(strings.ToLower(address), make(chan string, 100))
	return box.(chan string)
}

// serve speaks as much of RFC 5321 as a client needs that sends mails.
func (p *post) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	text := textproto.NewConn(conn)
	say := func(line string) bool { return text.PrintfLine("%s", line) == nil }
	if !say("220 localhost ESMTP") {
		return
	}
	var to []string
	for {
		line, err := text.ReadLine()
		if err != nil {
			return
		}
		answer := "250 OK"
		switch verb, rest, _ := strings.Cut(line, ":"); strings.ToUpper(strings.Fields(verb + " -")[0]) {
		case "MAIL":
			to = nil
		case "RCPT":
			address, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(rest), "<"), ">")
			to = append(to, address)
		case "DATA":
			if !say("354 go on") {
				return
			}
			raw, err := io.ReadAll(text.DotReader())
			if err != nil {
				return
			}
			for _, address := range to {
				p.box(address) <- string(raw)
			}
		case "QUIT":
			say("221 bye")
			return
		}
		if !say(answer) {
			return
		}
	}
}

// letter is what a person sees of a mail.
type letter struct{ subject, text, html string }

// take waits for the next mail to an address.
func (p *post) take(t *testing.T, address string) letter {
	t.Helper()
	select {
	case raw := <-p.box(address):
		l, err := open(raw)
		if err != nil {
			t.Fatalf("a mail cannot be read: %v\n%s", err, raw)
		}
		return l
	case <-time.After(patience):
		t.Fatalf("no mail came for %s within %s", address, patience)
		return letter{}
	}
}

// empty reports whether nothing (more) has come.
func (p *post) empty(address string) bool { return len(p.box(address)) == 0 }

var sixDigits = regexp.MustCompile(`\b\d{6}\b`)

// code waits for the next mail and gives the code in it.
func (p *post) code(t *testing.T, address string) string {
	t.Helper()
	l := p.take(t, address)
	code := sixDigits.FindString(l.text)
	if code == "" {
		t.Fatalf("no code in the mail %q:\n%s", l.subject, l.text)
	}
	return code
}

// open reads the text and the HTML of a mail.
func open(raw string) (letter, error) {
	m, err := mail.ReadMessage(bufio.NewReader(strings.NewReader(raw)))
	if err != nil {
		return letter{}, err
	}
	var l letter
	if l.subject, err = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); err != nil {
		return l, err
	}
	return l, l.part(textproto.MIMEHeader(m.Header), m.Body)
}

func (l *letter) part(h textproto.MIMEHeader, body io.Reader) error {
	kind, parameters, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		return err
	}
	if strings.HasPrefix(kind, "multipart/") {
		parts := multipart.NewReader(body, parameters["boundary"])
		for {
			part, err := parts.NextRawPart()
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			if err := l.part(part.Header, part); err != nil {
				return err
			}
		}
	}
	if encoding := h.Get("Content-Transfer-Encoding"); strings.EqualFold(encoding, "quoted-printable") {
		body = quotedprintable.NewReader(body)
	} else if encoding != "" && !strings.HasSuffix(strings.ToLower(encoding), "bit") {
		return fmt.Errorf("unknown transfer encoding %q", encoding)
	}
	decoded, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	switch kind {
	case "text/plain":
		l.text += string(decoded)
	case "text/html":
		l.html += string(decoded)
	}
	return nil
}
