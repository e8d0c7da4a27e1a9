package source

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestTheSameRulesUnderAnotherTagAreNotLoadedAgain(t *testing.T) {
	n := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n++
		w.Header().Set("ETag", fmt.Sprintf(`"%d"`, n))
		_, _ = w.Write([]byte("[" + ruleText("a") + "]"))
	}))
	t.Cleanup(s.Close)
	at, err := Locate(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	r := newHTTPReader(at, Config{}, 1<<20)
	if rules, err := r.Read(t.Context()); err != nil || len(rules) != 1 {
		t.Fatalf("%d rules, %v", len(rules), err)
	}
	if _, err := r.Read(t.Context()); !errors.Is(err, ErrUnchanged) || n != 2 {
		t.Errorf("%v after %d answers", err, n)
	}
}
