package fetch_test

import (
	"context"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/fetch"
)

func TestParseSource(t *testing.T) {
	binary := []byte("ü?>\xff\xfe")
	for uri, want := range map[string]fetch.Source{
		"file:///etc/a b.json":       {File: "/etc/a b.json"},
		"file://beside/me":           {File: "beside/me"},
		"https://example.com/a?b=c":  {URL: "https://example.com/a?b=c"},
		"http://127.0.0.1:8080/":     {URL: "http://127.0.0.1:8080/"},
		"base64://eA":                {Text: []byte("x")},
		"base64://eA==":              {Text: []byte("x")},
		"base64://" + std(binary):    {Text: binary},
		"base64://" + forURL(binary): {Text: binary},
	} {
		got, err := fetch.ParseSource(uri)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", uri, err, diff)
		}
	}
	for uri, want := range map[string]string{
		"": "must begin with", "/etc/hush": "must begin with", "ftp://hush": "must begin with", "FILE:///hush": "must begin with",
		"file://": "names no file", "base64://": "is not base64", "base64://hush!": "is not base64", "https://": "is no absolute",
		"http:///hush": "is no absolute", "https://u:hush@example.com/": "must not hold",
	} {
		if got, err := fetch.ParseSource(uri); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") || !cmp.Equal(got, fetch.Source{}) {
			t.Errorf("%s: %+v, %v", uri, got, err)
		}
	}
	for uri, local := range map[string]bool{"file:///nowhere/a": true, "base64://eA": true, "https://example.com": false, "base64://!": false, "a": false} {
		if _, err := fetch.ParseLocal(uri); (err == nil) != local {
			t.Errorf("%s: %v", uri, err)
		}
		if text, err := fetch.ReadLocal(uri, 1); (err == nil) != (uri == "base64://eA") {
			t.Errorf("%s: %q, %v", uri, text, err)
		}
	}
}

func std(b []byte) string    { return base64.StdEncoding.EncodeToString(b) }
func forURL(b []byte) string { return base64.URLEncoding.EncodeToString(b) }

func TestSourceIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "document")
	if err := os.WriteFile(path, []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	get := func(_ context.Context, url string) ([]byte, error) {
		if url == "https://example.com/" {
			return []byte("12345"), nil
		}
		return nil, fetch.ErrStatus
	}
	for _, uri := range []string{"file://" + path, "https://example.com/", "base64://" + std([]byte("12345"))} {
		s, err := fetch.ParseSource(uri)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := s.Read(t.Context(), 5, get); err != nil || string(text) != "12345" {
			t.Errorf("%s: %q, %v", uri, text, err)
		}
		if text, err := s.Read(t.Context(), 4, get); !errors.Is(err, fetch.ErrTooLarge) || text != nil {
			t.Errorf("%s: %q, %v", uri, text, err)
		}
		if _, err := s.Read(t.Context(), 5, nil); (err != nil) != (s.URL != "") {
			t.Errorf("%s without URLs: %v", uri, err)
		}
	}
	if _, err := (fetch.Source{URL: "https://example.com/none"}).Read(t.Context(), 5, get); !errors.Is(err, fetch.ErrStatus) {
		t.Errorf("error is %v", err)
	}
	if _, err := (fetch.Source{File: path + "s"}).Local(5); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error is %v", err)
	}
}
