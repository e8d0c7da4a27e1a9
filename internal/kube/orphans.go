package kube

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	hydra "github.com/gatehouse-iam/gatehouse/api/hydra/v1alpha1"
)

// orphanSearch looks now and then for clients whose resource is gone, and tells of them. It removes none: another cluster's controller may
// keep its clients on the same server.
type orphanSearch struct {
	*Clients
}

// NeedLeaderElection implements manager.LeaderElectionRunnable: one controller does it.
func (o *orphanSearch) NeedLeaderElection() bool { return true }

// Start implements manager.Runnable.
func (o *orphanSearch) Start(ctx context.Context) error {
	if o.Config.Orphans == 0 {
		return nil
	}
	tick := time.NewTicker(o.Config.Orphans)
	defer tick.Stop()
	for {
		o.look(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// look counts the orphans of each place, and names some in the log.
func (o *orphanSearch) look(ctx context.Context) {
	found := map[string]float64{}
	for _, at := range o.Config.places() {
		orphans, err := o.of(ctx, at)
		if err != nil {
			o.Log.Warn("orphaned clients could not be looked for", "server", at.String(), "error", err)
			continue
		}
		found[at.String()] = float64(len(orphans))
		if len(orphans) > 0 {
			o.Log.Warn("clients are left whose resources are gone", "server", at.String(), "count", len(orphans), "clients", orphans[:min(len(orphans), 20)])
		}
	}
	o.figures.setOrphans(found)
}

var ownedByResource = regexp.MustCompile(`^([a-z0-9.-]+)/([a-z0-9-]+)$`)

// of lists the orphans of one place as `id (owner)`.
func (o *orphanSearch) of(ctx context.Context, at place) ([]string, error) {
	type owned struct{ id, owner, namespace string }
	var all []owned
	err := o.admin.list(ctx, at, func(r remote) {
		m := ownedByResource.FindStringSubmatch(r.Owner)
		if len(m) == 3 && len(validation.IsDNS1123Subdomain(m[1])) == 0 && o.Config.watches(m[2]) {
			all = append(all, owned{r.ID, r.Owner, m[2]})
		}
	})
	if err != nil {
		return nil, err
	}
	var list hydra.OAuth2ClientList // after the clients: whose client is older than this list is in it
	if err := o.Kube.List(ctx, &list); err != nil {
		return nil, fmt.Errorf("listing resources: %w", err)
	}
	alive := map[string]bool{}
	for i := range list.Items {
		alive[list.Items[i].Name+"/"+list.Items[i].Namespace] = true
	}
	var orphans []string
	for _, c := range all {
		if !alive[c.owner] {
			orphans = append(orphans, c.id+" ("+c.owner+")")
		}
	}
	slices.Sort(orphans)
	return orphans, nil
}

func (c *Config) watches(namespace string) bool {
	return len(c.Namespaces) == 0 || slices.Contains(c.Namespaces, namespace)
}
