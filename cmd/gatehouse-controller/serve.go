package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/gatehouse-iam/gatehouse/internal/kube"
	"github.com/gatehouse-iam/gatehouse/internal/kube/ruleset"
	"github.com/gatehouse-iam/gatehouse/internal/telemetry"
)

const shutdownTime = 20 * time.Second // a reconciliation waits 15 s at most for an answer

// serve runs the controller until the context ends, or its lease is lost.
func (f *flags) serve(ctx context.Context, errs io.Writer) error {
	log := telemetry.NewLogger(errs, f.log)
	ctrl.SetLogger(logr.FromSlogHandler(log.Handler()))
	klog.SetSlogLogger(log)
	api, err := f.restConfig()
	if err != nil {
		return err
	}
	scheme, err := kube.Scheme()
	if err != nil {
		return err
	}
	direct, err := client.New(api, client.Options{Scheme: scheme})
	if err != nil {
		return fmt.Errorf("reaching the API server: %w", err)
	}
	watched := kube.Present(ctx, direct, f.config.Namespaces)
	m, err := ctrl.NewManager(api, f.options(watched, manager.Options{Scheme: scheme}))
	if err != nil {
		return fmt.Errorf("reaching the API server: %w", err)
	}
	clients := &kube.Clients{
		Config: &f.config, Kube: m.GetClient(), Live: m.GetAPIReader(), Events: m.GetEventRecorder("gatehouse-controller"), Log: log, Now: time.Now,
	}
	serves, err := kube.Served(m)
	if err != nil {
		return err
	}
	if err := clients.Add(m, serves); err != nil {
		return err
	}
	if err := f.addRules(m, clients, serves, log); err != nil {
		return err
	}
	if len(watched) > 0 {
		if err := m.Add(&kube.Namespaces{Clients: clients, Watched: watched, Left: f.left()}); err != nil {
			return err
		}
	}
	f.checkDefinitions(ctx, api, log)
	if err := errors.Join(m.AddHealthzCheck("alive", healthz.Ping), m.AddReadyzCheck("alive", healthz.Ping)); err != nil {
		return err
	}
	log.Info("watching resources", "rules", !f.noRules, "apirules", f.apiRules.wanted(), "server", f.config.Server.URL, "namespaces", watched, "version", version)
	err = m.Start(ctx)
	if home := f.home(); home != "" { // however it ended, also because a namespace that it watches is deleted, and its own may be, too
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
		defer cancel()
		if err := clients.Depart(last, direct, home); err != nil {
			log.Warn("if this is the end of the controller, let OAuth2Clients go with gatehouse-controller release", "error", err)
		}
	}
	return err
}

// podNamespace is where a pod finds the name of its namespace.
const podNamespace = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// home is the namespace in which the controller runs, or at least its lease is; empty where neither is known.
func (f *flags) home() string {
	if name, err := os.ReadFile(podNamespace); err == nil {
		return strings.TrimSpace(string(name))
	}
	return f.electNamespace
}

// checkDefinitions says which of the cluster's definitions of resources are of another controller or version. What can be done with those
// is done.
func (f *flags) checkDefinitions(ctx context.Context, api *rest.Config, log *slog.Logger) {
	kinds := []string{"OAuth2Client"}
	if !f.noRules {
		kinds = append(kinds, "Rule")
	}
	if f.apiRules.wanted() {
		kinds = append(kinds, "APIRule")
	}
	for _, kind := range kinds {
		lacking, err := kube.Lacking(ctx, api, kind)
		if err != nil {
			log.Warn("whether the cluster's definition of a resource is this version's could not be found out", "kind", kind, "error", err)
		} else if len(lacking) > 0 {
			log.Error("the cluster's definition of a resource is another controller's or version's, and what it lacks is dropped from resources and statuses: "+
				"bring it up to date with kubectl apply --server-side --force-conflicts -f deploy/crds", "kind", kind, "lacks", strings.Join(lacking, " "))
		}
	}
}

// left are the finalizers of other controllers on what this one works with.
func (f *flags) left() (all []kube.Left) {
	if !f.noRules {
		all = append(all, kube.OnRules)
	}
	if f.apiRules.wanted() {
		all = append(all, kube.OnAPIRules)
	}
	return all
}

// addRules has the manager run the controller of access rules, of all kinds of resources that yield some.
func (f *flags) addRules(m manager.Manager, clients *kube.Clients, serves kube.Serves, log *slog.Logger) error {
	var sources []ruleset.Source
	if !f.noRules {
		sources = append(sources, &ruleset.Rules{Kube: m.GetClient(), Events: m.GetEventRecorder("gatehouse-controller"), Now: time.Now})
	}
	if f.apiRules.wanted() {
		sources = append(sources, f.apiRules.source(m, log, &f.config))
	}
	if len(sources) == 0 {
		return nil
	}
	sets := &ruleset.Sets{
		Config: &f.rules, Tenants: f.config.Tenants, Sources: sources, Serves: serves, Log: log, Now: time.Now,
	}
	if err := sets.Add(m); err != nil {
		return err
	}
	sets.API = clients.RuleSets(f.rules.Set)
	return nil
}

func (f *flags) restConfig() (*rest.Config, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = f.kubeconfig
	api, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("no way to an API server: run it in a pod, or name a file with --kubeconfig: %w", err)
	}
	api.QPS, api.Burst = f.kubeQPS, int(2*f.kubeQPS)
	api.WarningHandlerWithContext = rest.NoWarnings{} // one for each resource, of the finalizer's name, which is hydra-maester's
	api.UserAgent = "gatehouse-controller/" + version
	return api, nil
}

func (f *flags) options(watched []string, o manager.Options) manager.Options {
	o.LeaderElection, o.LeaderElectionID, o.LeaderElectionNamespace = f.elect, f.electName, f.electNamespace
	o.LeaseDuration, o.RenewDeadline, o.RetryPeriod = &f.electionTimings.lease, &f.electionTimings.renew, &f.electionTimings.retry
	o.LeaderElectionReleaseOnCancel = true // the next one begins at once
	o.Metrics = server.Options{BindAddress: f.metricsAddress}
	o.HealthProbeBindAddress = f.healthAddress
	if f.apiRules.wanted() {
		o.Cache.ByObject = f.apiRules.options.Caches()
	}
	timeout := shutdownTime
	o.GracefulShutdownTimeout = &timeout
	if len(watched) > 0 {
		o.Cache.DefaultNamespaces = map[string]cache.Config{}
		for _, n := range watched {
			o.Cache.DefaultNamespaces[n] = cache.Config{}
		}
	}
	return o
}
