package page

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"net/http"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

//go:embed assets/page.css
var style []byte

//go:embed assets/page.html
var source string

var (
	templates = template.Must(template.New("page").Parse(source))
	stylePath = stylesheetPath(style)
)

func stylesheetPath(css []byte) string {
	sum := sha256.Sum256(css)
	return "/static/page." + hex.EncodeToString(sum[:6]) + ".css"
}

// Error is the data of the page "error".
type Error struct {
	// Title is one short sentence; empty means "Something went wrong".
	Title string
	// Text says what happened and what to do.
	Text string
	// Code is the word that a developer looks for, such as "invalid_request".
	Code string
	// RequestID is what to quote to the operator.
	RequestID string
	// Links lead on.
	Links []Link
}

// Message is the data of the page "message".
type Message struct {
	Title string
	Text  string
	// Notes are further paragraphs.
	Notes []string
	// Facts are shown as a list of names and values.
	Facts []Fact
	Links []Link
}

// Form is the data of the page "form". It is posted to Action as application/x-www-form-urlencoded.
type Form struct {
	Title string
	Text  string
	// Warning stands out above the fields, for example that a page is for development only.
	Warning string
	// Problem says why the form is shown again.
	Problem string
	Facts   []Fact
	// Action is the path or URL that the form is posted to; empty means the page's own.
	Action  string
	Fields  []Field
	Buttons []Button
}

// Field is one input of a form.
type Field struct {
	// Name is the parameter's.
	Name string
	// Label is what people read; a hidden field has none.
	Label string
	// Type is the HTML input type: text, email, password, checkbox, hidden, …; empty means text.
	Type string
	// Value is what is filled in, or what a ticked checkbox sends.
	Value string
	// Hint explains below the field.
	Hint string
	// Autocomplete is the HTML autocomplete token, such as "username" or "current-password".
	Autocomplete string
	// Required and Checked are the HTML attributes.
	Required, Checked bool
}

// Button submits a form and says how.
type Button struct {
	// Name and Value are sent when this button is pressed.
	Name, Value string
	// Label is what people read.
	Label string
	// Quiet is for the button that does not go on: cancel, refuse.
	Quiet bool
}

// Link leads to another page.
type Link struct{ Label, URL string }

// Fact is a name and a value.
type Fact struct{ Name, Value string }

// view is what the templates get.
type view struct {
	Style string
	Data  any
}

// Mount registers the stylesheet.
func Mount(m *web.Mux) {
	m.Handle("GET "+stylePath, func(w http.ResponseWriter, _ *http.Request) error {
		h := w.Header()
		h.Set("Content-Type", "text/css; charset=utf-8")
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		_, err := w.Write(style)
		return err
	})
}

// Render answers with the page. data is an Error, Message or Form, after the name. An error is returned, and
// nothing is sent, when name and data do not fit.
func Render(w http.ResponseWriter, r *http.Request, status int, name string, data any) error {
	var body bytes.Buffer
	if err := templates.ExecuteTemplate(&body, name, view{Style: web.Base(r.Context()).Path(stylePath), Data: data}); err != nil {
		return fmt.Errorf("page %q: %w", name, err)
	}
	_, form := data.(Form)
	secure(w.Header(), form)
	w.WriteHeader(status)
	_, err := w.Write(body.Bytes())
	return err
}

// secure sets the headers of a page of ours: it loads our stylesheet and nothing else, runs no script, and is shown
// in nobody's frame, where a click could be stolen (RFC 9700 §4.16).
func secure(h http.Header, form bool) {
	policy := "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'"
	if !form {
		// Browsers hold form-action against the redirects that follow a form too, and ours end at the
		// application that the person came from, so pages with a form leave it open.
		policy += "; form-action 'none'"
	}
	h.Set("Content-Security-Policy", policy)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cache-Control", "no-store")
}

// Errors is the web.ErrorWriter of routes that people open in a browser. A caller that asks for JSON and not for
// HTML gets OAuth's error object.
func Errors(w http.ResponseWriter, r *http.Request, e *fault.Error) {
	if !wantsHTML(r.Header.Values("Accept")) {
		web.OAuthErrors(w, r, e)
		return
	}
	// What cannot be rendered here is a mistake in our own template, which the tests would have found.
	_ = Render(w, r, e.Kind.Status(), "error", Error{
		Title: title(e.Kind), Text: e.Message, Code: e.Code, RequestID: web.RequestID(r.Context()),
	})
}

// title names an error by its kind, in words that accuse nobody.
func title(k fault.Kind) string {
	switch k {
	case fault.Invalid, fault.NotAllowed, fault.TooLarge, fault.Unsupported:
		return "This request does not work"
	case fault.Unauthenticated, fault.Forbidden:
		return "You cannot go on here"
	case fault.NotFound:
		return "There is nothing here"
	case fault.Conflict, fault.Gone:
		return "This step was already taken"
	case fault.Limited:
		return "That was too often"
	case fault.Unavailable:
		return "We are not available at the moment"
	default:
		return "Something went wrong"
	}
}
