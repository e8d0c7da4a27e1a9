package chart

import (
	"strings"
	"testing"
)

// effect is what values have an object say at a path.
type effect struct {
	kind, name string
	path       []any
	want       string
}

const podSpec = "spec template spec"

// says is the effect at a path of keys, of which numbers of one digit lead into lists.
func says(of, path, want string) effect {
	kind, name, _ := strings.Cut(of, " ")
	var keys []any
	for key := range strings.FieldsSeq(path) {
		if len(key) == 1 && key[0] <= '9' {
			keys = append(keys, int(key[0]-'0'))
		} else {
			keys = append(keys, key)
		}
	}
	return effect{kind, name, keys, want}
}

// What follows from the profile or by default, and what somebody says instead: each is in the manifests.
func TestEffectsOfValues(t *testing.T) {
	const (
		server, postgresql, proxy = "Deployment gatehouse", "StatefulSet gatehouse-postgresql", "Deployment gatehouse-cloudsql"
		scaler, budget            = "HorizontalPodAutoscaler gatehouse", "PodDisruptionBudget gatehouse"
		resources                 = podSpec + " containers 0 resources "
	)
	own := minimal("production", "postgres")
	cloudsql := func(more string) string {
		return strings.Replace(minimal("production", "cloudsql"), "region: europe-west4", "region: europe-west4, "+more, 1)
	}
	for name, tc := range map[string]struct {
		values string
		want   []effect
	}{
		"the small profile": {"", []effect{
			says(server, resources+"requests cpu", "100m"), says(server, resources+"limits memory", "384Mi"), says(server, podSpec+" topologySpreadConstraints", ""),
			says(budget, "spec", ""), says(server, "spec strategy type", "Recreate"),
		}},
		"the large profile": {own, []effect{
			says(server, resources+"requests cpu", "200m"), says(server, resources+"limits memory", "768Mi"),
			says(server, podSpec+" topologySpreadConstraints 0 topologyKey", "topology.kubernetes.io/zone"),
			says(server, podSpec+" topologySpreadConstraints 1 topologyKey", "kubernetes.io/hostname"),
			says(budget, "spec maxUnavailable", "1"), says("configuration serve", "stop_delay", "5s"),
			says(server, "spec strategy rollingUpdate maxSurge", "1"), says(server, "spec strategy rollingUpdate maxUnavailable", "0"),
			says(server, podSpec+" containers 0 readinessProbe httpGet path", "/health/ready"), says(server, podSpec+" containers 0 livenessProbe httpGet path", "/health/alive"),
		}},
		"the large profile, with what somebody else wants": {own + "replicaCount: 5\nresources: {requests: {cpu: 1}}\ntopologySpreadConstraints: []\npodDisruptionBudget: {enabled: false}\n", []effect{
			says(server, "spec replicas", "5"), says(server, resources+"requests cpu", "1"), says(server, resources+"limits", ""),
			says(server, podSpec+" topologySpreadConstraints", ""), says(budget, "spec", ""),
		}},
		"a scaler": {own + "autoscaling: {enabled: true, minReplicas: 3, maxReplicas: 9, targetMemoryUtilizationPercentage: 80, metrics: [{type: Pods}], behavior: {scaleDown: {stabilizationWindowSeconds: 7}}}", []effect{
			says(server, "spec replicas", ""), says(scaler, "spec minReplicas", "3"), says(scaler, "spec maxReplicas", "9"), says(scaler, "spec scaleTargetRef name", "gatehouse"),
			says(scaler, "spec metrics 0 resource name", "cpu"), says(scaler, "spec metrics 1 resource target averageUtilization", "80"), says(scaler, "spec metrics 2 type", "Pods"),
			says(scaler, "spec behavior scaleDown stabilizationWindowSeconds", "7"),
		}},
		"users whom the cluster gives": {own + "podSecurityContext: {runAsUser: null, runAsGroup: null, fsGroup: 70000}", []effect{
			says(server, podSpec+" securityContext runAsUser", ""), says(server, podSpec+" securityContext fsGroup", "70000"), says(server, podSpec+" securityContext runAsNonRoot", "true"),
		}},
		"the default class of volumes": {minimal("production", "bundled"), []effect{
			says(postgresql, "spec volumeClaimTemplates 0 spec resources requests storage", "8Gi"), says(postgresql, "spec volumeClaimTemplates 0 spec storageClassName", ""),
		}},
		"a class of volumes": {minimal("production", "bundled") + "\n  bundled: {storageClass: fast, size: 20Gi}", []effect{
			says(postgresql, "spec volumeClaimTemplates 0 spec resources requests storage", "20Gi"), says(postgresql, "spec volumeClaimTemplates 0 spec storageClassName", "fast"),
		}},
		"a lab": {"database: {mode: sqlite}", []effect{
			says("PersistentVolumeClaim gatehouse-data", "spec resources requests storage", "1Gi"), says("PersistentVolumeClaim gatehouse-data", "spec storageClassName", ""),
		}},
		"a lab with a class of volumes": {"database: {mode: sqlite, sqlite: {storageClass: fast}}", []effect{says("PersistentVolumeClaim gatehouse-data", "spec storageClassName", "fast")}},
		"the Job for databases": {own, []effect{
			says("Job gatehouse-database", "spec backoffLimit", "0"), says("Job gatehouse-database", "spec parallelism", "1"), says("Job gatehouse-database", "spec ttlSecondsAfterFinished", "600"),
			says("Job gatehouse-database", podSpec+" containers 0 args 1", "up"),
		}},
		"Cloud SQL without a key": {cloudsql("port: null"), []effect{
			says(proxy, podSpec+" volumes", ""), says(proxy, podSpec+" containers 0 ports 0 containerPort", "5432"), says("Service gatehouse-cloudsql", "spec ports 0 port", "5432"),
			says(proxy, podSpec+" containers 0 args 2", "--port=5432"), says(proxy, podSpec+" containers 0 args 7", "my-project:europe-west4:mydb"),
			says("configuration databases", "postgres host", "gatehouse-cloudsql"), says("configuration databases", "postgres port", "5432"),
		}},
		"Cloud SQL with a key, for MySQL": {cloudsql("type: mysql, existingSecret: gcp"), []effect{
			says(proxy, podSpec+" volumes 0 secret secretName", "gcp"), says(proxy, podSpec+" volumes 0 secret items 0 key", "sa.json"),
			says(proxy, podSpec+" containers 0 args 7", "--credentials-file=/run/secrets/cloudsql/key.json"), says("Service gatehouse-cloudsql", "spec ports 0 port", "3306"),
			says("configuration databases", "mysql host", "gatehouse-cloudsql"), says("configuration databases", "mysql port", "3306"),
		}},
		"Cloud SQL at a port, for a Google account": {cloudsql("port: 6000, serviceAccountAnnotations: {iam.gke.io/gcp-service-account: a@b}"), []effect{
			says("Service gatehouse-cloudsql", "spec ports 0 port", "6000"), says(proxy, podSpec+" containers 0 args 2", "--port=6000"),
			says("configuration databases", "postgres port", "6000"), says("ServiceAccount gatehouse-cloudsql", "metadata annotations iam.gke.io/gcp-service-account", "a@b"),
		}},
		"databases of other names": {own + "  names: {management: m, oauth: o, activity: a, flow: f}", []effect{
			says("configuration databases", "postgres names management", "m"), says("configuration databases", "postgres names oauth", "o"),
			says("configuration databases", "postgres names activity", "a"), says("configuration databases", "postgres names flow", "f"),
		}},
		"a certificate in values": {strings.Replace(own, "existingSecret: tls", "cert: THE-CERTIFICATE, key: THE-KEY", 1), []effect{
			says("Secret gatehouse-tls", "stringData tls.crt", "THE-CERTIFICATE"), says("Secret gatehouse-tls", "stringData tls.key", "THE-KEY"), says("Secret gatehouse-tls", "type", "kubernetes.io/tls"),
			says(server, podSpec+" containers 0 readinessProbe httpGet scheme", "HTTPS"), says("Service gatehouse", "spec ports 0 port", "443"),
		}},
		"a certificate of cert-manager": {strings.Replace(own, "existingSecret: tls", "certManager: {enabled: true, issuerRef: {name: le, kind: ClusterIssuer}}", 1), []effect{
			says("Certificate gatehouse-tls", "spec secretName", "gatehouse-tls"), says("Certificate gatehouse-tls", "spec dnsNames", "[id.example.com]"),
			says("Certificate gatehouse-tls", "spec issuerRef name", "le"),
		}},
		"backups when somebody wants them": {own + "backup: {enabled: true, schedule: 1 2 * * *, timeZone: Europe/Berlin, recipients: [age1xyz], destinations: [{name: a, s3: {bucket: a}}, {name: b, s3: {bucket: b}}], drill: {enabled: true, schedule: 3 4 * * 1, identitySecret: i}}", []effect{
			says("CronJob gatehouse-backup", "spec schedule", "1 2 * * *"), says("CronJob gatehouse-backup", "spec timeZone", "Europe/Berlin"), says("CronJob gatehouse-backup", "spec concurrencyPolicy", "Forbid"),
			says("CronJob gatehouse-drill", "spec schedule", "3 4 * * 1"), says("configuration backup", "destinations 1 name", "b"),
		}},
		"what Prometheus asks": {own + "metrics: {serviceMonitor: {enabled: true, labels: {release: p}, interval: 7s, keySecret: key}, prometheusRule: {enabled: true}}\ncontroller: {enabled: true}", []effect{
			says("ServiceMonitor gatehouse", "spec endpoints 0 path", "/admin/metrics/prometheus"), says("ServiceMonitor gatehouse", "spec endpoints 0 scheme", "https"),
			says("ServiceMonitor gatehouse", "spec endpoints 0 interval", "7s"), says("ServiceMonitor gatehouse", "spec endpoints 0 authorization credentials name", "key"),
			says("ServiceMonitor gatehouse", "metadata labels release", "p"), says("PodMonitor gatehouse-controller", "spec podMetricsEndpoints 0 port", "metrics"),
			says("PrometheusRule gatehouse", "spec groups 0 name", "gatehouse-backup"),
		}},
		"listeners apart": {own, []effect{
			says("Service gatehouse", "spec ports 0 targetPort", "public"), says("Service gatehouse", "spec ports 1", ""),
			says("Service gatehouse-admin", "spec ports 0 port", "4445"), says("Service gatehouse-admin", "spec type", "ClusterIP"),
		}},
	} {
		t.Run(name, func(t *testing.T) {
			r := mustRender(t, read(t, tc.values))
			for _, e := range tc.want {
				of := r.find(e.kind, e.name)
				if e.kind == "configuration" {
					of, _ = r.config(t).at(e.name).(map[string]any)
				}
				if of == nil && e.want != "" {
					t.Errorf("there is no %s %s", e.kind, e.name)
				} else if got := of.text(e.path...); got != e.want {
					t.Errorf("%s %s: %v is %q, want %q", e.kind, e.name, e.path, got, e.want)
				}
			}
		})
	}
}

