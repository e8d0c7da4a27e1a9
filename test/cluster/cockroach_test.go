package cluster

import (
	"crypto/x509/pkix"
	"testing"
)

// startCockroach is cockroach.example.com: a PostgreSQL that says that it is a CockroachDB, whose dialect, locks and steps of migrations
// are used with it then. It lets in who has a certificate of its authority in his name, and his password.
func startCockroach(t *testing.T) *postgres {
	t.Helper()
	p, err := startPostgres("cockroach", "26257", "hostssl all all all scram-sha-256 clientcert=verify-full", "cockroach.example.com")
	if err != nil {
		t.Fatal(err)
	}
	// Databases that are made now have a function of their own, which this user's statements find first.
	if err := p.sql(`\c template1`, "CREATE FUNCTION public.version() RETURNS text LANGUAGE sql AS $$ SELECT 'CockroachDB, as far as PostgreSQL is one'::text $$"); err != nil {
		t.Fatal(err)
	}
	p.makeDatabases(t)
	if err := p.sql("ALTER ROLE gatehouse SET search_path = public, pg_catalog"); err != nil {
		t.Fatal(err)
	}
	return p
}

// A database that wants a certificate of the client as well.
func TestProductionCockroach(t *testing.T) {
	db := startCockroach(t)
	if err := db.authority.issue("client", pkix.Name{CommonName: "gatehouse"}); err != nil {
		t.Fatal(err)
	}
	s := newSpace(t, "cockroach")
	db.secrets(s)
	s.makeSecret("gatehouse-database-client", "kubernetes.io/tls", map[string]string{"tls.crt": read(t, db.file("client.crt")), "tls.key": read(t, db.file("client.key"))})
	s.install("-f", example("production-cockroach.yaml"), "--set", "admin.key.generate=true")
	s.helmTest()
	r := s.newServer()
	application := r.register()
	r.keeps(application, r.mustToken(application))
}
