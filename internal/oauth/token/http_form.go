package token

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/gatehouse-iam/gatehouse/internal/oauth"
)

// MaxForm is how many bytes the form of a token, revocation or introspection request may have.
const MaxForm = 64 << 10

// maxParameters is how many parameters a form may have: far more than any grant knows.
const maxParameters = 64

const formType = "application/x-www-form-urlencoded"

var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// ReadForm reads the parameters of a request to the token endpoint or one of its kin into r.PostForm: form-encoded, or
// multipart without files. A parameter that is empty counts as absent, and one that comes twice is refused (RFC 6749
// §3.2), but for audience and resource, which are lists. Credentials in the query are refused (RFC 6749 §2.3.1); the
// query is otherwise not looked at.
func ReadForm(w http.ResponseWriter, r *http.Request) error {
	if r.URL.RawQuery != "" {
		if err := checkQuery(r.URL.RawQuery); err != nil {
			return err
		}
	}
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	if len(form) > maxParameters {
		return oauth.ErrInvalidRequest.With("The request has too many parameters.")
	}
	for name, values := range form {
		if len(values) > 1 && name != "audience" && name != "resource" {
			return oauth.ErrInvalidRequest.Withf("The parameter %s is there more than once.", oauth.Quote(name))
		}
		if len(values) == 1 && values[0] == "" {
			delete(form, name)
		}
	}
	// Both are set, so that nobody after us reads the body again or mixes the query in.
	r.PostForm, r.Form = form, form
	return nil
}

// readForm decodes the body by its content type.
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	contentType := r.Header.Get("Content-Type")
	if contentType == formType {
		return readEncoded(w, r)
	}
	media, params, err := mime.ParseMediaType(contentType)
	if err == nil && media == formType {
		return readEncoded(w, r)
	}
	if err == nil && media == "multipart/form-data" && params["boundary"] != "" {
		return readMultipart(http.MaxBytesReader(w, r.Body, MaxForm), params["boundary"])
	}
	return nil, oauth.ErrInvalidRequest.With("The body must have the Content-Type application/x-www-form-urlencoded (or multipart/form-data): this one cannot be read.")
}

func readEncoded(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	buf, _ := bodies.Get().(*bytes.Buffer)
	defer func() {
		buf.Reset()
		bodies.Put(buf)
	}()
	if _, err := buf.ReadFrom(http.MaxBytesReader(w, r.Body, MaxForm)); err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(buf.String())
	if err != nil {
		return nil, oauth.ErrInvalidRequest.With("The body is not form-encoded: a percent sign or a semicolon stands where it may not.").Because(err)
	}
	return form, nil
}

func readMultipart(body io.Reader, boundary string) (url.Values, error) {
	malformed := oauth.ErrInvalidRequest.With("The body is not well-formed multipart/form-data.")
	form := url.Values{}
	for parts := multipart.NewReader(body, boundary); ; {
		part, err := parts.NextPart()
		if err == io.EOF { //nolint:errorlint // the end; a wrapped EOF is a body that was cut off
			return form, nil
		}
		if err != nil {
			return nil, malformed.Because(err)
		}
		if part.FileName() != "" {
			return nil, oauth.ErrInvalidRequest.With("The form holds a file; only fields are expected.")
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return nil, malformed.Because(err)
		}
		if len(form) > maxParameters {
			return nil, oauth.ErrInvalidRequest.With("The request has too many parameters.")
		}
		form.Add(part.FormName(), string(value))
	}
}

// checkQuery refuses secrets in the query: there they end in logs and histories.
func checkQuery(query string) error {
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		name, _, _ := strings.Cut(pair, "=")
		if decoded, err := url.QueryUnescape(name); err == nil {
			name = decoded
		}
		switch name {
		case "client_secret", "client_assertion", "assertion", "password", "code", "code_verifier", "refresh_token",
			"token", "access_token", "subject_token", "actor_token", "device_code":
			return oauth.ErrInvalidRequest.Withf("The parameter %s must be in the body, never in the query: there it would be logged. Take it for leaked.", name)
		}
	}
	return nil
}
