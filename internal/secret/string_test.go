package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

func TestStringNeverPrints(t *testing.T) {
	const value = "correct horse battery staple"
	s := secret.String(value)
	holder := struct {
		Secret secret.String   `json:"secret" yaml:"secret"`
		List   []secret.String `json:"list" yaml:"list"`
	}{s, []secret.String{s}}

	printed := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T|%v"} {
		printed["scalar "+verb] = fmt.Sprintf(verb, s)
		printed["holder "+verb] = fmt.Sprintf(verb, holder)
		printed["pointer "+verb] = fmt.Sprintf(verb, &holder)
	}
	raw, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	printed["json"] = string(raw)
	if raw, err = yaml.Marshal(holder); err != nil {
		t.Fatal(err)
	}
	printed["yaml"] = string(raw)
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "scalar", s, "holder", holder)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "scalar", s, "holder", holder)
	printed["slog"] = log.String()
	printed["error"] = fmt.Errorf("bad secret %w", fmt.Errorf("%v", s)).Error()

	hexed := fmt.Sprintf("%x", value)
	for how, text := range printed {
		if strings.Contains(text, value) || strings.Contains(strings.ToLower(text), hexed) {
			t.Errorf("%s shows the value: %s", how, text)
		}
		if !strings.Contains(text, secret.Redacted) && !strings.Contains(how, "%T") {
			t.Errorf("%s does not say that it was redacted: %s", how, text)
		}
	}
	if s.Reveal() != value {
		t.Errorf("Reveal gives %q", s.Reveal())
	}
}

func TestFirstLine(t *testing.T) {
	for content, want := range map[string]string{"a": "a", "a\n": "a", "a\r\nb": "a", " a \n\n": " a "} {
		if got, err := secret.FirstLine([]byte(content)); err != nil || got.Reveal() != want {
			t.Errorf("%q: %q %v", content, got.Reveal(), err)
		}
	}
	for _, content := range []string{"", "\n", "\r\na"} {
		if got, err := secret.FirstLine([]byte(content)); err == nil {
			t.Errorf("%q: %q", content, got.Reveal())
		}
	}
}

func TestStringDecodesLikeText(t *testing.T) {
	var got struct{ Secret secret.String }
	if err := json.Unmarshal([]byte(`{"Secret":"abc"}`), &got); err != nil || got.Secret.Reveal() != "abc" {
		t.Errorf("json: %q, %v", got.Secret.Reveal(), err)
	}
	if err := yaml.Unmarshal([]byte("secret: xyz"), &got); err != nil || got.Secret.Reveal() != "xyz" {
		t.Errorf("yaml: %q, %v", got.Secret.Reveal(), err)
	}
}
