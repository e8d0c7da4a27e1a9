package web

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
)

// buffers keeps encode buffers between requests. What is in them does not outlive the call that took them.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// largestKept is the size above which a buffer is given back to the garbage collector.
const largestKept = 64 << 10

// JSON is the media type that WriteJSON sends.
const JSON = "application/json; charset=utf-8"

// WriteJSON answers with v as JSON. Nothing is sent when v cannot be encoded.
func WriteJSON(w http.ResponseWriter, status int, v any) error {
	buf, _ := buffers.Get().(*bytes.Buffer)
	defer func() {
		if buf.Cap() <= largestKept {
			buf.Reset()
			buffers.Put(buf)
		}
	}()
	enc := json.NewEncoder(buf)
	// What we send is never HTML, and "\u0026" in a redirect_to only hinders people.
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	return WriteRawJSON(w, status, buf.Bytes())
}

// WriteRawJSON answers with JSON that is already encoded.
func WriteRawJSON(w http.ResponseWriter, status int, body []byte) error {
	h := w.Header()
	if len(h["Content-Type"]) == 0 {
		h["Content-Type"] = jsonType(w)
	}
	if len(body) > 2000 { // below, net/http finds the length by itself and spares us the text
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(status)
	_, err := w.Write(body)
	return err
}

// jsonType returns the header value, the mux's shared one where w is the mux's.
func jsonType(w http.ResponseWriter) []string {
	if rw, ok := w.(*responseWriter); ok && rw.json != nil {
		return rw.json
	}
	return []string{JSON}
}

// NoStore forbids caches to keep the answer (RFC 6749 §5.1 asks for both headers).
func NoStore(h http.Header) {
	h["Cache-Control"] = []string{"no-store"}
	h["Pragma"] = []string{"no-cache"}
}

// Reply is a result of a Call function with a status other than 200 or with headers of its own.
type Reply[T any] struct {
	// Status is the HTTP status; 0 means 200.
	Status int
	// Header is added to the answer's.
	Header http.Header
	// Body is sent as JSON.
	Body T
}

func (r Reply[T]) reply() (int, http.Header, any) { return r.Status, r.Header, r.Body }

// NoContent is the result of a Call function that has nothing to tell: 204.
type NoContent struct{}

type replier interface {
	reply() (status int, header http.Header, body any)
}

// writeResult answers with the result of a Call function.
func writeResult(w http.ResponseWriter, out any) error {
	switch v := out.(type) {
	case NoContent:
		w.WriteHeader(http.StatusNoContent)
		return nil
	case replier:
		status, header, body := v.reply()
		h := w.Header()
		for k, values := range header {
			h[http.CanonicalHeaderKey(k)] = values
		}
		if status == 0 {
			status = http.StatusOK
		}
		if _, empty := body.(NoContent); empty || status == http.StatusNoContent {
			w.WriteHeader(status)
			return nil
		}
		return WriteJSON(w, status, body)
	default:
		return WriteJSON(w, http.StatusOK, out)
	}
}
