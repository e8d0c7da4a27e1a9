package main

import (
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
)

// bareAnswer has the shape and about the size of a token response, so that the yardstick writes as many bytes.
type bareAnswer struct {
	AccessToken string `json:"access_token"`
	ExpiresIn   int    `json:"expires_in"`
	Scope       string `json:"scope"`
	TokenType   string `json:"token_type"`
}

// serveBare is the yardstick: net/http, a form parsed, a document encoded, and nothing else.
// With an upstream, everything but health is passed on to it instead, by the standard library's proxy as it comes.
func serveBare(address, upstream string) error {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(bareAnswer{
			AccessToken: "bare_at_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
			ExpiresIn:   3599, Scope: r.PostForm.Get("scope"), TokenType: "bearer",
		})
	})
	if upstream != "" {
		to, err := url.Parse(upstream)
		if err != nil {
			return err
		}
		transport := &http.Transport{MaxIdleConnsPerHost: 256} // the usual two would have it connect all the time
		mux.Handle("/", &httputil.ReverseProxy{Transport: transport, Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(to); p.SetXForwarded() }})
	} else {
		mux.HandleFunc("/application/", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello\n") })
	}
	mux.HandleFunc("GET /health/ready", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	log.New(os.Stderr, "", 0).Printf("bare handler on http://%s", listener.Addr())
	return http.Serve(listener, mux)
}
