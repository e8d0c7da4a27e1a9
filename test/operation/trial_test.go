package operation

import (
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/apiclient"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/trial"
	"github.com/gatehouse-iam/gatehouse/test/process"
)

// What `helm test` runs: a client gets a token and a person logs in, and neither is left behind. It waits for a server that is about to
// be reached. What the server sends to PostgreSQL is understood also where no statement is described first.
func TestTrial(t *testing.T) {
	for name, dsn := range map[string]string{"sqlite": "", "postgres behind a pooler": testkit.Postgres(t) + "&default_query_exec_mode=exec"} {
		t.Run(name, func(t *testing.T) { tryOut(t, process.Configure(t, process.Options{DSN: dsn})) })
	}
}

func tryOut(t *testing.T, s *process.Server) {
	public, err := url.Parse(s.Public)
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	try := &trial.Trial{
		// As behind an Ingress: known by another name, with TLS that ends before the server.
		Public: trial.Through("https://id.example.com/", &http.Transport{}, net.JoinHostPort(public.Hostname(), public.Port()), true),
		Admin:  &apiclient.Server{URL: s.Admin, HTTP: http.DefaultClient},
		Say:    func(step string) { said = append(said, step) },
	}
	const refused = "GET /health/alive: "
	if err := try.Run(t.Context()); err == nil || !strings.HasPrefix(err.Error(), refused) {
		t.Errorf("before there is a server: %v", err)
	}
	try.Patience = time.Minute
	tried := make(chan error)
	go func() { tried <- try.Run(t.Context()) }()
	s.Run()
	if err := <-tried; err != nil {
		t.Fatalf("%v after %q", err, said)
	}
	if !slices.Contains(said, "a client gets a token, and the token is active") || !slices.Contains(said, "a person logs in, and the session is his") {
		t.Errorf("did %q", said)
	}
	for _, path := range []string{"/admin/clients", "/admin/identities"} {
		if _, body := get(t, s.Admin+path); strings.Contains(body, "trial-") {
			t.Errorf("%s still lists %s", path, body)
		}
	}
}
