package app

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access/rulebook"
	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/actor"
	"github.com/gatehouse-iam/gatehouse/internal/config"
	"github.com/gatehouse-iam/gatehouse/internal/courier"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/keys"
	"github.com/gatehouse-iam/gatehouse/internal/migrations"
	"github.com/gatehouse-iam/gatehouse/internal/seal"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/selfservice"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/transit"
)

// The purposes of the system secrets for what is kept in a database. A purpose that is renamed is another one, whose keys open
// nothing of before.
const (
	forSigningKeys   = "keys"
	forCredentials   = "credentials"
	forMessages      = "messages"
	forFlows         = "flows"
	forRules         = "access rules"
	forActivity      = "activity"
	forBackups       = "backups"
	forTokens        = "tokens"
	forSessions      = "session tokens"
	forClientSecrets = "client secrets"
	forAdminKeys     = "admin keys"
)

// sealing are the logical databases that hold sealed values.
func sealing() []string { return []string{"management", "oauth", "activity"} }

// sealing are those of the databases.
func (d *databases) sealing() map[string]*sqldb.DB {
	dbs := map[string]*sqldb.DB{}
	for _, name := range sealing() {
		dbs[name] = d.byName[name]
	}
	return dbs
}

// sealedColumns is every column that holds sealed values, but for those of package seal itself. A column that migrations call
// {{sealed}} and that is not here fails a test: what it holds would be lost when a secret goes.
func sealedColumns(system *secret.Ring) []secret.Column {
	return append(rulebook.Sealed(system.For(forRules)),
		keys.Sealed(system.For(forSigningKeys)),
		identity.Sealed(system.For(forCredentials)),
		courier.Sealed(system.For(forMessages)),
		selfservice.Sealed(system.For(forFlows)),
		activity.Sealed(system.For(forActivity)),
	)
}

// newSeals makes what keeps the secrets in order, and has the ring of the system secrets recognize what retired ones have
// authenticated. Rings of purposes are derived after that.
func newSeals(ctx context.Context, a *App, s shared) (*seal.Seals, error) {
	seals := &seal.Seals{
		Store: seal.NewStore(a.databases.sealing()), System: s.system, Cookie: s.cookie, Purposes: []string{forTokens, forSessions, forClientSecrets, forAdminKeys},
		Server: a.name, Now: now, Log: a.log,
	}
	there, err := a.knowsSeals(ctx)
	if err != nil || !there {
		return seals, err
	}
	return seals, seals.Inherit(ctx)
}

// knowsSeals tells whether the tables of package seal are there, and those in which it tells of new secrets. Where they are not, as between an upgrade and its migration, the
// server is not ready, and begins as soon as they are.
func (a *App) knowsSeals(ctx context.Context) (bool, error) {
	for _, name := range sealing() {
		states, err := migrations.Status(ctx, a.databases.byName[name], name)
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(states, func(s migrations.State) bool {
			return !s.Applied && (strings.HasSuffix(s.Name, "_seal_key") || strings.HasSuffix(s.Name, "_activity"))
		}) {
			return false, nil
		}
	}
	return true, nil
}

// beginSealing agrees with the other servers on a secret, or refuses to start.
func (a *App) beginSealing(ctx context.Context) error {
	there, err := a.knowsSeals(ctx)
	if err != nil || !there {
		return err
	}
	return a.features.seals.Begin(actor.With(ctx, actor.Actor{Kind: actor.System, ID: "secrets"}))
}

// leave tells the other servers that this one has stopped.
func (a *App) leave(seals *seal.Seals) {
	left := a.leaveGate(context.Background())
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := errors.Join(left, seals.Leave(ctx)); err != nil {
		a.log.WarnContext(ctx, "the other servers could not be told that this one stops; they notice within a minute", "error", err)
	}
}

// AddSecret makes a secret and puts it in front of those in a file or directory, wrapped where the configuration names a Transit
// engine. It gives the id of its key.
func AddSecret(ctx context.Context, cfg *config.Config, path string) (id string, err error) {
	var fresh secret.String
	for id == "" || id[0] == '-' { // which a command line would take for a flag
		fresh = secret.String(secret.Random(32))
		ring, err := secret.NewRing([]secret.String{fresh})
		if err != nil {
			return "", err
		}
		id = ring.Making()
	}
	if cfg.Secrets.Transit.Address != "" {
		engine, err := transit.New(cfg.Secrets.Transit)
		if err != nil {
			return "", err
		}
		if fresh, err = engine.Wrap(ctx, fresh); err != nil {
			return "", err
		}
	}
	return id, config.AddSecret(path, fresh)
}
