package authorize_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/migrations"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// BenchmarkCodeFlow is a whole flow without the network: authorization request, both challenges read and accepted, both
// verifiers, and the code redeemed. Many at once share transactions, as they do in a server.
func BenchmarkCodeFlow(b *testing.B) {
	s := start(b, benchDB(b))
	s.register("shop")
	b.ReportAllocs()
	b.SetParallelism(16)
	before := s.db.Statements()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			br := s.browser()
			login := challengeOf(b, br.auth(request("shop")), "login")
			s.get("login", login)
			consent := challengeOf(b, br.get(s.accept("login", login, alice)), "consent")
			s.get("consent", consent)
			code := answerOf(b, br.get(s.accept("consent", consent, object{"grant_scope": []string{"openid", "read"}}))).Get("code")
			if status, answer := s.redeem("shop", code); status != http.StatusOK {
				b.Error(answer)
			}
		}
	})
	b.ReportMetric(float64(s.db.Statements()-before)/float64(b.N), "statements/op")
}

// BenchmarkAuthorize is the authorization request alone.
func BenchmarkAuthorize(b *testing.B) {
	s := start(b, benchDB(b))
	s.register("shop")
	query := "/oauth2/auth?" + request("shop").Encode()
	b.ReportAllocs()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if w := s.browser().get(query); !strings.HasPrefix(w.Header().Get("Location"), loginURL) {
				b.Error(w.Code)
			}
		}
	})
}

// benchDB is a SQLite file in the benchmark's own directory.
func benchDB(b *testing.B) *sqldb.DB {
	b.Helper()
	db, err := sqldb.Open(testkit.Context(b), "sqlite://"+b.TempDir()+"/oauth.db", sqldb.Options{Name: "oauth", Now: new(testkit.Clock).Now})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	if _, err := migrations.Up(testkit.Context(b), db, "oauth"); err != nil {
		b.Fatal(err)
	}
	return db
}
