package main

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/gatehouse-iam/gatehouse/internal/kube"
	"github.com/gatehouse-iam/gatehouse/internal/kube/apirule"
	"github.com/gatehouse-iam/gatehouse/internal/kube/ruleset"
)

// apiRules are the flags for APIRules. Those that Kyma's API Gateway has too keep their names.
type apiRules struct {
	options     apirule.Options
	route       string
	origins     []string
	methods     []string
	headers     []string
	annotations []string
}

func (a *apiRules) declare(s *pflag.FlagSet) {
	s.StringVar(&a.route, "apirule-route", "", "make APIRules true, with access rules and routes of this kind: virtualservice, httproute, ingress, or none for rules alone; without it APIRules are left alone")
	s.StringVar(&a.options.Proxy, "oathkeeper-svc-address", "", "the Service of the server's proxy listener, to which routes lead: gatehouse.iam.svc.cluster.local")
	s.IntVar(&a.options.ProxyPort, "oathkeeper-svc-port", 4455, "its port")
	s.StringVar(&a.options.DefaultDomain, "default-domain-name", "", "domain for hosts of APIRules that have none")
	s.StringSliceVar(&a.options.Domains, "domain-allowlist", nil, "domains of which hosts of APIRules must be; without it any")
	s.StringSliceVar(&a.origins, "cors-allow-origins", nil, "origins whose pages may call services of APIRules without a corsPolicy, as exact:, prefix: or regex:…; without it none")
	s.StringSliceVar(&a.methods, "cors-allow-methods", []string{"GET", "POST", "PUT", "DELETE"}, "methods that these pages may use")
	s.StringSliceVar(&a.headers, "cors-allow-headers", []string{"Authorization", "Content-Type"}, "header fields that these pages may set")
	s.StringVar(&a.options.ParentGateway, "apirule-parent-gateway", "", "NAMESPACE/NAME of the Gateway of all HTTPRoutes; without it the one that the APIRule names")
	s.StringVar(&a.options.IngressClass, "apirule-ingress-class", "", "class of Ingresses; without it the cluster's default")
	s.StringVar(&a.options.IngressTLSSecret, "apirule-ingress-tls-secret", "", "Secret beside the server with the certificate for the hosts of all Ingresses")
	s.StringArrayVar(&a.annotations, "apirule-ingress-annotation", nil, "KEY=VALUE that each Ingress gets, for its controller; repeatable")
}

// wanted reports whether APIRules are made true.
func (a *apiRules) wanted() bool { return a.route != "" }

// check completes the options and says all that is wrong with them.
func (a *apiRules) check() error {
	if !a.wanted() {
		return nil
	}
	a.options.Route = apirule.Route(a.route)
	var faults []error
	if err := a.options.AllowOrigins(a.origins, a.methods, a.headers); err != nil {
		faults = append(faults, fmt.Errorf("--cors-allow-origins %w", err))
	}
	for _, annotation := range a.annotations {
		key, value, ok := strings.Cut(annotation, "=")
		if !ok {
			faults = append(faults, fmt.Errorf("--apirule-ingress-annotation %s: write KEY=VALUE", annotation))
			continue
		}
		if a.options.IngressAnnotations == nil {
			a.options.IngressAnnotations = map[string]string{}
		}
		a.options.IngressAnnotations[key] = value
	}
	if err := a.options.Validate(); err != nil {
		faults = append(faults, fmt.Errorf("--apirule-route %s: %w", a.route, err))
	}
	return errors.Join(faults...)
}

// source is the controller of APIRules, as a source of rules that runs with their set.
func (a *apiRules) source(m manager.Manager, log *slog.Logger, config *kube.Config) ruleset.Source {
	return &apirule.Controller{
		Options: &a.options, Kube: m.GetClient(), Cache: m.GetCache(), Live: m.GetAPIReader(), Events: m.GetEventRecorder("gatehouse-controller"),
		Log: log, Now: time.Now, Resync: config.Resync, Namespaces: config.Namespaces,
	}
}
