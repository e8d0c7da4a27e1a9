package activity

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/trust"
)

// syslogReceiver sends RFC 5424 messages, over UDP one in each datagram (RFC 5426 §3.1), over TCP and TLS each with its length
// before it (RFC 6587 §3.4.1, RFC 5425 §4.3). No receipt comes back, so what was sent before a connection broke may be lost.
type syslogReceiver struct {
	network, address, host string
	tls                    *tls.Config // nil where it is not TLS
	conn                   net.Conn    // nil where there is none
	gone                   chan struct{}
}

func newSyslogReceiver(c ExportConfig, u *url.URL, host string) (*syslogReceiver, error) {
	r := &syslogReceiver{network: "tcp", address: u.Host, host: header(host, 255)}
	switch u.Scheme {
	case "syslog+udp":
		r.network = "udp"
	case "syslog+tls":
		roots, err := authorities(c.CAFile)
		if err != nil {
			return nil, err
		}
		r.tls = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: u.Hostname(), RootCAs: roots}
	}
	return r, nil
}

// authorities are the system's and those of a file; nil stands for the system's alone.
func authorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pool, err := trust.Besides(file)
	if err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	return pool, nil
}

func (r *syslogReceiver) close() {
	if r.conn != nil {
		_ = r.conn.Close()
		r.conn = nil
	}
}

func (r *syslogReceiver) send(ctx context.Context, _ tenant.ID, lines []Line) error {
	if err := r.dial(ctx); err != nil {
		return err
	}
	err := r.write(ctx, lines)
	if err != nil {
		r.close()
	}
	return err
}

// dial opens a connection, unless there is one that the other side has not closed.
func (r *syslogReceiver) dial(ctx context.Context) (err error) {
	if r.conn != nil && r.ended() {
		r.close()
	}
	if r.conn != nil {
		return nil
	}
	if r.tls != nil {
		r.conn, err = (&tls.Dialer{Config: r.tls}).DialContext(ctx, r.network, r.address)
	} else {
		r.conn, err = (&net.Dialer{}).DialContext(ctx, r.network, r.address)
	}
	if err != nil {
		r.conn = nil
		return err
	}
	// The other side never sends anything, so when reading ends, so has the connection.
	conn, gone := r.conn, make(chan struct{})
	r.gone = gone
	if r.network == "tcp" {
		go func() {
			defer close(gone)
			_, _ = io.Copy(io.Discard, conn)
		}()
	}
	return nil
}

// ended reports whether the other side has closed the connection.
func (r *syslogReceiver) ended() bool {
	select {
	case <-r.gone:
		return true
	default:
		return false
	}
}

func (r *syslogReceiver) write(ctx context.Context, lines []Line) error {
	if deadline, ok := ctx.Deadline(); ok {
		_ = r.conn.SetWriteDeadline(deadline)
	}
	var out bytes.Buffer
	for _, l := range lines {
		message := r.message(l)
		if r.network == "udp" {
			if _, err := r.conn.Write(message); err != nil {
				return err
			}
			continue
		}
		out.WriteString(strconv.Itoa(len(message)))
		out.WriteByte(' ')
		out.Write(message)
	}
	if out.Len() == 0 {
		return nil
	}
	_, err := r.conn.Write(out.Bytes())
	return err
}

const (
	facility = 13 // log audit, RFC 5424 §6.2.1
	warning  = 4
	notice   = 5
)

// message is RFC 5424 §6: the action is the MSGID, the line as JSON the MSG.
func (r *syslogReceiver) message(l Line) []byte {
	e, _ := decode(l.Document) // of what is unreadable the header says nothing
	severity := notice
	if alarming(e.Action) {
		severity = warning
	}
	at := "-"
	if !e.Time.IsZero() {
		at = e.Time.UTC().Format("2006-01-02T15:04:05.000000Z")
	}
	head := "<" + strconv.Itoa(facility*8+severity) + ">1 " + at + " " + r.host + " gatehouse - " + header(string(e.Action), 32) + " - "
	return append([]byte(head), l.JSON()...)
}

// alarming are actions that somebody may have to look at.
func alarming(a Action) bool {
	switch a {
	case LoginFailed, LoginLocked, RecoveryFailed, ClientFailed, TokenFamilyRevoked, AdminRefused, BackupFailed:
		return true
	default:
		return false
	}
}

// header is a field of the header: printable ASCII without blanks, "-" where nothing is left.
func header(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
	if len(s) > most {
		s = s[:most]
	}
	if s == "" {
		return "-"
	}
	return s
}
