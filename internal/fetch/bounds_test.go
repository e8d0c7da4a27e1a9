package fetch_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/fetch"
)

func TestBoundsConfig(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	t.Cleanup(s.Close)
	for name, c := range map[string]struct {
		config fetch.BoundsConfig
		reach  bool
	}{
		"as it comes":           {fetch.BoundsConfig{}, true},
		"no private ones":       {fetch.BoundsConfig{DisallowPrivateIPRanges: true}, false},
		"none but the named":    {fetch.BoundsConfig{DisallowPrivateIPRanges: true, Networks: []string{"127.0.0.7/8"}}, true},
		"none but another name": {fetch.BoundsConfig{DisallowPrivateIPRanges: true, Networks: []string{"10.0.0.0/8"}}, false},
	} {
		if faults := c.config.Validate(); len(faults) > 0 {
			t.Error(name, faults)
		}
		answer, err := fetch.NewAsker(c.config.Bounds()).Ask(t.Context(), fetch.Question{URL: s.URL})
		if (err == nil) != c.reach || err == nil && answer.Status != http.StatusNoContent {
			t.Errorf("%s: %+v %v", name, answer, err)
		}
	}
	if faults := (fetch.BoundsConfig{Networks: []string{"10.0.0.0/8", "10.0.0.1", "here"}}).Validate(); len(faults) != 2 {
		t.Error(faults)
	}
}
