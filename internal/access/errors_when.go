package access

import (
	"fmt"
	"mime"
	"net/netip"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/spell"
)

// words are the statuses that conditions can name.
func words(status int) string {
	switch status {
	case 400:
		return "bad_request"
	case 401:
		return "unauthorized"
	case 403:
		return "forbidden"
	case 404:
		return "not_found"
	case 405:
		return "method_not_allowed"
	case 409:
		return "conflict"
	case 413:
		return "request_entity_too_large"
	case 429:
		return "too_many_requests"
	case 503:
		return "service_unavailable"
	}
	return "internal_server_error"
}

func (w *When) compile() error {
	known := []string{
		"bad_request", "unauthorized", "forbidden", "not_found", "method_not_allowed", "conflict", "request_entity_too_large",
		"too_many_requests", "internal_server_error", "service_unavailable",
	}
	for i, name := range w.Error {
		if !slices.Contains(known, name) {
			return fmt.Errorf("error[%d]: %q is no error%s", i, name, spell.Meant(name, known))
		}
	}
	if w.Request == nil {
		return nil
	}
	lists := map[string][]string{"request.cidr": w.Request.CIDR}
	if w.Request.RemoteIP != nil {
		lists["request.remote_ip.match"] = w.Request.RemoteIP.Match
	}
	for path, list := range lists {
		for i, text := range list {
			network, err := parseNetwork(text)
			if err != nil {
				return fmt.Errorf("%s[%d]: %q is not a network, such as 10.0.0.0/8 or 2001:db8::/32", path, i, text)
			}
			w.networks = append(w.networks, network)
		}
	}
	return nil
}

func parseNetwork(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	return p.Masked(), err
}

// Choose gives the answer for an error with the HTTP status: the first handler of the rule that is responsible, else the
// first of the fallback, else JSON.
func (h *ErrorHandlers) Choose(status int, r *Request) *ErrorAnswer {
	if h == nil {
		h = builtInErrors()
	}
	for _, list := range [][]errorHandler{h.rule, h.fallback} {
		for i := range list {
			if list[i].responsible(status, r) {
				return &list[i].answer
			}
		}
	}
	return &h.last
}

func (h *errorHandler) responsible(status int, r *Request) bool {
	if len(h.when) == 0 {
		return true
	}
	for i := range h.when {
		if h.when[i].holds(status, r) {
			return true
		}
	}
	return false
}

func (w *When) holds(status int, r *Request) bool {
	name := words(status)
	if len(w.Error) > 0 && !slices.Contains(w.Error, name) && (status < 500 || !slices.Contains(w.Error, "internal_server_error")) {
		return false
	}
	if w.Request == nil {
		return true
	}
	if h := w.Request.Header; h != nil && (!speaks(r.Header["Content-Type"], h.ContentType) || !speaks(r.Header["Accept"], h.Accept)) {
		return false
	}
	return len(w.networks) == 0 || w.comesFrom(r)
}

// comesFrom reports whether the request comes from one of the networks.
func (w *When) comesFrom(r *Request) bool {
	from := []netip.Addr{r.Client.Unmap()}
	if w.Request.RemoteIP != nil && w.Request.RemoteIP.RespectForwardedForHeader {
		for _, field := range r.Header["X-Forwarded-For"] {
			for one := range strings.SplitSeq(field, ",") {
				if a, err := netip.ParseAddr(strings.TrimSpace(one)); err == nil {
					from = append(from, a.Unmap())
				}
			}
		}
	}
	for _, a := range from {
		if slices.ContainsFunc(w.networks, func(n netip.Prefix) bool { return n.Contains(a) }) {
			return true
		}
	}
	return false
}

// speaks reports whether one of the media types of a field is wanted. A request that names none speaks of
// application/octet-stream, as Oathkeeper has it.
func speaks(field, wanted []string) bool {
	if len(wanted) == 0 {
		return true
	}
	if len(field) == 0 || field[0] == "" {
		field = []string{"application/octet-stream"}
	}
	for _, list := range field {
		for one := range strings.SplitSeq(list, ",") {
			name, _, err := mime.ParseMediaType(one)
			if err != nil && name == "" {
				continue
			}
			if slices.ContainsFunc(wanted, func(w string) bool { return covers(strings.ToLower(strings.TrimSpace(w)), name) }) {
				return true
			}
		}
	}
	return false
}

func covers(wanted, name string) bool {
	kind, wildcard := strings.CutSuffix(wanted, "/*")
	return wanted == "*/*" || wanted == name || wildcard && strings.HasPrefix(name, kind+"/")
}
