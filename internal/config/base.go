package config

import (
	"net"

	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// deriveBase gives a listener that says no base URL the one at which this machine reaches it, where that can be meant.
func (c *Config) deriveBase(path string, l *web.Config, allowed bool) {
	if l.BaseURL != "" || !allowed {
		return
	}
	host, port, err := net.SplitHostPort(l.Address)
	if err != nil {
		return
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	scheme := "http"
	if l.TLS.CertFile != "" {
		scheme = "https"
	}
	l.BaseURL = scheme + "://" + net.JoinHostPort(host, port) + "/"
	c.derived[path+".base_url"] = path + ".address"
}
