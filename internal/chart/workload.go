package chart

import (
	"regexp"
	"slices"
	"strings"
)

// workload are the settings that charts of servers have in common; PODS is what those of pods begin with.
const workload = `replicaCount > replicaCount whole
imagePullSecrets > imagePullSecrets array
image.pullPolicy > image.pullPolicy text
image.*,global.imageRegistry - the image is Gatehouse's: see image.repository
nameOverride,fullnameOverride - a release beside the old one needs names of its own
priorityClassName,PODSpriorityClassName > priorityClassName text
affinity,PODSaffinity > affinity object
commonLabels > commonLabels labels
global.podMetadata.labels,PODSpodMetadata.labels,PODSpodLabels,PODSlabels > podLabels labels
global.podMetadata.annotations,PODSpodMetadata.annotations,PODSpodAnnotations,PODSannotations > podAnnotations labels
PODSresources > resources object
PODSnodeSelector > nodeSelector labels
PODStolerations > tolerations array
PODStopologySpreadConstraints > topologySpreadConstraints array
PODSterminationGracePeriodSeconds > terminationGracePeriodSeconds whole
PODSserviceAccount.annotations > serviceAccount.annotations labels
PODSserviceAccount.*,PODSautomountServiceAccountToken - the server's pods have no token of the cluster
pdb.enabled > podDisruptionBudget.enabled truth
pdb.spec.maxUnavailable,podDisruptionBudget.maxUnavailable > podDisruptionBudget.maxUnavailable whole
pdb.spec.minAvailable,podDisruptionBudget.* - the budget says how many may be away: podDisruptionBudget.maxUnavailable
serviceMonitor.enabled > metrics.serviceMonitor.enabled truth
serviceMonitor.labels > metrics.serviceMonitor.labels labels
serviceMonitor.scrapeInterval,serviceMonitor.interval > metrics.serviceMonitor.interval text
serviceMonitor.* - the ServiceMonitor is as the metrics need it
service.public.type > service.type text
service.public.annotations > service.annotations labels
service.* - ports, Services and their names are the chart's
job,migrateJob,importJob - the chart has Jobs of its own, which need no settings
janitor,cleanup,cronjob - the server clears out what is over by itself
watcher,configmap,secret.hashSumEnabled - pods are replaced when their configuration or Secrets change
test - ¡helm test¡ gets a token and logs a person in
strategy,revisionHistoryLimit,PODSstrategy,PODSrevisionHistoryLimit,PODSrollingUpdate - servers are replaced one by one, each ready before the next one stops
podSecurityContext,securityContext,PODSpodSecurityContext,PODSsecurityContext,PODSinitContainerSecurityContext - every pod passes Pod Security ¡restricted¡ by itself; set podSecurityContext and securityContext where your cluster asks for other users
PODSlivenessProbe,PODSreadinessProbe,PODSstartupProbe,PODScustomLivenessProbe,PODScustomReadinessProbe,PODScustomStartupProbe - the chart's probes ask what the server has for that
PODSextraEnv,PODSextraArgs,PODSextraVolumes,PODSextraVolumeMounts,PODSextraInitContainers,PODSextraContainers,PODSinitContainers,PODSlifecycle,PODSdnsConfig,PODSautomigration - containers, variables and files of another program mean nothing to this one; see extraEnv, extraVolumes and extraVolumeMounts
SCALINGautoscaling.enabled > autoscaling.enabled truth
SCALINGautoscaling.minReplicas > autoscaling.minReplicas whole
SCALINGautoscaling.maxReplicas > autoscaling.maxReplicas whole
SCALINGautoscaling.behavior > autoscaling.behavior object
SCALINGautoscaling.extraMetrics,SCALINGautoscaling.metrics > autoscaling.metrics array
SCALINGautoscaling.targetCPU.averageUtilization,SCALINGautoscaling.targetCPUUtilizationPercentage > autoscaling.targetCPUUtilizationPercentage whole
SCALINGautoscaling.targetMemory.averageUtilization,SCALINGautoscaling.targetMemoryUtilizationPercentage > autoscaling.targetMemoryUtilizationPercentage whole
SCALINGautoscaling.targetCPU.type,SCALINGautoscaling.targetMemory.type =
SCALINGautoscaling.* - what is no share of the requests goes into autoscaling.metrics`

