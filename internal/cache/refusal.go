package cache

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/redis/rueidis"
)

// refusals are what Redis itself says no with, by its first word: the setting that mends it, and what is wrong with it.
var refusals = map[string]string{
	"WRONGPASS": "password: the server does not take it, or not with cache.redis.username",
	"NOAUTH":    "password: the server wants one",
	"NOPERM":    "username: this user needs the rights to GET, SET and PING and to keys that begin with cache.redis.prefix",
}

// refused puts the setting before an answer of Redis that a setting mends.
func refused(err error) error {
	answer, ok := errors.AsType[*rueidis.RedisError](err)
	if !ok {
		return err
	}
	word, _, _ := strings.Cut(answer.Error(), " ")
	if why := refusals[word]; why != "" {
		return fmt.Errorf("cache.redis.%s: %w", why, err)
	}
	return err
}

// unconnected puts the setting before what kept a connection from being made, where a setting mends it.
func (r RedisConfig) unconnected(err error) error {
	if why := r.TLS.unconnected(err); why != "" {
		return fmt.Errorf("cache.redis.tls.%s: %w", why, err)
	}
	return refused(err)
}

func (t RedisTLS) unconnected(err error) string {
	network, _ := errors.AsType[*net.OpError](err)
	_, plain := errors.AsType[tls.RecordHeaderError](err)
	_, host := errors.AsType[x509.HostnameError](err)
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	ended := errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
	switch {
	case host:
		return "server_name: the server's certificate is for another name than that in cache.redis.addresses"
	case certificate:
		return "ca_file: none of its authorities, or of the system's where it is not set, has signed the server's certificate, or that has expired"
	case network != nil && network.Op == "remote error": // an alert of TLS
		return "cert_file: the server wants a client certificate, or another one"
	case t.Enabled && (plain || network == nil && errors.Is(err, context.DeadlineExceeded)):
		return "enabled: the server took the connection and did not speak TLS"
	case t.Enabled && t.CertFile == "" && ended:
		// In TLS 1.3 a client has spoken before it learns that its certificate is missed, so the alert can be lost with what it said.
		return "cert_file: the server ended the connection, as those do that want a client certificate"
	case !t.Enabled && ended:
		return "enabled: the server closed the connection at once, as those do that speak TLS only"
	}
	return ""
}
