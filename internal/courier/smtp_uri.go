package courier

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// server is what an SMTP URI says.
type server struct {
	host       string
	port       int
	user       string
	password   string
	name       string // that the certificate must hold
	implicit   bool   // TLS from the start
	startTLS   bool
	skipVerify bool
}

// Ports where the URI names none (RFC 8314 §3.3, RFC 6409 §3.1, RFC 5321 §4.5.4.2).
const (
	portTLS        = 465
	portSubmission = 587
	portPlain      = 25
)

// parseURI reads an SMTP URI with the parameters that Ory Kratos knows. Its errors quote nothing: there is a password in
// it. With smtp:// StartTLS is not an offer but a condition: whoever could take it out of the server's greeting could read
// all mails.
func parseURI(text string) (server, error) {
	u, err := url.Parse(text)
	if err != nil {
		return server{}, errors.New("cannot be read: percent-encode what is special in user and password, as in smtp://user:p%40ss@host:587/")
	}
	if u.Scheme != "smtp" && u.Scheme != "smtps" || u.Hostname() == "" {
		return server{}, errors.New("must be smtp://host:587/ or smtps://host:465/")
	}
	if p := strings.Trim(u.Path, "/"); p != "" || u.Fragment != "" {
		return server{}, errors.New("must not have anything but parameters behind the host")
	}
	flags, name, err := parameters(u.RawQuery)
	if err != nil {
		return server{}, err
	}
	password, _ := u.User.Password()
	s := server{
		host: u.Hostname(), name: name, user: u.User.Username(), password: password,
		implicit: u.Scheme == "smtps" || flags["legacy_ssl"], skipVerify: flags["skip_ssl_verify"],
	}
	if s.name == "" {
		s.name = s.host
	}
	s.startTLS = !s.implicit && !flags["disable_starttls"]
	switch {
	case u.Port() != "":
		if s.port, err = strconv.Atoi(u.Port()); err != nil || s.port < 1 || s.port > 65535 {
			return server{}, errors.New("has a port that is none")
		}
	case s.implicit:
		s.port = portTLS
	case s.startTLS:
		s.port = portSubmission
	default:
		s.port = portPlain
	}
	return s, nil
}

// parameters reads the part of an SMTP URI behind the question mark.
func parameters(query string) (flags map[string]bool, name string, err error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, "", errors.New("has parameters that cannot be read")
	}
	flags = map[string]bool{}
	for key, given := range values {
		switch key {
		case "disable_starttls", "skip_ssl_verify", "legacy_ssl":
			on, err := strconv.ParseBool(given[0])
			if err != nil || len(given) > 1 {
				return nil, "", fmt.Errorf("has a parameter %s that is neither true nor false", key)
			}
			flags[key] = on
		case "server_name":
			name = given[0]
		default:
			return nil, "", errors.New("has an unknown parameter: there are disable_starttls, skip_ssl_verify, legacy_ssl and server_name")
		}
	}
	return flags, name, nil
}
