package door

import (
	"maps"
	"net/http"
)

// counter counts the bytes of an answer, and keeps interim answers (RFC 9110 §15.2) apart from the final one: ReverseProxy writes their
// fields among those that the listener has set for the final one, and then clears them all.
type counter struct {
	http.ResponseWriter
	pass    *passage
	bytes   int64
	interim http.Header // of the interim answer that is being written
}

// Header implements http.ResponseWriter.
func (c *counter) Header() http.Header {
	if c.pass.answered {
		return c.ResponseWriter.Header()
	}
	if c.interim == nil {
		c.interim = http.Header{}
	}
	return c.interim
}

// WriteHeader implements http.ResponseWriter.
func (c *counter) WriteHeader(status int) {
	if c.pass.answered {
		c.ResponseWriter.WriteHeader(status)
		return
	}
	if c.pass.expects {
		return
	}
	c.pass.withhold(c.interim)
	header := c.ResponseWriter.Header()
	final := maps.Clone(header)
	clear(header)
	maps.Copy(header, c.interim)
	c.ResponseWriter.WriteHeader(status)
	clear(header)
	maps.Copy(header, final)
}

// Write implements http.ResponseWriter.
func (c *counter) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the writer below.
func (c *counter) Unwrap() http.ResponseWriter { return c.ResponseWriter }
