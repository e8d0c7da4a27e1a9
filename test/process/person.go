package process

import (
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// Person sits at a browser without scripts.
type Person struct {
	// URL and Page are where the browser is and what it shows.
	URL  *url.URL
	Page string

	t     testing.TB
	http  *http.Client
	forms []form
	links []string
}

// form is what a person can send from a page: where to, what is filled in already, and the buttons.
type form struct {
	action  string
	values  url.Values
	buttons []button
}

type button struct{ name, value string }

// NewPerson opens a browser without cookies.
func NewPerson(t testing.TB) *Person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &Person{t: t, http: &http.Client{Jar: jar, Timeout: patience, Transport: Names()}}
}

// Cookies are those that the browser would send to an address.
func (p *Person) Cookies(address string) []*http.Cookie {
	p.t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.http.Jar.Cookies(u)
}

// Open goes to an address.
func (p *Person) Open(address string) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, address, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	p.send(req)
}

// Follow clicks the first link whose address contains the words.
func (p *Person) Follow(words string) {
	p.t.Helper()
	for _, to := range p.links {
		if strings.Contains(to, words) {
			at, err := p.URL.Parse(to)
			if err != nil {
				p.t.Fatal(err)
			}
			p.Open(at.String())
			return
		}
	}
	p.t.Fatalf("%s has no link to %s:\n%s", p.URL, words, p.Page)
}

// Has reports whether the page has a form with the field.
func (p *Person) Has(field string) bool { return p.find(field, "", "") != nil }

// Press fills in the form that has the button, and presses it. Fields that the page filled in stay as they are.
func (p *Person) Press(name, value string, fields url.Values) {
	p.t.Helper()
	f := p.find("", name, value)
	if f == nil {
		p.t.Fatalf("%s has no button %s=%s:\n%s", p.URL, name, value, p.Page)
	}
	values := maps.Clone(f.values)
	maps.Copy(values, fields)
	values.Set(name, value)
	for _, password := range fields["password"] {
		Typed(password)
	}
	to, err := p.URL.Parse(f.action)
	if err != nil {
		p.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, to.String(), strings.NewReader(values.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	p.send(req)
}

// find gives the first form with a field or a button.
func (p *Person) find(field, name, value string) *form {
	for i, f := range p.forms {
		if field != "" && f.values.Has(field) {
			return &p.forms[i]
		}
		for _, b := range f.buttons {
			if name != "" && b.name == name && b.value == value {
				return &p.forms[i]
			}
		}
	}
	return nil
}

func (p *Person) send(req *http.Request) {
	p.t.Helper()
	req.Header.Set("Accept", "text/html")
	resp, err := p.http.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	p.URL, p.Page = resp.Request.URL, string(page)
	root, err := html.Parse(strings.NewReader(p.Page))
	if err != nil {
		p.t.Fatal(err)
	}
	p.forms, p.links = nil, nil
	p.collect(root, nil)
}

// collect gathers the forms below a node, and what belongs to the form that it is in.
func (p *Person) collect(n *html.Node, in *int) {
	if n.Type == html.ElementNode {
		switch n.Data {
		case "form":
			p.forms = append(p.forms, form{action: attribute(n, "action"), values: url.Values{}})
			last := len(p.forms) - 1
			in = &last
		case "a":
			p.links = append(p.links, attribute(n, "href"))
		case "input", "button":
			if in != nil {
				p.forms[*in].add(n)
			}
		}
	}
	for c := range n.ChildNodes() {
		p.collect(c, in)
	}
}

func (f *form) add(n *html.Node) {
	name, value, kind := attribute(n, "name"), attribute(n, "value"), attribute(n, "type")
	switch {
	case name == "":
	case kind == "submit" || n.Data == "button":
		f.buttons = append(f.buttons, button{name, value})
	case kind == "checkbox" && !has(n, "checked"):
	default:
		f.values.Add(name, value)
	}
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}
