package door

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/textproto"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/target"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// heard makes a question of a request that came to a door.
func heard(r *http.Request, asked Asked) *Question {
	ctx := r.Context()
	return &Question{Asked: asked, Request: access.Request{
		Header: access.Header(r.Header), Client: web.ClientIP(ctx), ID: web.RequestID(ctx), Body: keepBody(r),
	}}
}

// takeNominated takes off the fields that a client has named in Connection: they are for this connection alone, and the application does
// not get them (RFC 9110 §7.6.1), so no rule may be asked about them. What says how the connection goes on is left to ReverseProxy.
func takeNominated(h http.Header) {
	for _, line := range h["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			if name = textproto.TrimString(name); !ofConnection(name) {
				h.Del(name)
			}
		}
	}
}

// ofConnection reports whether an option of Connection is no field, or one that ReverseProxy reads.
func ofConnection(option string) bool {
	for _, one := range [...]string{"keep-alive", "close", "upgrade", "te", "connection"} {
		if strings.EqualFold(one, option) {
			return true
		}
	}
	return false
}

// own is what a request asks for by itself.
func own(r *http.Request) Asked {
	path, query, err := pathAndQuery(r)
	return Asked{Method: r.Method, Scheme: scheme(r.Context()), Host: r.Host, Path: path, Query: query, Err: err}
}

// scheme is how the client spoke to us, or to the proxy that is declared to end TLS.
func scheme(ctx context.Context) string {
	if web.IsHTTPS(ctx) {
		return "https"
	}
	return "http"
}

// pathAndQuery cuts a request target as it was sent. RFC 9112 §3.2.2 lets clients write the absolute form to any server; the
// asterisk form and CONNECT's are no resource.
func pathAndQuery(r *http.Request) (path, query string, err error) {
	if r.Method == http.MethodConnect || r.RequestURI == "*" {
		return "", "", target.ErrAmbiguous.With("Only requests for a path are served here.")
	}
	if strings.HasPrefix(r.RequestURI, "/") {
		path, query, _ = strings.Cut(r.RequestURI, "?")
		return path, query, nil
	}
	return r.URL.EscapedPath(), r.URL.RawQuery, nil
}

// keepBody lets handlers read the body beforehand, and the upstream read it all the same.
func keepBody(r *http.Request) func(limit int64) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	rest, read := r.Body, []byte(nil)
	return func(limit int64) ([]byte, error) {
		// One byte more than asked for tells whether there is more.
		more, err := io.ReadAll(io.LimitReader(rest, limit+1-int64(len(read))))
		read = append(read, more...)
		r.Body = &keptBody{io.MultiReader(bytes.NewReader(read), rest), rest}
		if large, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, access.ErrBodyTooLarge.Because(large)
		}
		if err != nil {
			return nil, access.ErrUnreadable.Because(err)
		}
		if int64(len(read)) > limit {
			return nil, access.ErrBodyTooLarge
		}
		return read, nil
	}
}

// keptBody is a body of which the beginning has been read already.
type keptBody struct {
	io.Reader
	io.Closer
}
