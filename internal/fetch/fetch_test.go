package fetch_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/fetch"
)

func TestPublic(t *testing.T) {
	for address, want := range map[string]bool{
		"8.8.8.8": true, "2606:4700:4700::1111": true, "172.32.0.1": true, "::ffff:8.8.8.8": true,
		"127.0.0.1": false, "::1": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false,
		"169.254.169.254": false, "100.100.100.200": false, "0.0.0.0": false, "::": false,
		"fd00:ec2::254": false, "fe80::1": false, "224.0.0.1": false, "255.255.255.255": false,
		"::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "64:ff9b::7f00:1": false,
		"2002:7f00:1::": false, "::127.0.0.1": false, "198.18.0.1": false, "fe80::1%eth0": false,
	} {
		if got := fetch.Public(netip.MustParseAddr(address)); got != want {
			t.Errorf("Public(%s) = %v, want %v", address, got, want)
		}
	}
}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func open(o fetch.Options) *fetch.Client {
	o.AllowPrivate, o.AllowHTTP = true, true
	return fetch.New(o)
}

func TestGetReads(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/old" {
			http.Redirect(w, r, "/new", http.StatusFound)
			return
		}
		_, _ = w.Write([]byte(`{"path":"` + r.URL.Path + `"}`))
	})
	body, err := open(fetch.Options{}).Get(t.Context(), url+"/old")
	if err != nil || string(body) != `{"path":"/new"}` {
		t.Errorf("got %s, %v", body, err)
	}
}

func TestGetRefuses(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/large":
			_, _ = w.Write([]byte(strings.Repeat("x", 100)))
		case "/missing":
			w.WriteHeader(http.StatusNotFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/file":
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		case "/slow":
			<-release
		}
	})
	for _, tc := range []struct {
		name   string
		client *fetch.Client
		url    string
		want   error
	}{
		{"plain http", fetch.New(fetch.Options{AllowPrivate: true}), url, fetch.ErrScheme},
		{"another scheme", open(fetch.Options{}), "file:///etc/passwd", fetch.ErrScheme},
		{"a redirect to another scheme", open(fetch.Options{}), url + "/file", fetch.ErrScheme},
		{"a private address", fetch.New(fetch.Options{AllowHTTP: true}), url, fetch.ErrPrivate},
		{"a name of a private address", fetch.New(fetch.Options{AllowHTTP: true}), strings.Replace(url, "127.0.0.1", "localhost", 1), fetch.ErrPrivate},
		{"too large", open(fetch.Options{MaxBytes: 99}), url + "/large", fetch.ErrTooLarge},
		{"not there", open(fetch.Options{}), url + "/missing", fetch.ErrStatus},
		{"redirects without end", open(fetch.Options{}), url + "/loop", nil},
		{"no answer in time", open(fetch.Options{Timeout: 50 * time.Millisecond}), url + "/slow", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := tc.client.Get(t.Context(), tc.url)
			if err == nil || tc.want != nil && !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}

func TestErrorsDoNotRepeatTheQuery(t *testing.T) {
	url := serve(t, func(http.ResponseWriter, *http.Request) {})
	_, err := fetch.New(fetch.Options{AllowHTTP: true}).Get(t.Context(), url+"/?key=hush")
	if err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("got %v", err)
	}
}
