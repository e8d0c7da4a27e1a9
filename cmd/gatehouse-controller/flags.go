package main

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/gatehouse-iam/gatehouse/internal/kube"
	"github.com/gatehouse-iam/gatehouse/internal/kube/ruleset"
	"github.com/gatehouse-iam/gatehouse/internal/telemetry"
)

// flags are what the command line says. Those that hydra-maester has too keep their names.
type flags struct {
	config   kube.Config
	rules    ruleset.Config
	noRules  bool
	hosts    []string
	apiRules apiRules
	log      telemetry.LogConfig
	port     int
	insecure bool
	others   []string
	tenants  []string

	kubeconfig      string
	metricsAddress  string
	healthAddress   string
	elect           bool
	electName       string
	electNamespace  string
	kubeQPS         float32
	electionTimings timings
}

// timings are those of the leader election: how long a lease holds, until when its holder must have renewed it, how often that is tried.
type timings struct{ lease, renew, retry time.Duration }

func (f *flags) declare(s *pflag.FlagSet) {
	s.SortFlags = false
	s.StringVar(&f.config.Server.URL, "hydra-url", "", "scheme and host of the server's admin API; required")
	s.IntVar(&f.port, "hydra-port", 4445, "its port, where --hydra-url has none")
	s.StringVar(&f.config.Server.Endpoint, "endpoint", "/admin/clients", "path of the API of clients; /t/TENANT/admin/clients for a tenant's")
	s.StringVar(&f.config.Server.ForwardedProto, "forwarded-proto", "", "sent as X-Forwarded-Proto: http, https or off")
	s.StringVar(&f.config.Server.CredentialFile, "admin-key-file", "", "file with an admin key or access token; read anew for each request")
	s.StringVar(&f.config.Server.CertFile, "client-cert", "", "client certificate in PEM, for admin APIs that know their callers by it (serve.admin.certificates); read anew for each request")
	s.StringVar(&f.config.Server.KeyFile, "client-key", "", "its key in PEM")
	s.StringVar(&f.config.Server.CAFile, "tls-trust-store", "", "authorities that sign the server's certificate, in PEM; read anew for each request; without it the system's")
	s.BoolVar(&f.insecure, "insecure-skip-verify", false, "not supported: name the authority with --tls-trust-store")
	s.StringArrayVar(&f.others, "allow-hydra-admin", nil, "another server that resources may name: URL[,admin-key-file=…][,tls-trust-store=…][,client-cert=…][,client-key=…][,endpoint=…][,forwarded-proto=…]; repeatable")
	s.StringArrayVar(&f.tenants, "tenant", nil, "which namespaces may name a tenant: TENANT=NAMESPACE[,NAMESPACE…], with * as of shell patterns; repeatable")
	s.StringSliceVar(&f.config.AdminScopes, "admin-scopes", nil, "namespaces whose clients may ask for scopes that open the server's admin API, with * as of shell patterns; repeatable")
	s.StringSliceVar(&f.config.SkipConsent, "skip-consent", nil, "namespaces whose clients may have nobody asked for consent (skipConsent), with * as of shell patterns; repeatable")
	f.declareNamespaces(s, "watch these namespaces; without it all")
	s.BoolVar(&f.config.RequireExistingSecret, "require-existing-secret", false, "make no Secrets: wait for those that others bring, for every resource")
	s.DurationVar(&f.config.Resync, "sync-period", 10*time.Minute, "how often each client is compared with what the server has, and a rule tried again that it refused")
	s.DurationVar(&f.config.RemoveWithin, "removal-timeout", 5*time.Minute, "how long a deleted resource waits for its client to be removed, before it goes without")
	s.DurationVar(&f.config.Orphans, "orphan-period", time.Hour, "how often clients are looked for whose resource is gone; 0 is never")
	s.BoolVar(&f.noRules, "no-rules", false, "leave Rule resources alone")
	s.StringVar(&f.rules.Set, "rule-set", "", "set of access rules on the server that is this controller's alone; without it kubernetes, or kubernetes-NAMESPACE with --namespace")
	s.StringArrayVar(&f.hosts, "host", nil, "which namespaces may claim a host in rules: HOST=NAMESPACE[,NAMESPACE…], with *.example.com for all hosts below it, * for every host, and * in namespaces as of shell patterns; repeatable")
	s.StringVar(&f.rules.HostsFile, "hosts-file", "", "file with more of --host, as YAML: a list of namespaces below each host; read anew when it changes")
	s.StringVar(&f.rules.Unlisted, "unlisted-hosts", ruleset.FirstCome, "who may claim a host that is not listed: first-come is the namespace that had a rule for it first (any, with a single --namespace), refuse is nobody, any is everybody")
	s.StringSliceVar((*[]string)(&f.rules.Blocked), "service-blocklist", []string{"kubernetes.default", "kube-dns.kube-system"}, "Services that no rule and no APIRule may lead to, as NAME.NAMESPACE, with * as of shell patterns; name the server's admin API")
	f.apiRules.declare(s)
	s.BoolVar(&f.elect, "enable-leader-election", false, "let one of several controllers work, the others stand by")
	s.StringVar(&f.electName, "leader-lease-name", "gatehouse-controller", "the lease's name: controllers of one installation share it, and those of no other")
	s.StringVar(&f.electNamespace, "leader-elector-namespace", "", "where the lease is; without it the pod's namespace")
	s.DurationVar(&f.electionTimings.lease, "leader-lease", 15*time.Second, "how long a leader counts as alive that does not renew its lease")
	s.DurationVar(&f.electionTimings.renew, "leader-renew-deadline", 10*time.Second, "a leader that could not renew its lease for so long stops")
	s.DurationVar(&f.electionTimings.retry, "leader-retry-period", 2*time.Second, "how often a lease is renewed, or asked for")
	s.StringVar(&f.metricsAddress, "metrics-addr", ":8080", "where Prometheus reads metrics (/metrics); 0 is nowhere")
	s.StringVar(&f.healthAddress, "health-addr", ":8081", "where /healthz and /readyz answer; 0 is nowhere")
	s.StringVar(&f.kubeconfig, "kubeconfig", "", "how to reach the API server; without it the pod's service account, or KUBECONFIG")
	s.Float32Var(&f.kubeQPS, "kube-api-qps", 300, "requests per second to the API server, which is how fast the statuses of many resources are written")
	s.StringVar(&f.log.Level, "log-level", "info", "trace, debug, info, warn or error")
	s.StringVar(&f.log.Format, "log-format", "json", "json or text")
}

