package courier

import (
	"fmt"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/fetch"
)

// CheckTemplates parses the templates that are in files or in the configuration itself, and returns what is wrong, each fault with
// the path of its field below `courier`. A running server passes such a template over, so that people get their message in other
// words. compile says where a Jsonnet program is wrong.
func (c Config) CheckTemplates(compile func(program string) error) []error {
	var f faults
	asTemplate := func(p part) func(string) error {
		return func(text string) error {
			_, err := parse(p, []named{{p.file(), text}})
			return err
		}
	}
	request := func(key string, r RequestConfig) {
		check := compile
		if r.BodyFormat == templateBody {
			check = asTemplate(smsText)
		}
		f.document(key+"body", r.Body, check)
	}
	if c.DeliveryStrategy == byHTTP {
		request("http.request_config.", c.HTTP.RequestConfig)
	}
	for i, channel := range c.Channels {
		request(fmt.Sprintf("channels[%d].request_config.", i), channel.RequestConfig)
	}
	uris := c.Templates.named()
	for _, name := range templates() {
		for _, p := range parts {
			f.document(templateKey(name, p), uris[name].uri(p), asTemplate(p))
		}
	}
	return f
}

// templateKey is where the configuration has the URI of a template's part.
func templateKey(name string, p part) string {
	return "templates." + strings.ReplaceAll(directory(name), "/", ".") + "." + p.key()
}

// document checks what a URI names, if that needs no network.
func (f *faults) document(key, uri string, check func(string) error) {
	from, err := fetch.ParseSource(uri)
	if uri == "" || err == nil && from.URL != "" {
		return
	}
	var text []byte
	if err == nil {
		text, err = from.Local(maxText)
	}
	if err == nil {
		err = check(string(text))
	}
	if err != nil {
		f.add(key, "%w", err)
	}
}
