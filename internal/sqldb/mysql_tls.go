package sqldb

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"github.com/gatehouse-iam/gatehouse/internal/trust"
)

// mysqlTLS reads tls and the PEM files tls_ca, tls_cert and tls_key. No configuration means plaintext; fallback that plaintext
// will do where the server has no TLS.
//
//	tls           encrypted              certificate and host name checked
//	false         no                     no                                  the default, without files
//	preferred     where the server can   no
//	skip-verify   yes                    no
//	true          yes                    yes                                 the default, with files
func mysqlTLS(d *dsn) (config *tls.Config, fallback bool, err error) {
	mode, ca, cert, key := d.take("tls"), d.take("tls_ca"), d.take("tls_cert"), d.take("tls_key")
	if mode == "" {
		mode = "false"
		if ca != "" || cert != "" || key != "" {
			mode = "true"
		}
	}
	switch {
	case mode != "true" && mode != "false" && mode != "preferred" && mode != "skip-verify":
		return nil, false, errors.New("tls is one of true, false, preferred, skip-verify")
	case mode != "true" && ca != "":
		return nil, false, fmt.Errorf("tls_ca is read with tls=true alone: tls=%s checks no certificate", mode)
	case mode == "false" && (cert != "" || key != ""):
		return nil, false, errors.New("tls_cert and tls_key need TLS, and tls is false")
	case (cert == "") != (key == ""):
		return nil, false, errors.New("tls_cert and tls_key go together")
	case mode == "false":
		d.plaintext = true
		return nil, false, nil
	}
	host, _, err := net.SplitHostPort(withPort(d.host, "3306"))
	if err != nil {
		return nil, false, err
	}
	// preferred and skip-verify are MySQL's own modes, known to whoever moves here with a DSN of the kind: they keep out who only
	// listens, and check no certificate because many managed servers of old have one for no name. Neither is ever the default.
	//nolint:gosec // InsecureSkipVerify is what these two modes mean; true, which checks, is what holds where none is named
	config = &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12, InsecureSkipVerify: mode != "true"}
	if ca != "" {
		if config.RootCAs, err = trust.Only(ca); err != nil {
			return nil, false, fmt.Errorf("tls_ca: %w", err)
		}
	}
	if cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, false, fmt.Errorf("tls_cert and tls_key: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, mode == "preferred", nil
}
