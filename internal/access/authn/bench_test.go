package authn_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/authn"
	"github.com/gatehouse-iam/gatehouse/internal/keys"
	"github.com/gatehouse-iam/gatehouse/internal/migrations"
	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/token"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// issued are the real tokens of this server, as app shows them to authenticators.
type issued struct {
	store *token.Store
	now   func() time.Time
	shown atomic.Pointer[shownToken]
}

type shownToken struct {
	of *token.Token
	as *authn.Token
}

func (i *issued) Active(ctx context.Context, text string) (*authn.Token, error) {
	t, err := i.store.Lookup(ctx, text)
	if err != nil || !t.Active(i.now()) {
		return nil, authn.ErrUnknown
	}
	if s := i.shown.Load(); s != nil && s.of == t {
		return s.as, nil
	}
	as := &authn.Token{Subject: t.Subject, ClientID: t.ClientID, Issuer: t.Issuer, Scope: t.Scope, Audience: t.Audience, Expires: t.ExpiresAt, Ext: t.AccessClaims}
	i.shown.Store(&shownToken{t, as})
	return as, nil
}

// running is a server with one access token in memory, opaque or a JWT.
func running(b *testing.B, strategy string) (*world, string) {
	clock, ctx := new(testkit.Clock), testkit.Context(b)
	db, err := sqldb.Open(b.Context(), "memory", sqldb.Options{Name: "oauth", Now: clock.Now})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	if _, err := migrations.Up(ctx, db, "oauth"); err != nil {
		b.Fatal(err)
	}
	config, ring, feed := keys.DefaultConfig(), testkit.Ring(b), sqldb.NewFeed(db, sqldb.FeedOptions{})
	config.IDToken.Algorithm = "ES256"
	mint := &secret.Tokens{Prefix: "gh", Ring: ring.For("tokens")}
	k := keys.New(keys.Options{Store: keys.NewStore(db, feed, ring), Config: config, Now: clock.Now})
	store := token.NewStore(token.StoreOptions{DB: db, Feed: feed, Tokens: mint, Keys: k, Config: token.DefaultConfig(), Now: clock.Now})
	issuer := &token.Issuer{
		Config: token.DefaultConfig(), Lifespans: oauth.DefaultLifespans(), Store: store, Tokens: mint, Keys: k,
		URL: func(context.Context) string { return "https://id" }, Now: clock.Now,
	}
	app := &client.Client{ID: "app", AccessTokenStrategy: strategy}
	at, err := issuer.AccessToken(ctx, app, token.Grant{ClientID: "app", Subject: "alice", Scope: []string{"read"}, Audience: []string{"orders"}})
	if err != nil {
		b.Fatal(err)
	}
	w := begin(b, func(o *authn.Options) {
		o.Keys, o.Tokens, o.Now = k, &issued{store: store, now: clock.Now}, clock.Now
		o.Issuer = issuer.URL
	})
	w.clock = clock
	return w, at.Token
}

func drive(b *testing.B, w *world, a access.Authenticator, r *access.Request) {
	b.Helper()
	w.pass(a, r)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Authenticate(w.ctx, r); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOwnOpaqueToken(b *testing.B) {
	w, text := running(b, "opaque")
	drive(b, w, w.make("oauth2_introspection", `{"required_scope":["read"],"target_audience":["orders"]}`), bearer(text))
}

func BenchmarkOwnJWT(b *testing.B) {
	w, text := running(b, "jwt")
	drive(b, w, w.make("jwt", `{"required_scope":["read"],"target_audience":["orders"]}`), bearer(text))
}

func BenchmarkForeignJWT(b *testing.B) {
	key := newKey(b, "k1")
	w, i := begin(b), newIssuer(b, key)
	drive(b, w, w.jwt(i, `"target_audience":["orders"]`), bearer(key.sign(b, w.claims())))
}

func BenchmarkOwnSession(b *testing.B) {
	one := session("s1", "alice")
	one.Document = json.RawMessage(strings.Replace(string(one.Document), `"age"`, `"filler":"`+strings.Repeat("x", 1500)+`","age"`, 1))
	w := begin(b, func(o *authn.Options) { o.Sessions = people{"gh_1": one} })
	drive(b, w, w.make("cookie_session", ""), request("Cookie", "gatehouse_session=gh_1"))
}