// Images come from a registry that asks who somebody is, and pods run where somebody wants them: each of them. The bundled database has places
// of its own, where volumes are.
func TestEveryPodRunsWhereItShall(t *testing.T) {
	const where = "\nimagePullSecrets: [{name: registry}]\nnodeSelector: {disk: ssd}\ntolerations: [{key: dedicated, operator: Exists}]\npriorityClassName: high\n" +
		"controller: {enabled: true}\nbackup: {enabled: true, recipients: [age1xyz], destinations: [{name: a, s3: {bucket: a}}], drill: {enabled: true, identitySecret: i}}\n"
	for _, mode := range []string{"sqlite", "bundled", "postgres", "cloudsql"} {
		pods := podsOf(mustRender(t, read(t, minimal("production", mode)+where)))
		if len(pods) < 6 {
			t.Errorf("%s: pods are %d", mode, len(pods))
		}
		for name, pod := range pods {
			want := map[string]string{"imagePullSecrets": "[map[name:registry]]", "nodeSelector": "map[disk:ssd]", "tolerations": "[map[key:dedicated operator:Exists]]", "priorityClassName": "high"}
			if strings.HasSuffix(name, "-postgresql") {
				want = map[string]string{"imagePullSecrets": want["imagePullSecrets"], "nodeSelector": "", "tolerations": ""}
			}
			for key, of := range want {
				if got := pod.text("spec", key); got != of {
					t.Errorf("%s, %s: %s is %q", mode, name, key, got)
				}
			}
		}
	}
}
