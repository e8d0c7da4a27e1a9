package chart

import (
	"maps"
	"strings"
	"testing"
)

// What users write once more than the chart does is theirs; YAML has no key twice, and the API server no variable.
func TestWhatStandsTwiceIsTheUsers(t *testing.T) {
	given := example(t, "production-hardened.yaml")
	maps.Copy(given, read(t, `
commonLabels: {app.kubernetes.io/version: v1, app.kubernetes.io/part-of: platform, helm.sh/chart: mine, team: iam}
podLabels: {team: people, app.kubernetes.io/version: v2}
podAnnotations: {gatehouse.dev/secrets: mine}
secretConfig: {create: false, name: gatehouse-secrets, version: two}
extraEnv: [{name: GOMEMLIMIT, value: 100MiB}, {name: GATEHOUSE_COURIER_SMTP_CONNECTION_URI_FILE, value: /mine}]
metrics: {serviceMonitor: {enabled: true, keySecret: k, labels: {team: watch, app.kubernetes.io/part-of: watch}}, prometheusRule: {enabled: true, labels: {team: watch}}}
ingress: {enabled: true, className: nginx, clusterIssuer: a, annotations: {nginx.ingress.kubernetes.io/backend-protocol: GRPCS, cert-manager.io/cluster-issuer: b}}
`))
	r := mustRender(t, given) // decoding refuses keys that stand twice
	server := r.find("Deployment", release)
	env := map[string]string{}
	for _, e := range list(server, "spec", "template", "spec", "containers", 0, "env") {
		if _, twice := env[e.text("name")]; twice {
			t.Errorf("the variable %s is there twice", e.text("name"))
		}
		env[e.text("name")] = e.text("value")
	}
	labels := []any{"metadata", "labels"}
	pod := []any{"spec", "template", "metadata"}
	for what, is := range map[string][2]string{
		"version":          {server.text(append(labels, "app.kubernetes.io/version")...), "v1"},
		"part-of":          {server.text(append(labels, "app.kubernetes.io/part-of")...), "platform"},
		"team of pods":     {server.text(append(pod, "labels", "team")...), "people"},
		"version of pods":  {server.text(append(pod, "labels", "app.kubernetes.io/version")...), "v2"},
		"annotation":       {server.text(append(pod, "annotations", "gatehouse.dev/secrets")...), "mine"},
		"GOMEMLIMIT":       {env["GOMEMLIMIT"], "100MiB"},
		"SMTP":             {env["GATEHOUSE_COURIER_SMTP_CONNECTION_URI_FILE"], "/mine"},
		"secrets":          {env["GATEHOUSE_SECRETS_SYSTEM_FILE"], "/run/secrets/gatehouse/system"},
		"monitor":          {r.find("ServiceMonitor", release).text(append(labels, "team")...), "watch"},
		"part of monitor":  {r.find("PodMonitor", release+"-controller").text(append(labels, "app.kubernetes.io/part-of")...), "watch"},
		"rules":            {r.find("PrometheusRule", release).text(append(labels, "team")...), "watch"},
		"backend protocol": {r.find("Ingress", release).text("metadata", "annotations", "nginx.ingress.kubernetes.io/backend-protocol"), "GRPCS"},
		"issuer":           {r.find("Ingress", release).text("metadata", "annotations", "cert-manager.io/cluster-issuer"), "b"},
	} {
		if is[0] != is[1] {
			t.Errorf("%s is %q, want %q", what, is[0], is[1])
		}
	}
	for text, want := range map[string]string{
		"commonLabels: {app.kubernetes.io/instance: x}":                              "commonLabels has app.kubernetes.io/instance, by which",
		"podLabels: {app.kubernetes.io/component: x}":                                "podLabels has app.kubernetes.io/component, by which",
		"extraEnv: [{name: A, value: a}, {name: A, value: b}]":                       "extraEnv has A twice",
		"extraVolumes: [{name: data, emptyDir: {}}]":                                 "extraVolumes has the name data twice, or it is one of the chart's",
		"backup: {extraVolumes: [{name: a, emptyDir: {}}, {name: a, emptyDir: {}}]}": "backup.extraVolumes has the name a twice",
		"extraVolumes: [{name: database-ca, emptyDir: {}}]":                          "extraVolumes has the name database-ca twice",
	} {
		if _, err := render(read(t, text), false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