// ingress are the settings of an Ingress.
const ingress = `INGRESSenabled > ingress.enabled truth
INGRESSclassName,INGRESSingressClassName > ingress.className text
INGRESSannotations ! annotations
INGRESShosts ! hosts
INGRESStls ! tls
INGRESSdefaultBackend - the chart's Ingress leads to its own Services`

// of reads a table of which parts begin with what is said here, pair by pair.
func of(text string, functions map[string]handle, pairs ...string) table {
	return rows(strings.NewReplacer(append(pairs, "¡", "`")...).Replace(text), functions)
}

// workloadTable is that of a chart whose settings of pods begin with one word, those of scaling with another, and those of the Ingress
// with a third; host is our setting for the Ingress's address.
func workloadTable(pods, scaling, at, host string) table {
	return of(workload, nil, "PODS", pods, "SCALING", scaling).with(ingressTable(at, host))
}

func ingressTable(at, host string) table {
	return of(ingress, map[string]handle{"annotations": annotations, "hosts": hostOf(host), "tls": certificateOf}, "INGRESS", at)
}

var plainPath = regexp.MustCompile(`^(/[\w.~-]+)*/?$`)

// hostOf has the hosts of an Ingress.
func hostOf(setting string) handle {
	return func(c *Conversion, at string, v any) {
		first, ok := c.one(at, v)
		if !ok {
			return
		}
		host, _ := scalar(first["host"])
		path := ""
		if paths, ok := first["paths"].([]any); ok && len(paths) > 0 {
			path, _ = paths[0].(string)
			if m, ok := paths[0].(map[string]any); ok {
				path, _ = m["path"].(string)
			}
		}
		if !plainPath.MatchString(path) {
			c.leave(at+"[0].paths", "the server has its address below a path from url, without a pattern")
			path = ""
		}
		if host != "" && !strings.ContainsAny(host, "/?# \t\n") {
			c.hosts[setting] = [2]string{"https://" + host + "/" + strings.TrimPrefix(path, "/"), at}
		}
	}
}

// certificateOf has the certificates of an Ingress.
func certificateOf(c *Conversion, at string, v any) {
	if first, ok := c.one(at, v); ok && textOf(first["secretName"]) != "" {
		c.set("ingress.tlsSecret", first["secretName"], at)
	}
}

// annotations has the annotations of an Ingress.
func annotations(c *Conversion, at string, v any) {
	m, ok := labels.of(v)
	if !ok {
		c.leave(at, "ingress.annotations is a mapping of texts, and this is none")
		return
	}
	kept := map[string]any{}
	for _, name := range slices.Sorted(keys(m.(map[string]any))) {
		value, where := m.(map[string]any)[name], at+"."+name
		short := strings.TrimPrefix(name, "nginx.ingress.kubernetes.io/")
		switch {
		case name == "cert-manager.io/cluster-issuer":
			c.set("ingress.clusterIssuer", value, where)
		case name == "cert-manager.io/issuer":
			c.set("ingress.issuer", value, where)
		case name == "kubernetes.io/ingress.class":
			c.set("ingress.className", value, where)
		case short == "rewrite-target" || short == "use-regex":
			c.leave(where, "the server has its address below a path from url, without a pattern")
		case short == "enable-cors" || strings.HasPrefix(short, "cors-"):
			c.leave(where, "CORS is set in one place: config.serve.public.cors")
		case short == "ssl-redirect" || short == "backend-protocol" || short == "force-ssl-redirect":
			c.leave(where, "the chart sets it")
		case strings.HasSuffix(short, "-snippet"):
			c.leave(where, "pieces of another program's configuration are for you to judge: ingress.annotations")
		default:
			kept[name] = value
		}
	}
	if len(kept) > 0 {
		c.set("ingress.annotations", kept, at)
	}
}
