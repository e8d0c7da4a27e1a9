package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
)

var (
	errBadParameter = fault.New(fault.Invalid, "invalid_request", "A parameter of the request cannot be read.")
	errBadBody      = fault.New(fault.Invalid, "invalid_request", "The request body is not the JSON that is expected here.")
	errNotJSON      = fault.New(fault.Unsupported, "unsupported_media_type", "Send the body as JSON, with the header Content-Type: application/json.")
)

type source uint8

const (
	fromPath source = iota
	fromQuery
	fromHeader
)

// binding is one field of a Call's input that is a short text in the request.
type binding struct {
	index    int
	from     source
	name     string
	required bool
}

// plan is what Call knows about its input type.
type plan struct {
	texts []binding
	query bool // one of texts is
	body  int  // index of the body field, -1 for none
	raw, lenient,
	optional bool
}

func planFor[In any]() plan {
	t := reflect.TypeFor[In]()
	p := plan{body: -1}
	if t.Kind() != reflect.Struct {
		panic("web: Call needs a struct for its input, not " + t.String())
	}
	for i := range t.NumField() {
		p.add(t, i)
	}
	return p
}

func (p *plan) add(t reflect.Type, i int) {
	f := t.Field(i)
	for from, key := range []string{"path", "query", "header"} {
		tag, ok := f.Tag.Lookup(key)
		if !ok {
			continue
		}
		if !f.IsExported() || !bindable(f.Type) {
			panic("web: field " + f.Name + " of " + t.String() + " cannot be bound to a " + key + " parameter")
		}
		name, option, _ := strings.Cut(tag, ",")
		p.texts = append(p.texts, binding{index: i, from: source(from), name: name, required: option == "required"})
		p.query = p.query || source(from) == fromQuery
		return
	}
	tag, ok := f.Tag.Lookup("body")
	if !ok {
		panic("web: field " + f.Name + " of " + t.String() + " has no path, query, header or body tag")
	}
	kind, options, _ := strings.Cut(tag, ",")
	p.raw = kind == "raw"
	if p.body >= 0 || !f.IsExported() || kind != "json" && !p.raw || p.raw && f.Type != reflect.TypeFor[[]byte]() {
		panic("web: field " + f.Name + " of " + t.String() + " cannot be the body")
	}
	p.body = i
	for option := range strings.SplitSeq(options, ",") {
		p.lenient = p.lenient || option == "lenient"
		p.optional = p.optional || option == "optional"
	}
}

func bindable(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.String, reflect.Bool,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return true
	case reflect.Slice:
		return t.Elem().Kind() == reflect.String
	default:
		return false
	}
}

// bind fills the struct that in points to.
func (p plan) bind(r *http.Request, in any) error {
	v := reflect.ValueOf(in).Elem()
	var query url.Values
	if p.query && r.URL.RawQuery != "" {
		var err error
		// Unlike URL.Query, which drops what it cannot read.
		if query, err = url.ParseQuery(r.URL.RawQuery); err != nil {
			return errBadParameter.With("The query of the request is malformed: percent-encode its values and separate them by \"&\".")
		}
	}
	for _, b := range p.texts {
		var values []string
		switch b.from {
		case fromPath:
			values = []string{r.PathValue(b.name)}
		case fromQuery:
			values = query[b.name]
		case fromHeader:
			values = r.Header[http.CanonicalHeaderKey(b.name)]
		}
		if err := b.set(v.Field(b.index), values); err != nil {
			return err
		}
	}
	if p.body < 0 {
		return nil
	}
	return p.bindBody(r, v.Field(p.body))
}

