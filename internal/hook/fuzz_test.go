package hook

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// Whatever a service answers, it is a change, messages, or a failure; never two of them, and never a message that is no message.
func FuzzAnswer(f *testing.F) {
	for _, body := range []string{
		`{"identity":{"traits":{"a":1},"external_id":null,"state":"active"}}`, `{"messages":[{"instance_ptr":"#/a~1b","messages":[{"id":1}]}]}`,
		``, `null`, `[]`, `{"identity":[]}`, `{"messages":[null]}`, `{"messages":[{"messages":[{"context":null,"type":"success"}]}]}`,
	} {
		f.Add(200, []byte(body))
		f.Add(400, []byte(body))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		a := &answer{status: status, body: body}
		patch, invalid, err := a.meaning(Config{Response: ResponseConfig{Parse: true}})
		if patch != nil && (invalid != nil || err != nil) || invalid != nil && err != nil {
			t.Fatalf("%v, %v, %v", patch, invalid, err)
		}
		if patch != nil {
			merged, err := (&Patch{State: "active"}).merge(patch)
			if err != nil {
				t.Fatalf("%s cannot be merged: %v", body, err)
			}
			if _, err := json.Marshal(merged); err != nil {
				t.Fatalf("%s cannot be written: %v", body, err)
			}
		}
		if invalid == nil {
			return
		}
		if len(invalid.Texts) == 0 {
			t.Fatal("rejected without a word")
		}
		for _, m := range invalid.Texts {
			if m.Text.Type != ui.Error && m.Text.Type != ui.Info || strings.HasPrefix(m.Pointer, "#") && !strings.Contains(string(body), "##") {
				t.Fatalf("%s became %+v", body, m)
			}
		}
	})
}