// check completes the configuration and says all that is wrong with it.
func (f *flags) check() error {
	if f.insecure {
		return errors.New("--insecure-skip-verify is not supported: whoever answered in the server's place would get the controller's key; " +
			"name the authority of the server's certificate with --tls-trust-store")
	}
	f.config.IDKey, f.config.SecretKey = cmp.Or(os.Getenv("CLIENT_ID_KEY"), "CLIENT_ID"), cmp.Or(os.Getenv("CLIENT_SECRET_KEY"), "CLIENT_SECRET")
	f.config.Server.URL = withPort(f.config.Server.URL, f.port)
	var faults []error
	for _, text := range f.others {
		server, err := parseServer(text)
		if err != nil {
			faults = append(faults, fmt.Errorf("--allow-hydra-admin %s: %w", text, err))
		}
		f.config.Others = append(f.config.Others, server)
	}
	f.config.Tenants = map[string][]string{}
	for _, text := range f.tenants {
		tenant, namespaces, ok := strings.Cut(text, "=")
		if !ok || tenant == "" || namespaces == "" {
			faults = append(faults, fmt.Errorf("--tenant %s: write TENANT=NAMESPACE, as acme=team-a,team-b-*", text))
			continue
		}
		f.config.Tenants[tenant] = append(f.config.Tenants[tenant], strings.Split(namespaces, ",")...)
	}
	faults = append(faults, f.checkRules())
	if t := f.electionTimings; t.lease <= t.renew || t.renew <= t.retry || t.retry <= 0 {
		faults = append(faults, errors.New("--leader-lease must be longer than --leader-renew-deadline, and that longer than --leader-retry-period"))
	}
	faults = append(faults, f.log.Validate()...)
	return errors.Join(append(faults, f.config.Validate())...)
}

func (f *flags) declareNamespaces(s *pflag.FlagSet, usage string) {
	s.StringSliceVar(&f.config.Namespaces, "namespace", nil, usage)
	given := s.Lookup("namespace")
	given.Value, given.DefValue = named{given.Value}, ""
}

// named is a flag that is not given with nothing in it, as a script does whose variable is empty: alone it would mean all, and beside others
// be overlooked.
type named struct{ pflag.Value }

// Set implements pflag.Value.
func (n named) Set(text string) error {
	if text == "" {
		return errors.New("names no namespace: name those that are meant, or leave it out for all")
	}
	return n.Value.Set(text)
}

// checkRules completes the part about rules.
func (f *flags) checkRules() error {
	var faults []error
	f.rules.Hosts = map[string][]string{}
	for _, text := range f.hosts {
		host, namespaces, ok := strings.Cut(text, "=")
		if !ok || host == "" || namespaces == "" {
			faults = append(faults, fmt.Errorf("--host %s: write HOST=NAMESPACE, as *.shop.example.com=shop,shop-*", text))
			continue
		}
		f.rules.Hosts[host] = append(f.rules.Hosts[host], strings.Split(namespaces, ",")...)
	}
	f.apiRules.options.Blocked = f.rules.Blocked
	faults = append(faults, f.apiRules.check())
	if f.noRules && !f.apiRules.wanted() {
		return errors.Join(faults...)
	}
	f.rules.Namespaces, f.rules.Resync = f.config.Namespaces, f.config.Resync
	if e := strings.TrimSuffix(f.config.Server.Endpoint, "/"); e != "" && !strings.HasSuffix(e, "/clients") {
		faults = append(faults, fmt.Errorf("--endpoint %s: where rules are is known only from a path that ends with /clients; else --no-rules", e))
	}
	return errors.Join(append(faults, f.rules.Validate())...)
}

// withPort adds the port to an address that has none.
func withPort(address string, port int) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Port() != "" || port == 0 {
		return address
	}
	u.Host = net.JoinHostPort(u.Hostname(), strconv.Itoa(port))
	return u.String()
}

// parseServer reads one --allow-hydra-admin.
func parseServer(text string) (kube.Server, error) {
	address, rest, more := strings.Cut(text, ",")
	server := kube.Server{URL: address}
	for more {
		var setting string
		setting, rest, more = strings.Cut(rest, ",")
		name, value, _ := strings.Cut(setting, "=")
		into := map[string]*string{
			"admin-key-file": &server.CredentialFile, "tls-trust-store": &server.CAFile, "client-cert": &server.CertFile,
			"client-key": &server.KeyFile, "endpoint": &server.Endpoint, "forwarded-proto": &server.ForwardedProto,
		}[name]
		if into == nil || value == "" {
			return server, fmt.Errorf("%q is no setting of a server", setting)
		}
		*into = value
	}
	return server, nil
}
