package access

import (
	"fmt"
	"strings"
	"testing"
)

func TestSettingsOfTheConfigurationAreNotShown(t *testing.T) {
	s, err := NewRawSettings("client_secret: hush\nscope: [a]\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprint(s), fmt.Sprintf("%+v %#v", HandlerConfig{Config: s}, s), fmt.Sprintf("%v", map[string]HandlerConfig{"a": {Config: s}})} {
		if strings.Contains(text, "hush") || !strings.Contains(text, "[redacted]") {
			t.Error(text)
		}
	}
	if none := (RawSettings{}); none.Written() || none.String() != "" || !s.Written() {
		t.Error("written")
	}
	for _, bad := range []string{"[1]", "a", "{"} {
		if _, err := NewRawSettings(bad); err == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
}
