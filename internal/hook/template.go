package hook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	template "github.com/DataDog/datadog-agent/pkg/template/text"
)

// templateBody is a program in the language of text/template.
type templateBody struct {
	template *template.Template
	bounds   *Jsonnet
}

// newTemplate parses a template. It runs within the bounds that Jsonnet has.
func newTemplate(text string, bounds *Jsonnet) (*templateBody, error) {
	t, err := template.New("body").Funcs(template.FuncMap{"json": asJSON}).Parse(text)
	if err != nil {
		return nil, err
	}
	return &templateBody{template: t, bounds: bounds}, nil
}

func asJSON(v any) (string, error) {
	doc, err := encode(v)
	return string(doc), err
}

// make fills in the template.
func (t *templateBody) make(ctx context.Context, input []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(input))
	d.UseNumber() // large numbers stay as they are
	var data map[string]any
	if err := d.Decode(&data); err != nil {
		return nil, errors.New("the input is no JSON object")
	}
	return t.bounds.within(ctx, func(ctx context.Context) ([]byte, error) {
		out := &boundedBuffer{max: t.bounds.limits.MaxOutput, stop: ctx.Done()}
		if err := t.template.Execute(out, data); err != nil {
			if failed, ok := errors.AsType[template.ExecError](err); ok && out.err == nil {
				// What it says may hold what it worked on; where it happened does not.
				return nil, fmt.Errorf("the template failed in %s", failed.Name)
			}
			return nil, errors.Join(errors.New("the template failed"), out.err)
		}
		return out.Bytes(), nil
	})
}

// boundedBuffer refuses to grow beyond max, and to grow at all once it is to stop.
type boundedBuffer struct {
	bytes.Buffer
	max  int
	stop <-chan struct{}
	err  error
}

func (b *boundedBuffer) Write(p []byte) (int, error) {
	select {
	case <-b.stop:
		b.err = errTooLong
	default:
		if b.Len()+len(p) > b.max {
			b.err = errTooMuch
		}
	}
	if b.err != nil {
		return 0, b.err
	}
	return b.Buffer.Write(p)
}
