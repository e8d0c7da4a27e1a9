package harden

import (
	"net"
	"net/url"
	"strconv"
	"strings"
)

// place is the path of an item of a list.
func place(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// hostOf gives the host of a URL, "" where there is none.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname())
}

// near tells whether a host is this machine.
func near(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}

// plainURL tells whether an address is http to another machine.
func plainURL(address string) bool {
	return strings.HasPrefix(strings.ToLower(address), "http://") && !near(hostOf(strings.Replace(address, "://*.", "://", 1)))
}

// shown gives a URL without what may be a secret in it: its user, query and fragment.
func shown(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "an address"
	}
	return u.Scheme + "://" + u.Host + u.EscapedPath()
}
