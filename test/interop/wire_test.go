package interop

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// peopleSchema holds what every operation of Kratos' API answers, from the API description that its SDKs are made from: without
// the prose, and with every object closed, so that a member which clients do not know fails too. The flows are those of package ui.
const peopleSchema = "testdata/people.schema.json"

// operation is one method and path of the API, with the schemas of its answers by status.
type operation struct {
	name    string
	method  string
	path    []string
	answers map[int]*jsonschema.Schema
}

// description is the API, and which of its operations were answered without an error by now.
type description struct {
	operations []operation
	refusal    *jsonschema.Schema

	mu     sync.Mutex
	served map[string]bool
}

var api = sync.OnceValues(readDescription)

func readDescription() (*description, error) {
	raw, err := os.ReadFile(peopleSchema)
	if err != nil {
		return nil, err
	}
	var file struct {
		Operations map[string]map[string]json.RawMessage `json:"operations"`
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		return nil, err
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	d := &description{served: map[string]bool{}}
	if d.refusal, err = compiler.Compile(peopleSchema + "#/$defs/error"); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(file.Operations)) {
		method, path, _ := strings.Cut(name, " ")
		o := operation{name: name, method: method, path: strings.Split(path, "/"), answers: map[int]*jsonschema.Schema{}}
		for status := range file.Operations[name] {
			code, err := strconv.Atoi(status)
			if err != nil {
				return nil, err
			}
			at := peopleSchema + "#/operations/" + url.PathEscape(strings.ReplaceAll(name, "/", "~1")) + "/" + status
			if o.answers[code], err = compiler.Compile(at); err != nil {
				return nil, err
			}
		}
		d.operations = append(d.operations, o)
	}
	return d, nil
}

// find gives the operation that a request is; the one with the fewest variables where several fit.
func (d *description) find(r *http.Request) *operation {
	var best *operation
	fewest := 10
	for i, o := range d.operations {
		if variables, fits := o.fits(r); fits && variables < fewest {
			best, fewest = &d.operations[i], variables
		}
	}
	return best
}

func (o operation) fits(r *http.Request) (variables int, fits bool) {
	path := r.URL.EscapedPath()
	if below, ok := strings.CutPrefix(path, "/t/"); ok { // a tenant's
		_, path, _ = strings.Cut(below, "/")
		path = "/" + path
	}
	parts := strings.Split(path, "/")
	if o.method != r.Method || len(parts) != len(o.path) {
		return 0, false
	}
	for i, p := range o.path {
		switch {
		case strings.HasPrefix(p, "{"):
			variables++
		case p != parts[i]:
			return 0, false
		}
	}
	return variables, true
}

// check says what is wrong with an answer.
func (d *description) check(r *http.Request, status int, h http.Header, body []byte) error {
	o := d.find(r)
	if o == nil {
		return fmt.Errorf("%s %s is no operation of the API", r.Method, r.URL.Path)
	}
	schema, known := o.answers[status]
	if status < http.StatusBadRequest {
		if !known {
			return fmt.Errorf("%s answered %d, which the API does not know: %s", o.name, status, body)
		}
		d.mu.Lock()
		d.served[o.name] = true
		d.mu.Unlock()
	}
	if status == http.StatusNoContent || status == http.StatusSeeOther {
		return nil
	}
	if media, _, _ := strings.Cut(h.Get("Content-Type"), ";"); media != "application/json" {
		return fmt.Errorf("%s answered %d as %q: %.200s", o.name, status, media, body)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%s answered %d: %w: %.200s", o.name, status, err, body)
	}
	if status >= http.StatusBadRequest {
		refused := d.refusal.Validate(document)
		if refused == nil || !known {
			return wrong(o, status, refused, body)
		}
	}
	return wrong(o, status, schema.Validate(document), body)
}

func wrong(o *operation, status int, err error, body []byte) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s answered %d with what the API does not know: %w\n%s", o.name, status, err, body)
}

// missing are the operations that nobody was answered to yet.
func (d *description) missing() (names []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, o := range d.operations {
		if !d.served[o.name] {
			names = append(names, o.name)
		}
	}
	return names
}

// checked is a transport that holds every answer against the description.
type checked struct{ t *testing.T }

func (c checked) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	d, err := api()
	if err != nil {
		return nil, err
	}
	if err := d.check(r, resp.StatusCode, resp.Header, body); err != nil {
		c.t.Error(err)
	}
	return resp, nil
}
