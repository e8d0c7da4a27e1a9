package hook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/textproto"
	"net/url"
)

// document is what programs see as ctx.
type document struct {
	Flow           json.RawMessage            `json:"flow"`
	RequestHeaders map[string][]string        `json:"request_headers"`
	RequestMethod  string                     `json:"request_method"`
	RequestURL     string                     `json:"request_url"`
	RequestCookies map[string]string          `json:"request_cookies"`
	Identity       map[string]json.RawMessage `json:"identity,omitempty"`
	Session        json.RawMessage            `json:"session,omitempty"`
	Failure        *Failure                   `json:"failure,omitempty"`
}

// newDocument puts together what programs see, of the headers only those that are allowed.
func newDocument(c Call, allowed []string) (*document, error) {
	d := &document{
		RequestHeaders: make(map[string][]string, len(allowed)), RequestMethod: c.RequestMethod, RequestURL: c.RequestURL,
		RequestCookies: c.RequestCookies, Failure: c.Failure,
	}
	if d.RequestCookies == nil {
		d.RequestCookies = map[string]string{}
	}
	for _, name := range allowed {
		name = textproto.CanonicalMIMEHeaderKey(name)
		if v, there := c.RequestHeaders[name]; there {
			d.RequestHeaders[name] = v
		}
	}
	var err error
	if d.Flow, err = flowDocument(c); err != nil {
		return nil, err
	}
	if d.Session, err = encode(c.Session); err != nil {
		return nil, err
	}
	if string(d.Session) == "null" {
		d.Session = nil
	}
	identity, err := encode(c.Identity)
	if err != nil {
		return nil, err
	}
	return d, json.Unmarshal(identity, &d.Identity)
}

// flowDocument is the document of the flow with the transient payload in it.
func flowDocument(c Call) (json.RawMessage, error) {
	flow, err := encode(c.Flow)
	if err != nil || len(c.TransientPayload) == 0 {
		return flow, err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(flow, &members); err != nil {
		return nil, err
	}
	if members == nil {
		members = map[string]json.RawMessage{}
	}
	members["transient_payload"] = c.TransientPayload
	return encode(members)
}

// amend puts the changes of a hook into the identity that the next one sees.
func (d *document) amend(p *Patch) {
	changes, err := p.members()
	if err != nil || d.Identity == nil {
		return
	}
	maps.Copy(d.Identity, changes)
}

func (d *document) bytes() ([]byte, error) { return encode(d) }

// encode writes JSON as other programs write it: < and > are not escaped.
func encode(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

// members are the changes by the names of the identity's members.
func (p *Patch) members() (map[string]json.RawMessage, error) {
	var m map[string]json.RawMessage
	doc, err := encode(p)
	if err != nil {
		return nil, err
	}
	return m, json.Unmarshal(doc, &m)
}

// merge returns p with the changes of next; next wins.
func (p *Patch) merge(next *Patch) (*Patch, error) {
	if p == nil {
		return next, nil
	}
	doc, err := encode(next)
	if err != nil {
		return nil, err
	}
	merged := *p
	return &merged, json.Unmarshal(doc, &merged)
}

// formBody turns an object of single values into a form.
func formBody(doc []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	var members map[string]any
	if err := d.Decode(&members); err != nil {
		return nil, errors.New("a form is made of a JSON object")
	}
	form := make(url.Values, len(members))
	for name, value := range members {
		switch v := value.(type) {
		case nil:
		case string:
			form.Set(name, v)
		case json.Number, bool:
			form.Set(name, fmt.Sprint(v))
		default:
			return nil, fmt.Errorf("the member %q is no single value, a form cannot hold it", name)
		}
	}
	return []byte(form.Encode()), nil
}
