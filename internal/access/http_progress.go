package access

import (
	"io"
	"net/http"
	"time"
)

// clientPause is how long a client may take to send or to take the next bytes. A listener's limits are on whole requests and
// answers: uploads, downloads and streams of any length pass a proxy, as long as they go on.
const clientPause = time.Minute

// progress puts the limit on each step in the place of the listener's on the whole.
func (p *Proxy) progress(w http.ResponseWriter, r *http.Request) http.ResponseWriter {
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(time.Time{}) // a connection that has no deadlines, in tests, has none to lift
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = &steadyBody{r.Body, control, p.Now}
	}
	return &steadyWriter{w, control, p.Now}
}

type steadyBody struct {
	io.ReadCloser
	control *http.ResponseController
	now     func() time.Time
}

// Read implements io.Reader.
func (b *steadyBody) Read(p []byte) (int, error) {
	_ = b.control.SetReadDeadline(b.now().Add(clientPause))
	return b.ReadCloser.Read(p)
}

type steadyWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	now     func() time.Time
}

// Write implements http.ResponseWriter.
func (w *steadyWriter) Write(p []byte) (int, error) {
	_ = w.control.SetWriteDeadline(w.now().Add(clientPause))
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the writer below.
func (w *steadyWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
