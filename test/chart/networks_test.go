package chart

import (
	"net/netip"
	"strings"
	"testing"
)

// A network that is everybody, or one of two halves of it, is no network of a proxy's, and nobody who may ask an inner listener.
func TestWideNetworksAreRefused(t *testing.T) {
	base := minimal("production", "postgres")
	accepted := "config: {harden: {accept: [{check: admin-exposed, reason: agreed}]}}\n"
	for text, want := range map[string]string{
		"tlsTerminatedBy: [10.0.0.0/8, 128.0.0.0/1]":                                                                  "tlsTerminatedBy names everybody, or nearly so (128.0.0.0/1)",
		"admin: {tlsTerminatedBy: ['::/0']}":                                                                          "admin.tlsTerminatedBy names everybody, or nearly so (::/0)",
		"tlsTerminatedBy: [10.0.0.0/8, 'fd00::/8']":                                                                   "",
		"networkPolicy: {admin: {from: [{ipBlock: {cidr: 0.0.0.0/1}}]}}":                                              "networkPolicy.admin.from lets everybody in",
		"networkPolicy: {admin: {from: [{namespaceSelector: {}}]}}":                                                   "networkPolicy.admin.from lets everybody in",
		accepted + "networkPolicy: {admin: {from: [{namespaceSelector: {}}]}}":                                        "",
		"networkPolicy: {admin: {from: [{namespaceSelector: {}, podSelector: {matchLabels: {a: b}}}]}}":               "",
		"networkPolicy: {decisions: {from: [{ipBlock: {cidr: '2000::/3'}}]}}":                                         "networkPolicy.decisions.from lets everybody in",
		"networkPolicy: {public: {from: [{ipBlock: {cidr: 0.0.0.0/0}}]}}":                                             "", // it is for everybody
		"networkPolicy: {upstreams: {to: [{ipBlock: {cidr: 128.0.0.0/1}}]}}":                                          "networkPolicy.upstreams.to leads to the address at which clouds give the machine's credentials away: take it out of 128.0.0.0/1 by except: [169.254.0.0/16]",
		"networkPolicy: {database: {to: [{ipBlock: {cidr: '::/0'}}]}}":                                                "by except: [fd00:ec2::254/128]",
		"networkPolicy: {apiServer: {to: [{ipBlock: {cidr: 0.0.0.0/0, except: [169.254.0.0/16]}}]}}":                  "",
		"networkPolicy: {services: {to: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}}]}}":                       "networkPolicy.services.to leads to",
		"networkPolicy: {extraEgress: [{ports: [{protocol: TCP, port: 80}]}]}":                                        "networkPolicy.extraEgress[0].to leads to",
		"networkPolicy: {extraEgress: [{to: [{ipBlock: {cidr: 10.0.0.0/8}}]}, {to: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}": "networkPolicy.extraEgress[1].to leads to",
	} {
		_, err := render(read(t, base+text), false)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// What `config` says that servers call is let out to, at its own port, and to who is named alone; what unwraps secrets for all that read them.
func TestServicesOfTheConfigurationAreReached(t *testing.T) {
	const config = `config:
  cache: {redis: {addresses: ['redis-0.redis:6379', 'redis-1.redis:6380']}}
  tracing: {endpoint: 'http://collector.monitoring:4318'}
  secrets: {transit: {address: 'https://vault.vault:8200', token: '', key: gatehouse}}
backup: {enabled: true, recipients: [age1xyz], destinations: [{name: a, s3: {bucket: b}}], drill: {enabled: true, identitySecret: i}}
`
	base := minimal("production", "postgres") + config
	others := map[string][]int{"server": {6379, 6380, 4318, 8200}, "backup": {8200}, "drill": {8200}, "test": nil, "database": nil}
	for narrowed, reached := range map[string]map[string]bool{
		"": {"redis": true, "shop": true},
		"networkPolicy: {services: {to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: redis}}}]}}": {"redis": true, "shop": false},
	} {
		r := mustRender(t, read(t, base+narrowed))
		from, _ := network(r)
		for component, ports := range others {
			for _, port := range []int{6379, 6380, 4318, 8200, 9999} {
				for namespace, open := range reached {
					to := target{endpoint{namespace, object{"app": "any"}, netip.MustParseAddr("10.244.3.3")}, port, "", "TCP"}
					if narrowed == "" {
						to.labels = nil // outside of the cluster, or of what this network knows as pods
					}
					want := false
					for _, p := range ports {
						want = want || p == port && open
					}
					if got := lets(r, "Egress", from[component], to.endpoint, to); got != want {
						t.Errorf("%q: %s to %s at %d: %v, want %v", narrowed, component, namespace, port, got, want)
					}
				}
			}
		}
		metadata := netip.MustParseAddr("169.254.169.254")
		for _, p := range r.ofKind("NetworkPolicy") {
			if reaches(p, metadata) {
				t.Errorf("%q: %s reaches the metadata address", narrowed, p.name())
			}
		}
	}
}

// What the chart accepts in the server's name is so: each reason names who is let in, and no other.
func TestAcceptedReasonsAreTrue(t *testing.T) {
	const ownPods = "It has a Service of its own, and a NetworkPolicy that lets in the pods of this release that need it"
	doors := "doors: {decisions: {enabled: true}}\n"
	for text, want := range map[string]map[string]string{
		"": {"admin-exposed": ownPods + "."},
		"metrics: {serviceMonitor: {enabled: true, keySecret: k}}":                                        {"admin-exposed": ownPods + "; the namespace monitoring, which monitors it."},
		"networkPolicy: {admin: {from: [{podSelector: {matchLabels: {a: b}}}]}}":                          {"admin-exposed": ownPods + "; who is named in networkPolicy.admin.from."},
		"ingress: {enabled: true, admin: {host: admin.example.com, acknowledge: strangers may try keys}}": {"admin-exposed": ownPods + `; the Ingress controller in the namespace ingress-nginx, and through it whoever reaches that: ingress.admin.acknowledge says "strangers may try keys".`},
		doors: {"admin-exposed": ownPods + ".", "door-plain-http": "A NetworkPolicy lets in the namespace ingress-nginx alone, in which the Ingress controller runs."},
		doors + "networkPolicy: {ingressNamespace: edge, decisions: {from: [{podSelector: {matchLabels: {a: b}}}]}}": {"admin-exposed": ownPods + ".", "door-plain-http": "A NetworkPolicy lets in the namespace edge alone, in which the Ingress controller runs, and who is named in networkPolicy.decisions.from."},
		doors + "networkPolicy: {enabled: false}":                              {},
		"config: {harden: {accept: [{check: log-level-debug, reason: mine}]}}": {"admin-exposed": ownPods + ".", "log-level-debug": "mine"},
	} {
		c := mustRender(t, read(t, minimal("production", "postgres")+text)).config(t)
		got := map[string]string{}
		for _, a := range list(c, "harden", "accept") {
			got[a.text("check")] = a.text("reason")
		}
		if len(got) != len(want) {
			t.Errorf("%s: accepted are %v", text, got)
		}
		for check, reason := range want {
			if got[check] != reason {
				t.Errorf("%s: %s is accepted because %q", text, check, got[check])
			}
		}
	}
	for text, want := range map[string]bool{"": true, "networkPolicy: {enabled: false}": false} {
		c := mustRender(t, read(t, minimal("production", "cloudsql")+text)).config(t)
		if got := strings.Contains(c.text("harden", "accept"), "in which a NetworkPolicy lets in this release's pods alone"); got != want {
			t.Errorf("%s: Cloud SQL is said to be behind a NetworkPolicy: %v", text, got)
		}
	}
}