// set writes the values into the field. An absent or empty parameter leaves the zero value.
func (b binding) set(field reflect.Value, values []string) error {
	if len(values) == 0 || len(values) == 1 && values[0] == "" {
		if b.required {
			return errBadParameter.With("The parameter \"" + b.name + "\" is missing.")
		}
		return nil
	}
	if field.Kind() == reflect.Slice {
		list := reflect.MakeSlice(field.Type(), len(values), len(values))
		for i, s := range values {
			list.Index(i).SetString(s)
		}
		field.Set(list)
		return nil
	}
	if len(values) > 1 {
		return errBadParameter.With("The parameter \"" + b.name + "\" is given more than once.")
	}
	return b.setOne(field, values[0])
}

func (b binding) setOne(field reflect.Value, s string) error {
	switch {
	case field.Kind() == reflect.String:
		field.SetString(s)
	case field.Kind() == reflect.Bool:
		yes, err := strconv.ParseBool(s)
		if err != nil {
			return errBadParameter.With("The parameter \"" + b.name + "\" must be true or false.")
		}
		field.SetBool(yes)
	case field.CanInt():
		n, err := strconv.ParseInt(s, 10, field.Type().Bits())
		if err != nil {
			return errBadParameter.With("The parameter \"" + b.name + "\" must be a whole number.")
		}
		field.SetInt(n)
	default:
		n, err := strconv.ParseUint(s, 10, field.Type().Bits())
		if err != nil {
			return errBadParameter.With("The parameter \"" + b.name + "\" must be a whole number and not negative.")
		}
		field.SetUint(n)
	}
	return nil
}

func (p plan) bindBody(r *http.Request, field reflect.Value) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return bodyError(err)
	}
	if p.raw {
		field.SetBytes(body)
		return nil
	}
	if len(bytes.TrimSpace(body)) == 0 {
		if p.optional {
			return nil
		}
		return errBadBody.With("The request body is empty. Send JSON.")
	}
	// A page of another site can make a browser send JSON under a simple content type without asking first.
	if !IsJSON(r.Header.Get("Content-Type")) {
		return errNotJSON
	}
	return decode(body, field.Addr().Interface(), p.lenient)
}

// bodyError keeps the cap's own error, so that it becomes a 413, and calls all else the client's.
func bodyError(err error) error {
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return err
	}
	return errBadBody.With("The request body ended early.").Because(err)
}

// IsJSON accepts application/json and every media type with the +json suffix (RFC 6839 §3.1).
func IsJSON(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && (media == "application/json" ||
		strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json"))
}

// DecodeJSON reads one JSON value from body into v and refuses members that v does not know and anything that
// follows. Its errors are faults that tell the sender what to change.
func DecodeJSON(body []byte, v any) error { return decode(body, v, false) }

func decode(body []byte, v any, lenient bool) error {
	d := json.NewDecoder(bytes.NewReader(body))
	if !lenient {
		d.DisallowUnknownFields()
	}
	if err := d.Decode(v); err != nil {
		return errBadBody.With(explain(err)).Because(err)
	}
	if _, err := d.Token(); err != io.EOF {
		return errBadBody.With("The request body holds more than one JSON value.")
	}
	return nil
}

// explain says in words what the decoder found, without repeating any value of the sender's.
func explain(err error) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Sprintf("The request body is not JSON: malformed at byte %d.", syntax.Offset)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "The request body is not JSON: it ends too early."
	case errors.As(err, &kind):
		subject := "The request body"
		if kind.Field != "" {
			subject = "The member \"" + kind.Field + "\" of the request body"
		}
		got, _, _ := strings.Cut(kind.Value, " ") // "number 300": the number is the sender's
		return subject + " must be " + article(kind.Type) + ", not " + got + "."
	case strings.HasPrefix(err.Error(), "json: unknown field "):
		return "The request body has an unknown member " + strings.TrimPrefix(err.Error(), "json: unknown field ") + "."
	default:
		return "The request body cannot be read: a member has a value that is not understood."
	}
}

// article names a Go type as a JSON author knows it.
func article(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice, reflect.Array:
		return "an array"
	case reflect.Struct, reflect.Map:
		return "an object"
	default:
		return "a number that fits"
	}
}
