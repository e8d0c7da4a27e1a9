package target

import (
	"strings"
)

// maxName is more than a host name can have, in bytes (RFC 1035 §2.3.4). Rules are looked up by each end of a name, so a stranger may not
// write one of any length.
const maxName = 255

// Host gives a host in the form of Target.Host.
func Host(scheme, host string) (string, error) {
	name, port, err := splitPort(host)
	if err != nil {
		return "", err
	}
	if len(name) > maxName {
		return "", errNoHost
	}
	if err := checkName(name); err != nil {
		return "", err
	}
	name = Lower(strings.TrimSuffix(name, "."))
	if port == "" || scheme == "http" && port == "80" || scheme == "https" && port == "443" {
		return name, nil
	}
	if len(name)+1+len(port) == len(host) && strings.HasPrefix(host, name) {
		return host, nil
	}
	return name + ":" + port, nil
}

func splitPort(host string) (name, port string, err error) {
	name = host
	if at := strings.LastIndexByte(host, ':'); at > strings.LastIndexByte(host, ']') {
		name, port = host[:at], host[at+1:]
	}
	if len(port) > 5 || strings.Trim(port, "0123456789") != "" || strings.HasPrefix(port, "0") || len(port) == 5 && port > "65535" {
		return "", "", ErrAmbiguous.With("The host's port is not a number from 1 to 65535.")
	}
	return name, port, nil
}

var errNoHost = ErrAmbiguous.With("The host is not a host name.")

// checkName refuses host names that are none. What is not ASCII is written in punycode on the wire (RFC 9110 §4.2.3, RFC
// 5891).
func checkName(name string) error {
	if strings.HasPrefix(name, "[") && strings.HasSuffix(name, "]") {
		inside := name[1 : len(name)-1]
		if inside == "" || strings.Trim(inside, "0123456789abcdefABCDEF:.") != "" {
			return errNoHost
		}
		return nil
	}
	label := 0
	for i := range len(name) {
		c := name[i]
		switch {
		case c == '.':
			if label == 0 {
				return errNoHost
			}
			label = 0
		case c == '-' || c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z':
			label++
		default:
			return errNoHost
		}
	}
	if label == 0 && !strings.HasSuffix(name, ".") || name == "" {
		return errNoHost
	}
	return nil
}

// Lower is strings.ToLower that only knows the letters of host names, and gives s itself where there is nothing to do.
func Lower(s string) string {
	for i := range len(s) {
		if c := s[i]; 'A' <= c && c <= 'Z' {
			b := []byte(s)
			for j, c := range b {
				if 'A' <= c && c <= 'Z' {
					b[j] = c + 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}
