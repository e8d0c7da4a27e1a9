package testkit

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"regexp"
	"strings"
)

// Mail is a mail that an SMTP was sent.
type Mail struct {
	// From and To are the addresses of the envelope.
	From string
	To   []string
	// Header holds the headers, decoded where they were encoded words.
	Header map[string]string
	// Subject is the decoded subject.
	Subject string
	// Text and HTML are the two forms of the mail, decoded; lines end in a line feed.
	Text, HTML string
	// Raw is the mail as it came, with line feeds alone.
	Raw []byte
	// Hello is how the client greeted, User who it proved to be, Certificate the name in its certificate.
	Hello, User, Certificate string
	// TLS reports whether it came over TLS.
	TLS bool
}

var (
	mailCode = regexp.MustCompile(`(?m)(?:^|\D)(\d{6})(?:$|\D)`)
	mailLink = regexp.MustCompile(`https?://[^\s<>"]+`)
)

// Code returns the first number of six digits in the text, or "".
func (m *Mail) Code() string {
	if found := mailCode.FindStringSubmatch(m.Text); found != nil {
		return found[1]
	}
	return ""
}

// Link returns the first URL in the text, or "".
func (m *Mail) Link() string { return mailLink.FindString(m.Text) }

// read takes a mail apart.
func (m *Mail) read(raw []byte) error {
	m.Raw = raw
	msg, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	m.Header = map[string]string{}
	words := new(mime.WordDecoder)
	for name, values := range msg.Header {
		if len(values) > 1 {
			return fmt.Errorf("the header %s comes twice", name)
		}
		if m.Header[name], err = words.DecodeHeader(values[0]); err != nil {
			return err
		}
	}
	m.Subject = m.Header["Subject"]
	return m.part(textproto.MIMEHeader(msg.Header), msg.Body)
}

// part takes a body, or the parts that it is made of.
func (m *Mail) part(header textproto.MIMEHeader, body io.Reader) error {
	media, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		return err
	}
	if strings.HasPrefix(media, "multipart/") {
		for parts := multipart.NewReader(body, params["boundary"]); ; {
			p, err := parts.NextRawPart()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			if err := m.part(p.Header, p); err != nil {
				return err
			}
		}
	}
	switch strings.ToLower(header.Get("Content-Transfer-Encoding")) {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	clean := strings.ReplaceAll(string(text), "\r\n", "\n")
	switch media {
	case "text/plain":
		m.Text = clean
	case "text/html":
		m.HTML = clean
	}
	return nil
}
